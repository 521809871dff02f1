import math
import shutil
import subprocess

import pytest

from src.report.drawing.table import as_html, as_latex, with_error, with_interval
from src.report.parts import Table

TABLE = Table(["curve_name", "n", "r²"], [["a & b <x>", 1000, 0.98765], ["c", None, math.nan]])


def test_html_escapes_and_aligns_numbers():
    html = as_html(TABLE)
    assert "a &amp; b &lt;x&gt;" in html
    assert '<td class="number">1,000</td>' in html
    assert html.count("<td") == 6
    assert html.count("–") == 2


def test_latex_escapes_and_has_a_cell_for_each_heading():
    latex = as_latex(TABLE)
    assert r"a \& b $<$x$>$ & 1,000 & 0.9877 \\" in latex
    assert r"curve\_name & n & r$^2$ \\" in latex
    assert r"\begin{tabular}{lrr}" in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    text = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{as_latex(TABLE)}\end{{document}}"
    (tmp_path / "t.tex").write_text(text)
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


def test_values_with_their_noise():
    assert with_error(-1.26, 0.34) == "−1.3 ± 0.3"
    assert with_interval(-0.5, -0.75, 0.25) == "−0.5 [−0.75, 0.25]"
