"""Forecasts of the curves in a CSV file, written as JSON and printed as a table."""

import json
import math
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from src.config.analyze import ForecastConfig
from src.errors import FathomError
from src.scaling.best_size import BestSize, Budget, best_size
from src.scaling.curve import Curve
from src.scaling.joint import JointAnalysis, SizedCurves, analyse_joint
from src.scaling.laws import laws_named
from src.scaling.pooled_forecast import CurveForecast, forecast, nothing
from src.scaling.read_csv import read_curves, read_sizes

console = Console()
MOST_SIZES = 8


def forecast_csv(config: ForecastConfig) -> None:
    """Read the curves, forecast them all together, write one JSON object per curve to `out`, in the file's order.

    One per law over model sizes follows. Raises FathomError where no curve has a size to forecast from.
    """
    curves, notes = read_curves(config.source.path, config.metric)
    smallest = min((n for curve in curves for n in curve.sizes if n >= 1), default=None)
    if smallest is None:
        raise FathomError(f"{config.source.path}: all rows are at n = 0, and forecasts need sizes n ≥ 1")
    if config.fit_up_to is not None and config.fit_up_to < smallest:
        raise FathomError(
            f"fit_up_to={config.fit_up_to} leaves no size to forecast from: the smallest of {config.source.path} is "
            f"{smallest:g}"
        )
    over_sizes = _over_sizes(config, curves)
    made = forecast(curves, config.predict_at, config.fit_up_to or math.inf, config.seed)
    by_name = {of.curve: of for of in made}
    forecasts = [by_name.get(name) or nothing(name) for name in notes]
    written = [asdict(of) | {"notes": notes[of.curve] + list(of.notes)} for of in forecasts]
    laws = [_law(joint, best) for joint, best in over_sizes]
    config.out.parent.mkdir(parents=True, exist_ok=True)
    config.out.write_text(json.dumps(written + laws, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(_table(config, forecasts))
    having = {note: [of["curve"] for of in written if note in of["notes"]] for of in written for note in of["notes"]}
    for note, names in having.items():
        where = "every curve" if len(names) == len(written) > 1 else ", ".join(names)
        console.print(f"{where}: {note}", style="dim", markup=False)
    for joint, best in over_sizes:
        for size in best:
            console.print(_best_table(size))
            console.print(str(size), markup=False)
        for note in joint.notes:
            console.print(f"law {joint.law.name}: {note}", style="dim", markup=False)
    console.print(f"forecasts: {config.out}")


def _over_sizes(config: ForecastConfig, curves: list[Curve]) -> list[tuple[JointAnalysis, list[BestSize]]]:
    """Each law asked for, with the best size at each n; none where a law cannot be fitted."""
    laws = laws_named(config.laws)
    for law in laws:
        if not law.over_sizes:
            raise FathomError(
                f"laws: {law.name} is a law of one curve; a file's curves are forecast with all of these, `laws` asks "
                "for laws over model sizes"
            )
    if not laws:
        return []
    sizes, limit = read_sizes(config.source.path), config.fit_up_to or math.inf
    used = [curve.between(1, limit) for curve in curves if ((curve.sizes >= 1) & (curve.sizes <= limit)).any()]
    on = SizedCurves("all curves", tuple(used), tuple(sizes[curve.name] for curve in used))
    found = []
    for law in laws:
        made = analyse_joint(on, law, config.seed)
        budgets = [Budget(n, config.compute.flops, config.compute.tokens_per_example) for n in config.predict_at]
        found.append((made, [best_size(made, budget) for budget in budgets if made.made]))
    return found


def _law(of: JointAnalysis, best: list[BestSize]) -> dict[str, Any]:
    fitted = of.made and {
        "parameters": of.made.fit.named,
        "intervals_90": dict(zip(of.made.fit.named, of.made.intervals(0.9).tolist(), strict=True)),
        "r_squared": of.made.fit.r_squared,
    }
    return {
        "curve": of.on.name,
        "law": of.law.name,
        **(fitted or {"parameters": {}}),
        "check": of.check and asdict(of.check),
        "best_size": [asdict(size) for size in best],
        "notes": list(of.notes),
    }


def _best_table(of: BestSize) -> Table:
    shown = sorted(of.sizes[:MOST_SIZES], key=lambda size: size.size)
    table = Table(title=f"the best {len(shown)} sizes under the law {of.law}, at most {of.budget.examples:,} examples")
    for heading in ("size", "n", "forecast", "90 % interval", "best with", "regret"):
        table.add_column(heading, overflow="fold")
    for size in shown:
        ends = "{:.4g} – {:.4g}".format(*size.interval_90)
        shares = f"{size.probability_best:.0%}", f"{size.regret:.2g}"
        table.add_row(f"{size.size:.4g}", f"{size.n:.4g}", f"{size.value:.4g}", ends, *shares)
    return table


def _table(config: ForecastConfig, forecasts: list[CurveForecast]) -> Table:
    table = Table(title=f"{config.metric} forecast from {config.source.path.name}")
    for heading in ("curve", "law", "n", config.metric, "50 % interval", "90 % interval"):
        table.add_column(heading, overflow="fold")
    for of in forecasts:
        for at in of.forecasts:
            ends = [f"{low:.4g} – {high:.4g}" for low, high in (at.interval_50, at.interval_90)]
            table.add_row(of.curve, of.law, str(at.n), f"{at.value:.4g}", *ends)
    return table
