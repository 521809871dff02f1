"""The report as a browser sees it."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from src.report.drawing.chart import Chart, Dot, Series, Step, told_apart
from src.report.drawing.heat import Heat
from src.report.drawing.page import Section, page
from src.report.drawing.table import Table

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
DOTS = [Dot(n, 0.1 + 0.1 * np.log10(1 + n), 0.02, "3 seeds") for n in (0, 10, 100, 1000)]
LINE = [Step(n, 0.1 + 0.1 * np.log10(1 + n), 0.05, 0.6) for n in (10, 100, 1000, 8000)]
CURVES = Chart("accuracy", "accuracy", [Series("m </script> b", DOTS, LINE, 1000), Series("other", DOTS)], percent=True)
MANY = Chart(
    "loss", "loss", [Series(f"curve {i}", [Dot(0, 2.0), Dot(10, 1.0 + i)], joined=True) for i in range(9)], log_y=True
)
EMPTY = Chart("nothing", "accuracy", [Series("none", [Dot(10, float("nan"))])])


def report(*parts):
    return page("Study <s>", "lead", [Section("First", parts), Section("Second", ["text & more"])])


def test_the_page_stands_alone_and_escapes_what_it_shows():
    html = report(
        CURVES, Table(["a"], [["<b>"]]), Heat("t", "f", "on", ["x"], ["y"], np.array([[np.nan]]), np.array([[0.0]]))
    )
    assert "http://www.w3.org/2000/svg" in html
    assert not re.findall(r"(?:src|href)=\"(?!#)", html)
    assert "<title>Study &lt;s&gt;</title>" in html
    assert "text &amp; more" in html
    assert html.count("</script>") == 2


def test_the_data_are_what_the_charts_show():
    html = report(CURVES, EMPTY)
    first, second = json.loads(re.search(r'id="charts">(.*?)</script>', html, re.S)[1])
    assert [series["name"] for series in first["series"]] == ["m </script> b", "other"]
    assert first["series"][0]["dots"][0] == [0.0, 0.1, 0.02, "3 seeds"]
    assert first["series"][0]["to"] == 1000
    assert second["series"][0]["dots"][0][1] is None


def test_a_long_table_is_cut_and_says_so():
    html = report(Table(["n"], [[i] for i in range(3000)]))
    assert html.count("<tr>") == 2001
    assert "The first 2,000 of 3,000 rows." in html
    assert "LaTeX" not in html


def test_a_legend_names_what_differs():
    assert told_apart(["m1 arithmetic full r1", "m2 arithmetic full r1"]) == ["m1", "m2"]
    assert told_apart(["m1 arithmetic"]) == ["m1 arithmetic"]
    assert told_apart(["same", "same"]) == ["same", "same"]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium to draw the charts in")
def test_a_browser_draws_every_chart(tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report(CURVES, MANY, EMPTY), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    dom = subprocess.run([BROWSER, *options, path.as_uri()], capture_output=True, text=True).stdout
    assert dom.count("<svg") == 3
    drawn = re.findall(r"<svg.*?</svg>", dom, re.S)
    assert drawn[0].count("<circle") == 2 * len(DOTS) + 1  # and the hover mark
    assert drawn[1].count("<circle") == 2 * 7 + 1  # seven curves at first
    assert "NaN" not in "".join(drawn)
    assert "Infinity" not in "".join(drawn)
    assert dom.count('aria-pressed="true"') == 2 + 7 + 1 + 3 + 1  # curves shown, log n thrice, log y once
