from src.report.results_page import results_page
from src.scaling.analysis import Row
from src.tracking.query import PointRecord


def point(n: int, seed: int, accuracy: float, format_errors: float) -> PointRecord:
    metrics = {
        "eval/accuracy": accuracy,
        "eval/accuracy_stderr": 0.01,
        "eval/format_error_rate": format_errors,
        "eval/reasoning_error_rate": 1 - accuracy - format_errors,
        "eval/n_items": 300.0,
        "eval/chance": 0.02,
        "data/exact_duplicates": 0.0,
        "data/near_duplicates": 3.0,
    }
    return PointRecord(f"{n}-{seed}", f"{n}-{seed}", "m", "b", "full", "tiny", n, seed, 0, {}, metrics)


CURVE = [
    *(point(10, seed, 0.1, 0.4) for seed in (0, 1)),
    *(point(100, seed, 0.2, 0.04) for seed in (0, 1)),
    *(point(1000, seed, 0.7 + 0.02 * seed, 0.0) for seed in (0, 1)),
]


def test_the_page_holds_every_size_the_steepest_decade_and_where_format_errors_end() -> None:
    rows = [Row("m b", "eval/accuracy", "paper", {"a": "0.4"}, "0.99", "n=1000: predicted 0.4, outside", "a note")]
    page = results_page("study", {"m b": CURVE}, rows)
    assert "| 1,000 | 2 | 71.0 ±" in page
    assert "Steepest decade: n = 100 to 1,000, +51.0 points" in page
    assert "Format errors are below 5 % from n = 100 on." in page
    assert "scores 2.0 %" in page
    assert "- paper: a = 0.4; R² 0.99; held out n=1000: predicted 0.4, outside; a note" in page
    assert "It does **not** follow the power law" in page


def test_a_curve_without_losses_or_decades_says_so() -> None:
    page = results_page("study", {"m b": [point(10, 0, 0.1, 0.5), point(32, 0, 0.1, 0.5)]}, [])
    assert "No decade of n was measured. Format errors stay above 5 %." in page
    assert "| – |" in page
