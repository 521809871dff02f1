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
    text = "curve,n,value,stderr,chance\na,10,5,1,25\na,100,46.5,2,25\na,200,146.5,2,25\na,300,0,1,25%\na,400,50%,2%,\n"
    curves, notes = read_curves(write(tmp_path, text), "accuracy")
    assert curves[0].means == pytest.approx([0.05, 0.465, 0, 0.5]) and curves[0].chance == 0.25
    assert curves[0].standard_errors == pytest.approx([0.01, 0.02, 0.01, 0.02])
    assert notes["a"][0].startswith("line 4 left out") and "divided by 100" in notes["a"][1]


def test_small_percentages_are_read_where_they_are_marked(tmp_path: Path) -> None:
    curves, _ = read_curves(write(tmp_path, "curve,n,value\na,10,0.2%\na,20,0.5%\na,40,3%\n"), "accuracy")
    assert curves[0].means == pytest.approx([0.002, 0.005, 0.03])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("curve,n,value\na,10,0.2\na,20,0.5\na,40,3\n", "column value: line 2 has 0.2 and line 4 has 3, which mixes"),
        ("curve,n,value\na,10,0.3\na,20,1.2\na,40,0.5\n", "line 2 has 0.3 and line 3 has 1.2"),
        ("curve,n,value,chance\na,10,0.3,25\n", "line 2, column chance: 25 does not fit the values; give a share"),
        ("curve,n,value,chance\na,10,30,0.25\n", "line 2, column chance: 0.25 does not fit the values; give percent"),
        ("curve,n,value,chance\na,10,30,25\na,20,40,20\n", "line 3, column chance: rows above it say another"),
        ("curve,n,value,stderr\na,10,0.3,1.4\n", "line 2, column stderr: 1.4 is more than a share can have"),
        ("curve,n,value\na,10,0.3\n,20,0.4\n", "line 3, column curve: the cell is empty"),
        (
            "curve,n,value,replicate\na,10,0.3,1\na,20,0.3,1\na,10,0.4,1\n",
            "lines 2 and 4: curve a, n=10, replicate '1' is given twice",
        ),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(FathomError, match=sentence):
        read_curves(write(tmp_path, text), "accuracy")


def test_replicates_keep_their_label_over_sizes(tmp_path: Path) -> None:
    text = "curve,n,value,replicate\na,10,3,x\na,10,3,y\na,20,2,y\n"
    curves, notes = read_curves(write(tmp_path, text), "loss")
    assert [(p.n, p.seed) for p in curves[0].measurements] == [(10, 0), (10, 1), (20, 1)] and notes["a"] == []


def test_copied_rows_are_no_replicates(tmp_path: Path) -> None:
    text = "curve,n,value\na,10,3\na,20,2\na,10,3\na,20,2\nb,10,3\nb,10,3\nb,10,3.1\n"
    (a, b), notes = read_curves(write(tmp_path, text), "loss")
    assert a.seeds.tolist() == [1, 1] and not a.noise.known
    assert notes["a"] == [
        "lines 2 and 4; 3 and 5 have the same n and value: counted once; replicates need to be numbered in a column "
        "replicate"
    ]
    assert b.seeds.tolist() == [3] and notes["b"][0].startswith("lines 6 and 7 have the same n and value: taken for")


def test_a_stated_error_of_0_is_none(tmp_path: Path) -> None:
    text = "curve,n,value,stderr\na,10,3,0\na,20,2,0\nb,10,3,-1\nb,20,2,\n"
    (a, b), notes = read_curves(write(tmp_path, text), "loss")
    assert not a.noise.known and notes["a"][0] == (
        "line 2: a stderr of 0 is no noise that was measured; it counts as unknown"
    )
    assert not b.noise.known and notes["b"] == ["line 4: the stderr is '-1'; it is not used"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("curve,value\na,1\n", "line 1: there is no column n; needed"),
        ("", "is empty; needed are a line with curve,n,value and below it a row for each point"),
        ("curve;n;value\na;10;0,5\n", "line 1: the columns are separated by semicolons; separate them by commas"),
        ("curve\tn\tvalue\na\t10\t0.5\n", "line 1: the columns are separated by tabs"),
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
        ("curve,n,value,size\na,10,3,7%\n", "line 2, column size: '7%' is no number of weights; write it as 7e9"),
        ("curve,n,value,size\na,10,3,7B\n", "line 2, column size: '7B' is no number of weights; write it as 7e9"),
        ("curve,n,value,size\na,10,3,-1\n", "line 2, column size: '-1' is no number"),
        ("curve,n,value,size\na,10,3,1e8\na,20,2,2e8\n", "line 3, column size: 2e8, and 1e\\+08 in an earlier row"),
    ],
)
def test_bad_sizes_are_refused_by_line_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(FathomError, match=sentence):
        read_sizes(write(tmp_path, text))
