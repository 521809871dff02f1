import numpy as np
import vl_convert

from src.report.drawing.heat import GAIN, LOSS, plot_heat
from src.report.parts import Heat

HEAT = Heat(
    "m, n = 10", "transfer", "trained on \\ evaluated on", ["x", "y"], ["x", "a longer name"],
    np.array([[40.0, -20.0], [np.nan, 1.26]]), np.array([[1.0, 2.0], [np.nan, 0.34]]),
)  # fmt: skip


def test_each_cell_holds_its_value_and_error_and_an_empty_one_a_dash():
    spec = plot_heat(HEAT).to_dict()
    cells = {(cell["row"], cell["column"]): cell for cell in spec["datasets"][spec["data"]["name"]]}
    assert cells["x", "x"] | {"text": None} == {"row": "x", "column": "x", "value": 40, "error": 1, "text": None}
    assert cells["y", "a longer name"]["text"] == ["+1.3", "± 0.3"]
    assert cells["x", "a longer name"]["text"] == ["−20.0", "± 2.0"]
    assert cells["y", "x"]["text"] == "–"


def test_gains_are_blue_and_losses_orange():
    assert (GAIN, LOSS) == ("#0072B2", "#D55E00")
    drawn = vl_convert.vegalite_to_svg(plot_heat(HEAT).to_dict())
    assert 'fill="rgb(0, 114, 178)"' in drawn  # the largest change
    assert 'fill="rgb(234, 175, 128)"' in drawn  # half of it, the other way: halfway from white to the orange
    for name in ("trained on", "evaluated on", "a longer name", "m, n = 10"):
        assert f">{name}</text>" in drawn


def test_a_matrix_without_a_change_is_drawn():
    nothing = Heat("t", "f", "a \\ b", ["x"], ["y"], np.array([[0.0]]), np.array([[0.0]]))
    assert "+0.0" in vl_convert.vegalite_to_svg(plot_heat(nothing).to_dict())
