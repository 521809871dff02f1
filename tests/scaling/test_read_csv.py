from pathlib import Path

import pytest

from src.errors import FathomError
from src.scaling.read_csv import read_curves, read_sizes


def write(folder: Path, text: str) -> Path:
    path = folder / "F.csv"
    path.write_text(text)
    return path


def test_curves_with_replicates_and_other_columns(tmp_path: Path) -> None:
    rows = "b,0,9,x\nb,10,3,x\nb,10,3.5,x\na,10,2,y\n"
    curves, notes = read_curves(write(tmp_path, "curve,n,value,family\n" + rows), "loss")
    assert [c.name for c in curves] == ["b", "a"] == list(notes)
    assert curves[0].sizes.tolist() == [0, 10] and curves[0].seeds.tolist() == [1, 2]
    assert notes == {"b": [], "a": []}


def test_rows_that_cannot_be_used_are_left_out_by_line(tmp_path: Path) -> None:
    rows = "a,10,nan\na,20,0\na,x,1\na,-1,1\na,40,2.5\nb,10,\n"
    curves, notes = read_curves(write(tmp_path, "curve,n,value\n" + rows), "loss")
    assert [c.name for c in curves] == ["a"] and curves[0].sizes.tolist() == [40]
    assert [note.split(":")[0] for note in notes["a"]] == [f"line {line} left out" for line in (2, 3, 4, 5)]
    assert notes["b"] == ["line 7 left out: the value is ''"]


def test_percent_is_recognised_and_said(tmp_path: Path) -> None:
    text = "curve,n,value,stderr\na,10,0.5,1\na,100,46.5,2\na,200,146.5,2\na,400,50,2\n"
    curves, notes = read_curves(write(tmp_path, text), "accuracy")
    assert curves[0].means == pytest.approx([0.005, 0.465, 0.5])
    assert curves[0].standard_errors == pytest.approx([0.01, 0.02, 0.02])
    assert notes["a"][0].startswith("line 4 left out") and "divided by 100" in notes["a"][1]


def test_one_accuracy_above_1_is_a_slip_and_no_percent(tmp_path: Path) -> None:
    curves, notes = read_curves(write(tmp_path, "curve,n,value\na,10,0.3\na,20,1.2\na,40,0.5\n"), "accuracy")
    assert curves[0].means.tolist() == [0.3, 0.5]
    assert notes["a"] == ["line 3 left out: the accuracy is 1.2, outside 0 to 1 (or 0 to 100 percent)"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("curve,value\na,1\n", "line 1: there is no column n; needed"),
        ("curve,n,value\n", "no rows below the header"),
        ("curve,n,value\na,10,nan\n", "no row can be used; line 2 left out"),
        (None, "cannot be read as CSV"),
    ],
)
def test_files_without_curves_are_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    path = tmp_path / "none.csv" if text is None else write(tmp_path, text)
    with pytest.raises(FathomError, match=sentence):
        read_curves(path, "loss")


def test_items_tell_the_noise_of_accuracies_and_chance_is_read(tmp_path: Path) -> None:
    text = "curve,n,value,items,chance\na,10,0,100,0.25\na,20,0.5,100,0.25\n"
    curves, _ = read_curves(write(tmp_path, text), "accuracy")
    assert curves[0].chance == 0.25
    assert curves[0].standard_errors == pytest.approx([0.00707, 0.0505], rel=1e-2)
    losses, _ = read_curves(write(tmp_path, text.replace("10,0,", "10,0.9,")), "loss")
    assert losses[0].standard_errors is None and losses[0].chance == 0


def test_sizes_are_read_by_curve_and_may_be_left_empty(tmp_path: Path) -> None:
    text = "curve,n,value,size\na,10,3,7e9\na,20,2,\nb,10,2\nc,10,2,1000\n"
    assert read_sizes(write(tmp_path, text)) == {"a": 7e9, "b": None, "c": 1000}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("curve,n,value\na,10,3\n", "line 1: there is no column size"),
        ("curve,n,value,size\na,10,3,7B\n", "line 2, column size: '7B' is no number of weights; write it as 7e9"),
        ("curve,n,value,size\na,10,3,-1\n", "line 2, column size: '-1' is no number"),
        ("curve,n,value,size\na,10,3,1e8\na,20,2,2e8\n", "line 3, column size: 2e8, and 1e\\+08 in an earlier row"),
    ],
)
def test_bad_sizes_are_refused_by_line_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(FathomError, match=sentence):
        read_sizes(write(tmp_path, text))
