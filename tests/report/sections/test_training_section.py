from src.report.parts import Table
from src.report.sections.training_section import training_charts, training_section
from src.study.training import Training

CONVERGED = [
    Training("converged", 10, 3, 40.0, 20.0, 3e-3, 0, 128.0),
    Training("converged", 3162, 3, 20000.0, 50.5, 1.5e-3, 2, 128.0),
]
TINY = [Training("tiny", 10, 1, 402.0, 134.0, 1.5e-3, None, 100.0)]


def table(rows):
    return next(part for part in training_section(rows).parts if isinstance(part, Table))


def test_the_table_has_a_row_for_each_curve_and_n():
    shown = table([*CONVERGED, *TINY])
    assert shown.headings == [
        "curve", "n", "points", "optimiser steps", "epochs", "learning rate", "ended at the bound",
        "validation examples",
    ]  # fmt: skip
    assert shown.rows[1] == ["converged", 3162, 3, 20000, 50.5, 1.5e-3, "2 of 3", 128]
    assert shown.rows[2] == ["tiny", 10, 1, 402, 134, 1.5e-3, None, 100]


def test_what_no_point_logged_has_no_column():
    assert table([Training("c", 10, 1, 7.0, None, None, None, None)]).headings == [
        "curve", "n", "points", "optimiser steps",
    ]  # fmt: skip
    assert "ended at the bound" not in table(TINY).headings


def test_the_panels_show_steps_and_epochs_on_log_axes_in_the_order_of_the_curves_beside():
    steps, epochs = training_charts("b", ["prompts", "tiny", "converged"], [*CONVERGED, *TINY])
    assert [(chart.title, chart.figure, chart.log_y) for chart in (steps, epochs)] == [
        ("b: optimiser steps", "b-training", True),
        ("b: epochs", "b-training", True),
    ]
    assert [series.name for series in steps.series] == ["prompts", "tiny", "converged"]
    prompts, tiny, converged = ([(dot.n, dot.value, dot.note) for dot in series.dots] for series in steps.series)
    assert prompts == []
    assert tiny == [(10, 402, "1 point")]
    assert converged == [(10, 40, "3 points"), (3162, 20000, "3 points, 2 ended at the bound")]
    assert [dot.value for dot in epochs.series[2].dots] == [20, 50.5]


def test_there_is_no_panel_of_what_no_curve_of_the_benchmark_logged():
    assert training_charts("b", ["prompts"], TINY) == []
    (steps,) = training_charts("b", ["c"], [Training("c", 10, 1, 7.0, None, None, None, None)])
    assert steps.title == "b: optimiser steps"
