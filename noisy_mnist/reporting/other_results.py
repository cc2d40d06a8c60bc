"""The tables of the studies of weight decay and denoising, from the scores of their runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from noisy_mnist.reporting.intervals import Spread, spread
from noisy_mnist.reporting.noise_results import Report

# A training with a penalty: penalty, factor as written in params.yaml or CONTROL, seed.
PenaltyRun = tuple[str, str, int]
CONTROL = "0"  # the factor of a training without a penalty, listed under each penalty


def weight_decay(reports: Mapping[PenaltyRun, Report]) -> pd.DataFrame:
    """Return one row for each training: penalty, factor, seed, validation_accuracy, test_accuracy."""
    rows = [(*run, report["validation"]["accuracy"], report["test"]["accuracy"]) for run, report in reports.items()]
    return pd.DataFrame(rows, columns=["penalty", "factor", "seed", "validation_accuracy", "test_accuracy"])


def weight_decay_choice(reports: Mapping[PenaltyRun, Report]) -> dict[str, Any]:
    """Return, for each penalty, the factor above 0 with the best mean validation accuracy, and its gain.

    That is ``{penalty: {"factor", "test_accuracy", "control_test_accuracy", "gain"}}``: the factor, and spreads over
    seeds (see intervals.spread). Those of accuracies also hold ``sampling``, the half-width of a single accuracy over
    images. ``gain`` is the spread of the test accuracy minus that of the control of the same seed.
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
    """Return the data of the figure: penalty, factor, split, mean, std, n, ci95, sampling.

    Validation accuracy is given for every factor. Test accuracy is given only for the control and for the factor chosen
    on validation images. choice: from weight_decay_choice.
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
    """Return the range of levels where denoising helps: ``{"from": {level, low, high}, "to": …}``.

    gains: level (rising), gain, ci95. The gain is interpolated between levels. The search starts at the level where the
    lower end of the gain's 95 % interval is highest, and goes outwards. ``level`` is where the gain crosses 0; ``low``
    and ``high`` are where the ends of the interval do. Without a crossing, the range extends to the first or last
    level. Both are None if the interval is nowhere above 0.
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
    """Return the level where values, which start above 0, first cross 0; the last level if they never do."""
    below = np.flatnonzero(values <= 0)
    if len(below) == 0:
        return float(levels[-1])
    end = int(below[0])
    share = values[end - 1] / (values[end - 1] - values[end])
    return float(levels[end - 1] + share * (levels[end] - levels[end - 1]))
