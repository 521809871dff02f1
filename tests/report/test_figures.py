import numpy as np

from src.report.drawing.chart import Chart, Dot, Series
from src.report.drawing.heat import Heat
from src.report.drawing.page import Section
from src.report.figures import MOST_PANELS, affordable, draw, plan

HEAT = Heat(
    "m, n = 10", "transfer", "trained on \\ evaluated on", ["x"], ["x", "y"], np.array([[1.0, np.nan]]), np.ones((1, 2))
)


def chart(figure, series=1, **options):
    dots = [Dot(0, 0.1), Dot(10, 0.3, 0.05), Dot(100, float("nan"))]
    return Chart(figure, "accuracy", [Series(f"c{i}", dots) for i in range(series)], figure=figure, **options)


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


def test_a_base_alone_is_drawn(tmp_path):
    alone = Chart("base", "accuracy", [Series("c", [Dot(0, 0.2, 0.1)])])
    draw("study", [alone]).savefig(tmp_path / "base.png")
    assert (tmp_path / "base.png").stat().st_size > 0


def test_every_kind_of_figure_is_drawn(tmp_path):
    for name, shown in plan([Section("a", [chart("f", 7, log_y=True, levels=[0.2]), chart("g", percent=True), HEAT])]):
        draw("study", shown).savefig(tmp_path / f"{name}.svg")
    assert {path.name for path in tmp_path.iterdir()} == {"f.svg", "g.svg", "transfer.svg"}
