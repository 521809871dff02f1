"""Charts as Vega-Lite specifications, and as the SVG that these become."""

import math
import re

import numpy as np
import pytest
import vl_convert

from src.report.drawing.curve_plot import plot_curves, switched
from src.report.drawing.style import COLOURS, MARKERS
from src.report.parts import Chart, Dot, Series, Step

SIZES = (0, 10, 100, 1000)
DOTS = [Dot(n, 0.1 + 0.1 * np.log10(1 + n), 0.02, "3 seeds") for n in SIZES]
LINE = [Step(n, 0.1 + 0.1 * np.log10(1 + n), 0.05, 0.6) for n in (10, 100, 1000, 8000)]
CURVES = Chart(
    "accuracy", "accuracy", [Series("m b", DOTS, LINE, 1000), Series("other b", DOTS[1:])], percent=True, levels=[0.02]
)
LOSS = Chart("loss", "loss", [Series("m", [Dot(0, 0.0, 0.1), Dot(10, 2.0, 3.0), Dot(100, 0.5)], joined=True)])


def rows(chart, *kinds, **options):
    spec = plot_curves(chart, **options).to_dict()
    return [row for row in spec["datasets"][spec["data"]["name"]] if row["kind"] in kinds]


def svg(chart, switch=()):
    """The chart as it opens, or with these of its axes switched."""
    spec = plot_curves(chart).to_dict()
    other = switched(chart)
    spec["encoding"] |= {axis: other[axis] for axis in switch}
    if "y" in switch:
        spec["transform"] = other["transform"][1:]  # the first is the page's choice of curves
    return vl_convert.vegalite_to_svg(spec)


def labels(drawn, axis):
    """The labels of an axis with their places, in pixels from the left or the top."""
    (group,) = re.findall(rf'aria-label="{axis}-axis.*?role-axis-title', drawn, re.S)
    texts = re.findall(r'<text[^>]*transform="translate\(([-\d.]+),([-\d.]+)\)[^>]*>([^<]*)</text>', group)
    return {text: float(x if axis == "X" else y) for x, y, text in texts}


def dots(drawn):
    """The places of the dots, in pixels from the left and the top."""
    (group,) = re.findall(r'mark-symbol role-mark layer_\d+_marks".*?</g>', drawn, re.S)
    return [(float(x), float(y)) for x, y in re.findall(r"translate\(([-\d.]+),([-\d.]+)\)", group)]


def test_the_specification_holds_the_numbers_given():
    given = [(dot.n, dot.value, dot.stderr) for series in CURVES.series for dot in series.dots]
    drawn = [(row["n"], row["value"], row["stderr"]) for row in rows(CURVES, "dot")]
    assert drawn == [pytest.approx(numbers, rel=1e-5) for numbers in given]
    steps = [(row["n"], row["value"], row["low"], row["high"]) for row in rows(CURVES, "fit", "forecast")]
    assert {step[0] for step in steps} == {10, 100, 1000, 8000}
    assert all(step[2:] == (0.05, 0.6) for step in steps)


def test_hovering_tells_value_error_and_note_as_the_tables_round():
    first, *_ = rows(CURVES, "dot")
    assert first["name"] == "m b"
    assert first["text"] == "10 ± 2 %, 3 seeds"
    assert rows(LOSS, "joined")[-1]["text"] == "0.5"
    assert rows(CURVES, "forecast")[-1]["text"] == "49.03 [5, 60] %"


def test_a_fit_goes_over_into_the_forecast_at_the_largest_size_measured():
    assert [row["n"] for row in rows(CURVES, "fit")] == [10, 100, 1000]
    assert [row["n"] for row in rows(CURVES, "forecast")] == [1000, 8000]
    assert svg(CURVES).count('stroke-dasharray="5,3"') == 1


def test_what_is_not_a_number_is_left_out():
    odd = Chart("odd", "y", [Series("c", [Dot(10, math.nan), Dot(20, 1.0, math.inf)], [Step(10, math.nan)])])
    assert [(row["n"], row["stderr"]) for row in rows(odd, "dot", "fit")] == [(20, None)]
    assert "NaN" not in svg(odd)


