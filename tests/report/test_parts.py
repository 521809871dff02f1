from src.report.parts import told_apart


def test_a_legend_names_what_differs():
    assert told_apart(["m1 arithmetic full r1", "m2 arithmetic full r1"]) == ["m1", "m2"]
    assert told_apart(["m1 arithmetic"]) == ["m1 arithmetic"]
    assert told_apart(["same", "same"]) == ["same", "same"]
    assert told_apart(["s x", "x s", "x"]) == ["s x", "x s", "x"]
