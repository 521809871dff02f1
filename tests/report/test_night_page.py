from src.report.night_page import summary
from src.study.nights import Comparison

CODES = {"2025-12-31": "", "2026-01-01": "commit 11", "2026-01-02": "commit 22 with uncommitted changes"}


def row(n, p, curve="multihop", what="mean"):
    return Comparison(curve, "eval/nll", what, n, "2026-01-01", 0.5, 0.75 + (n or 0) / 1000, 0.01, p, alarm=p < 0.01)


def test_a_message_has_a_sentence_for_each_curve_and_names_its_clearest_change():
    rows = [row(10, 1e-3), row(100, 1e-6), row(32, 0.4), row(10, 0.5, "other")]
    said = summary("2026-01-02", "regression", rows, CODES, [])
    title, sentence, code = said.splitlines()
    assert title == "Night of 2026-01-02: regression"
    assert sentence == "multihop: eval/nll at n = 10, 100; at 100 it was 0.5 (2026-01-01) and is 0.85."
    assert code == "The code is commit 22 with uncommitted changes; that of 2026-01-01 was commit 11."


def test_an_exponent_is_named_and_trouble_comes_first():
    said = summary("2026-01-02", "incomplete", [row(None, 1e-6, what="alpha of power")], {}, ["Points failed."])
    assert said.splitlines()[1:] == [
        "Points failed.",
        "multihop: eval/nll in the alpha of power: it was 0.5 (2026-01-01) and is 0.75.",
    ]
