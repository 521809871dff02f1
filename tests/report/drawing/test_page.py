"""The report as a browser sees it."""

import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from src.report.drawing.page import POLICY, page
from src.report.parts import Chart, Dot, Heat, Section, Series, Step, Table

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DOTS = [Dot(n, 0.1 + 0.1 * np.log10(1 + n), 0.02, "3 seeds") for n in (0, 10, 100, 1000)]
LINE = [Step(n, 0.1 + 0.1 * np.log10(1 + n), 0.05, 0.6) for n in (10, 100, 1000, 8000)]
CURVES = Chart("accuracy", "accuracy", [Series("m </script> b", DOTS, LINE, 1000), Series("other", DOTS)], percent=True)
MANY = Chart(
    "loss", "loss", [Series(f"curve {i}", [Dot(0, 2.0), Dot(10, 1.0 + i)], joined=True) for i in range(9)], log_y=True
)
EMPTY = Chart("nothing", "accuracy", [Series("none", [Dot(10, float("nan"))])])
HEAT = Heat("gains", "f", "on \\ of", ["x"], ["y", "z"], np.array([[np.nan, 1.5]]), np.array([[0.0, 0.1]]))


def report(*parts):
    return page("Study <s>", "lead", [Section("First", parts), Section("Second", ["text & more"])])


def in_browser(html, directory, more=""):
    """The document, with `more` at its end, once its scripts have run for ten seconds of the browser's own clock."""
    path = directory / "report.html"
    before, end, after = html.rpartition("</body>")
    path.write_text(before + more + end + after, encoding="utf-8")
    profile = [f"--user-data-dir={directory / 'profile'}", "--virtual-time-budget=10000", "--dump-dom"]
    command = [BROWSER, *OPTIONS, *profile, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout


def test_the_page_stands_alone_and_escapes_what_it_shows():
    html = report(CURVES, Table(["a"], [["<b>"]]), HEAT)
    written, _, _ = html.partition("<script>")
    assert not re.findall(r"(?:src|href)=\"(?!#)", written)
    assert f'content="{POLICY}"' in html
    assert "default-src 'none'" in POLICY
    assert "http" not in POLICY
    assert "<title>Study &lt;s&gt;</title>" in html
    assert "text &amp; more" in html
    assert html.count("</script>") == 2


def test_caveats_stand_between_the_lead_and_the_sections():
    html = page("Study", "lead", [Section("First", ["text"])], ["n < 3"])
    assert html.index("lead</p>") < html.index('<p class="caveat">n &lt; 3</p>') < html.index("<nav>")


def test_the_data_are_what_the_charts_show():
    html = report(CURVES, EMPTY, HEAT)
    first, second, third = json.loads(re.search(r'id="charts">(.*?)</script>', html, re.S)[1])
    rows, none, cells = (
        each["spec"]["datasets"][each["spec"]["data"]["name"]] for each in (first, second, third)
    )  # fmt: skip
    assert {row["name"] for row in rows} == {"m </script> b", "other"}
    assert [row["stderr"] for row in rows if row["kind"] == "dot"] == [0.02] * 8
    assert none == []
    assert [cell["value"] for cell in cells] == [None, 1.5]
    assert "switched" not in third


def test_a_long_table_is_cut_and_says_so():
    html, _, _ = report(Table(["n"], [[i] for i in range(3000)])).partition("<script>")
    assert html.count("<tr>") == 2001
    assert "The first 2,000 of 3,000 rows." in html
    assert "LaTeX" not in html


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to draw the charts in")
def test_a_browser_draws_every_chart(tmp_path):
    dom = in_browser(report(CURVES, MANY, EMPTY, HEAT), tmp_path)
    first, second, third, fourth = re.findall(r'<svg[^>]*class="marks".*?</svg>', dom, re.S)
    assert dots_of(first) == 2 * len(DOTS)
    assert dots_of(second) == 2 * 7  # seven curves at first
    assert dots_of(third) == 0
    assert "+1.5" in fourth
    assert dom.count(">Save as SVG<") == dom.count(">Save as PNG<") == 4
    assert re.findall(r'aria-pressed="(\w+)"', dom) == ["true", "false", "true", "true", "true", "false"]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to draw the charts in")
def test_the_reader_switches_axes_and_chooses_curves(tmp_path):
    act = """<script>
      const press = place => document.querySelector(place).dispatchEvent(new MouseEvent("click", {bubbles: true}));
      setTimeout(() => press(".role-legend-symbol path"), 2000);
      setTimeout(() => press(".bar button"), 4000);
    </script>"""
    dom = in_browser(report(CURVES), tmp_path, act)
    (drawn,) = re.findall(r'<svg[^>]*class="marks".*?</svg>', dom, re.S)
    assert dots_of(drawn) == len(DOTS)  # one of the two curves is hidden, and stays so on the other axis
    assert "for a linear scale with values from 0 to 1,000" in drawn
    assert re.findall(r'aria-pressed="(\w+)"', dom) == ["false", "false"]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to ask")
@pytest.mark.parametrize("policy", [True, False])
def test_the_browser_refuses_requests(tmp_path, policy):
    asked = []

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        html = report() if policy else report().replace(POLICY, "")
        in_browser(html, tmp_path, f'<img src="{address}/img"><script>fetch("{address}/get")</script>')
        server.shutdown()
    assert sorted(asked) == ([] if policy else ["/get", "/img"])


def dots_of(drawn):
    """How many dots are drawn; the transparent rings for hovering are not."""
    return len(re.findall(r'<path[^>]*aria-roledescription="point"[^>]*fill="#', drawn))
