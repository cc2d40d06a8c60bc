"""The tables of the studies of weight decay and denoising, from the scores of their runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from noisy_mnist.reporting.intervals import Spread, spread
from noisy_mnist.reporting.noise_results import Report

# A training with a penalty: penalty, factor as it is named in params.yaml or CONTROL, seed.
PenaltyRun = tuple[str, str, int]
CONTROL = "0"  # the factor of a training without a penalty, which stands beside each penalty


def weight_decay(reports: Mapping[PenaltyRun, Report]) -> pd.DataFrame:
    """Return one row for each training: penalty, factor, seed, validation_accuracy, test_accuracy."""
    rows = [(*run, report["validation"]["accuracy"], report["test"]["accuracy"]) for run, report in reports.items()]
    return pd.DataFrame(rows, columns=["penalty", "factor", "seed", "validation_accuracy", "test_accuracy"])


def weight_decay_choice(reports: Mapping[PenaltyRun, Report]) -> dict[str, Any]:
    """Return, for each penalty, the factor above 0 with the best mean validation accuracy, and what it is worth.

    That is ``{penalty: {"factor", "test_accuracy", "control_test_accuracy", "gain"}}``: the factor, and spreads over
    seeds (see intervals.spread), those of accuracies with a ``sampling``, the half-width by which a single accuracy
    would change with other images. ``gain`` is the spread of the test accuracy above that of the control of the same
    seed.
    """
    table = weight_decay(reports)
    images = next(iter(reports.values()))["test"]["n"]
    choice = {}
    for penalty, rows in table.groupby("penalty", sort=False):
        by_factor = {str(name): runs for name, runs in rows.set_index("seed").groupby("factor", sort=False)}
        without = by_factor.pop(CONTROL)["test_accuracy"]
        factor = max(by_factor, key=lambda name: by_factor[name]["validation_accuracy"].mean())
        chosen = by_factor[factor]["test_accuracy"]
        choice[str(penalty)] = {
            "factor": factor,
            "test_accuracy": _with_sampling(chosen, images),
            "control_test_accuracy": _with_sampling(without, images),
            "gain": spread((chosen - without).tolist()),
        }
    return choice


def weight_decay_intervals(reports: Mapping[PenaltyRun, Report], choice: Mapping[str, Any]) -> pd.DataFrame:
    """Return what the figure shows: penalty, factor, split, mean, std, n, ci95, sampling.

    Validation accuracy for every factor; test accuracy for the control and for the factor that was chosen on
    validation images (choice: as weight_decay_choice returns it), and for no other.
    """
    images = next(iter(reports.values()))["validation"]["n"]
    rows = []
    for (penalty, factor), runs in weight_decay(reports).groupby(["penalty", "factor"], sort=False):
        spreads = _with_sampling(runs["validation_accuracy"], images)
        rows.append({"penalty": penalty, "factor": factor, "split": "validation", **spreads})
    for penalty, chosen in choice.items():
        for factor, score in ((CONTROL, "control_test_accuracy"), (chosen["factor"], "test_accuracy")):
            rows.append({"penalty": penalty, "factor": factor, "split": "test", **chosen[score]})
    return pd.DataFrame(rows)


def _with_sampling(accuracies: "pd.Series[float]", images: int) -> Spread:
    """Return the spread of accuracies, and the half-width of a single one at their mean."""
    return {**spread(accuracies.tolist(), images), "sampling": spread([float(accuracies.mean())], images)["ci95"]}


def helps(gains: pd.DataFrame) -> dict[str, dict[str, float] | None]:
    """Return from which level denoising helps and to which: ``{"from": {level, low, high}, "to": …}``.

    gains: level (rising), gain, ci95. Between levels the gain is interpolated. ``level`` is where the gain passes 0,
    going away from the level at which it is most surely above 0; ``low`` and ``high`` are where the ends of its 95 %
    interval do. A gain that stays above 0 helps from the first or to the last level. Both are None if the interval
    lies nowhere above 0.
    """
    levels, gain, ci95 = (gains[name].to_numpy(dtype=float) for name in ("level", "gain", "ci95"))
    best = int((gain - ci95).argmax())
    if gain[best] <= ci95[best]:
        return {"from": None, "to": None}
    mean, lower, upper = ((gain + sign * ci95) for sign in (0, -1, 1))
    left = [_crossing(levels[best::-1], values[best::-1]) for values in (mean, upper, lower)]
    right = [_crossing(levels[best:], values[best:]) for values in (mean, lower, upper)]
    names = ("level", "low", "high")
    return {"from": dict(zip(names, left, strict=True)), "to": dict(zip(names, right, strict=True))}


def _crossing(levels: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return where values, which begin above 0, first pass 0; the last level if they do not."""
    below = np.flatnonzero(values <= 0)
    if len(below) == 0:
        return float(levels[-1])
    end = int(below[0])
    share = values[end - 1] / (values[end - 1] - values[end])
    return float(levels[end - 1] + share * (levels[end] - levels[end - 1]))
