import struct
from xml.etree import ElementTree

import numpy as np

from src.report.figures import MOST_PANELS, affordable, plan, write_figures
from src.report.parts import Chart, Dot, Heat, Section, Series, Step

HEAT = Heat(
    "m, n = 10", "transfer", "trained on \\ evaluated on", ["x"], ["x", "y"], np.array([[1.0, np.nan]]), np.ones((1, 2))
)


def chart(figure, series=1, **options):
    dots = [Dot(0, 0.1), Dot(10, 0.3, 0.05), Dot(100, float("nan"))]
    line = [Step(10, 0.3, 0.2, 0.4), Step(100, 0.5, 0.3, 0.7)]
    return Chart(figure, "accuracy", [Series(f"c{i}", dots, line, 10) for i in range(series)], figure=figure, **options)


def size(png):
    """Width and height of a PNG."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def test_charts_of_one_figure_are_its_panels_and_many_series_are_spread_over_pages():
    sections = [Section("a", ["text", chart("one"), chart("two", 9)]), Section("b", [HEAT, chart("one", 2)])]
    planned = dict(plan(sections))
    assert list(planned) == ["one", "two-1", "two-2", "transfer"]
    assert [len(panel.series) for panel in planned["one"]] == [1, 2]
    assert [series.name for series in planned["two-2"][0].series] == ["c7", "c8"]


def test_a_page_leaves_out_the_panels_that_have_no_more_series():
    planned = dict(plan([Section("a", [chart("f", 9), chart("f", 2)])]))
    assert [len(panels) for panels in planned.values()] == [2, 1]


def test_figures_stop_before_they_are_too_many():
    planned = plan([Section("a", [chart(f"f{i}") for i in range(50)])])
    assert len(affordable(planned)) == MOST_PANELS
    assert affordable(planned[:3]) == planned[:3]
    large = ("large", [chart("large")] * (MOST_PANELS + 1))
    assert affordable([large, *planned[:3]]) == planned[:3]


def test_figures_that_there_is_no_time_for_are_announced(tmp_path, capsys):
    write_figures(
        tmp_path, "study", [Section("a", [chart("kept"), *[chart("large")] * MOST_PANELS, chart("kept too")])]
    )
    assert {path.stem for path in tmp_path.iterdir()} == {"kept", "kept-too"}
    assert "1 further figures are left to the report" in capsys.readouterr().out


def test_every_kind_of_figure_is_written_as_an_image(tmp_path, capsys):
    panels = [chart("recipe.lr", percent=True), chart("recipe.lr", 2, log_y=True)]
    write_figures(tmp_path, "the study", [Section("a", [chart("f", 7, log_y=True, levels=[0.2]), *panels, HEAT])])
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in ("f", "recipe.lr", "transfer") for kind in ("svg", "png")
    }
    texts = {
        path.stem: [node.text for node in ElementTree.parse(path).iter() if node.text]
        for path in tmp_path.glob("*.svg")
    }
    assert "the study, f" in texts["f"]
    assert texts["recipe.lr"].count("recipe.lr") == 2
    assert "the study" in texts["recipe.lr"]
    assert "the study: m, n = 10" in texts["transfer"]
    alone, together = (size((tmp_path / f"{name}.png").read_bytes()) for name in ("f", "recipe.lr"))
    assert alone[0] > 960  # a column of a page at 300 dots an inch
    assert alone[1] > 600
    assert together[0] > 1600
    assert capsys.readouterr().out == ""