@pytest.mark.parametrize("dots", [[], [Dot(10, math.nan)], [Dot(0, 0.2, 0.1)], [Dot(10, 0.0)]])
def test_a_chart_of_next_to_nothing_is_drawn(dots):
    for switch in ((), ("x",), ("y",)):
        drawn = svg(Chart("t", "y", [Series("c", dots)], levels=[0.0]), switch)
        assert drawn.count("<svg") == 1
        assert not re.search(r'(?: d|transform|[xy][12])="[^"]*(?:NaN|Infinity)', drawn)


def test_n_of_zero_stands_left_of_the_log_axis_under_its_own_label():
    drawn = svg(CURVES)
    places = labels(drawn, "X")
    assert list(places) == ["0", "10", "100", "1,000"]
    assert places["10"] - places["0"] == pytest.approx((places["100"] - places["10"]) / 2, abs=0.5)
    assert dots(drawn)[0][0] == pytest.approx(places["0"], abs=0.5)


def test_without_a_base_there_is_no_zero():
    places = labels(svg(Chart("t", "y", [Series("c", DOTS[1:])])), "X")
    assert list(places) == ["10", "20", "50", "100", "200", "500", "1,000"]


def test_both_axes_can_be_switched():
    linear = svg(CURVES, ["x"])
    assert dots(linear)[0][0] == labels(linear, "X")["0"]
    places = [place for place, _ in dots(linear)[:4]]
    assert (places[2] - places[0]) / (places[3] - places[0]) == pytest.approx(0.1, abs=0.01)
    heights = labels(svg(CURVES, ["y"]), "Y")
    assert heights["5"] - heights["10"] == pytest.approx(heights["10"] - heights["20"], abs=0.5)


def test_a_log_axis_has_no_place_for_zero_and_cuts_bars_that_reach_below_it():
    assert len(dots(svg(LOSS))) == 3
    drawn = svg(LOSS, ["y"])
    assert len(dots(drawn)) == 2
    assert min(float(label) for label in labels(drawn, "Y") if label) >= 0.2


def test_percent_axes_begin_at_zero_and_end_at_a_hundred():
    high = Chart("t", "accuracy", [Series("c", [Dot(10, 0.1, 0.2), Dot(100, 0.99, 0.2)])], percent=True)
    values = [float(label) for label in labels(svg(high), "Y")]
    assert min(values) == 0
    assert max(values) == 100
    assert "accuracy (%)" in svg(high)


def test_a_band_does_not_dwarf_what_was_measured():
    wide = Chart(
        "t", "y", [Series("c", [Dot(10, 1.0), Dot(100, 2.0)], [Step(10, 1.0, -500, 500), Step(100, 2, -9, 9)])]
    )
    assert max(float(label.replace("−", "-")) for label in labels(svg(wide), "Y")) <= 3


def test_levels_are_dotted_lines_across():
    assert svg(CURVES).count('stroke-dasharray="1,3"') == 1
    assert 'stroke-dasharray="1,3"' not in svg(Chart("t", "y", [Series("c", DOTS)]))


def test_page_and_print_draw_one_description():
    for_print, for_page = plot_curves(CURVES).to_dict(), plot_curves(CURVES, interactive=True).to_dict()
    assert for_page["encoding"] == for_print["encoding"]
    assert for_page["datasets"] == for_print["datasets"]
    assert for_page["transform"][1:] == for_print["transform"]
    names = {"name"}  # of a view: nothing that is seen
    alike = [{key: layer[key] for key in layer.keys() - names} for layer in for_page["layer"]]
    assert [layer for layer in alike if "tooltip" not in layer["encoding"]] == for_print["layer"]


def test_seven_curves_are_shown_at_first_each_in_its_colour_and_marker():
    many = Chart("t", "y", [Series(f"c{i}", DOTS) for i in range(9)])
    spec = plot_curves(many, interactive=True).to_dict()
    (shown,) = [param for param in spec["params"] if param["name"] == "shown"]
    assert [value["curve"] for value in shown["value"]] == [f"c{i}" for i in range(7)]
    assert len(set(COLOURS)) == len(set(MARKERS)) == 7
    assert spec["encoding"]["color"]["scale"]["domain"] == [f"c{i}" for i in range(9)]
