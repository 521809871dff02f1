"""Curves of performance over finetuning examples: laws, fits, intervals, forecasts, answers; numpy and scipy alone.

Start at `curve.Curve` (or `read_csv.read_curves`), then
- `pooled_forecast.forecast`: what curves will give at larger n, together; `pooled_forecast.draws`: joint draws of it;
- `joint_draws.draw_jointly`: examples needed, the next doubling, where to measure next;
- `ranking.rank`: which base is best;
- `superficial.superficial`: has a curve saturated, or does it scale?
- `fit.fit_law`, `bootstrap.bootstrap`, `analysis.hold_out` with the laws of `laws.CATALOGUE`, one curve at a time;
  `analysis.analyse` does all of it for a study;
- `two_step.fit_two_step`: accuracy through the loss; `joint.fit_joint`: a law over n and model size;
  `best_size.best_size`: which size, given examples and compute.
"""
