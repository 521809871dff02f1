"""Forecasts of the curves in a CSV file, written as JSON and printed as a table."""

import json
import math
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from src.config.analyze import ForecastConfig
from src.scaling.pooled_forecast import CurveForecast, forecast, nothing
from src.scaling.read_csv import read_curves

console = Console()


def forecast_csv(config: ForecastConfig) -> None:
    """Read the curves, forecast them all together, write one JSON object per curve to `out`, in the file's order."""
    curves, notes = read_curves(config.source.path, config.metric)
    made = forecast(curves, config.predict_at, config.fit_up_to or math.inf, config.seed)
    by_name = {of.curve: of for of in made}
    forecasts = [by_name.get(name) or nothing(name) for name in notes]
    written = [asdict(of) | {"notes": notes[of.curve] + list(of.notes)} for of in forecasts]
    config.out.parent.mkdir(parents=True, exist_ok=True)
    config.out.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(_table(config, forecasts))
    having = {note: [of["curve"] for of in written if note in of["notes"]] for of in written for note in of["notes"]}
    for note, names in having.items():
        where = "every curve" if len(names) == len(written) > 1 else ", ".join(names)
        console.print(f"{where}: {note}", style="dim", markup=False)
    console.print(f"forecasts: {config.out}")


def _table(config: ForecastConfig, forecasts: list[CurveForecast]) -> Table:
    table = Table(title=f"{config.metric} forecast from {config.source.path.name}")
    for heading in ("curve", "law", "n", config.metric, "50 % interval", "90 % interval"):
        table.add_column(heading, overflow="fold")
    for of in forecasts:
        for at in of.forecasts:
            ends = [f"{low:.4g} – {high:.4g}" for low, high in (at.interval_50, at.interval_90)]
            table.add_row(of.curve, of.law, str(at.n), f"{at.value:.4g}", *ends)
    return table
