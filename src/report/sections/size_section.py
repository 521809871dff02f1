"""The report's section on which size of model is best within a budget, of a study with models of several sizes."""

from src.report.drawing.table import with_interval
from src.report.parts import Cell, Section, Table
from src.scaling.best_size import BestSize
from src.study.findings import Findings


def size_section(findings: Findings) -> Section:
    rows = [row for best in findings.best_sizes for row in _rows(best)]
    return Section(
        "Best size",
        [
            "Which of the measured sizes is forecast best, trained on all the examples that there are and that the "
            "compute pays for (6 · size · n · tokens per example, over all epochs), with 90 % intervals of a new "
            "measurement; the regret is the share of the loss that the best size is expected to have less.",
            Table(["curves", "law", "size", "n", "loss", "best with", "regret"], rows),
            *(str(best) for best in findings.best_sizes),
        ],
    )


def _rows(best: BestSize) -> list[list[Cell]]:
    return [
        [best.name, best.law, float(f"{of.size:.4g}"), round(of.n), with_interval(of.value, *of.interval_90),
         f"{of.probability_best:.0%}", float(f"{of.regret:.2g}")]
        for of in best.sizes
    ]  # fmt: skip
