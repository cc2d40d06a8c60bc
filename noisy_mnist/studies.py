"""From the results of the studies beside the noise study to their tables and their parts of the summary."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from noisy_mnist.summary import Report, spread

# A training with a penalty: penalty, factor as it is named in params.yaml, seed.
Penalised = tuple[str, str, int]


def weight_decay(reports: Mapping[Penalised, Report]) -> pd.DataFrame:
    """Return one row for each training: penalty, factor, seed, validation_accuracy, test_accuracy."""
    rows = [(*cell, report["validation"]["accuracy"], report["test"]["accuracy"]) for cell, report in reports.items()]
    return pd.DataFrame(rows, columns=["penalty", "factor", "seed", "validation_accuracy", "test_accuracy"])


def weight_decay_choice(reports: Mapping[Penalised, Report]) -> dict[str, Any]:
    """Return, for each penalty, the factor above 0 with the best mean validation accuracy, and what it is worth.

    That is ``{penalty: {"factor", "validation_accuracy", "test_accuracy", "control_test_accuracy", "gain"}}``. The
    accuracies are spreads over seeds (see summary.spread), their ``sampling`` is the half-width by which a single
    accuracy would change with other images. ``gain`` is the spread of the test accuracy above that of the control,
    factor 0, of the same seed.
    """
    table = weight_decay(reports)
    images = {split: next(iter(reports.values()))[split]["n"] for split in ("validation", "test")}
    choice = {}
    for penalty, rows in table.groupby("penalty", sort=False):
        by_factor = dict(iter(rows.set_index("seed").groupby("factor", sort=False)))
        control = by_factor.pop(next(factor for factor in by_factor if float(str(factor)) == 0))
        factor = max(by_factor, key=lambda name: by_factor[name]["validation_accuracy"].mean())
        chosen = by_factor[factor]
        choice[str(penalty)] = {
            "factor": factor,
            "validation_accuracy": _with_sampling(chosen["validation_accuracy"], images["validation"]),
            "test_accuracy": _with_sampling(chosen["test_accuracy"], images["test"]),
            "control_test_accuracy": _with_sampling(control["test_accuracy"], images["test"]),
            "gain": spread((chosen["test_accuracy"] - control["test_accuracy"]).tolist()),
        }
    return choice


def weight_decay_intervals(reports: Mapping[Penalised, Report], choice: Mapping[str, Any]) -> pd.DataFrame:
    """Return what the figure shows: penalty, factor, split, mean, std, n, ci95, sampling.

    Validation accuracy for every factor; test accuracy for the control and for the factor that was chosen on
    validation images (choice: as weight_decay_choice returns it), and for no other.
    """
    images = next(iter(reports.values()))["validation"]["n"]
    rows = []
    for (penalty, factor), cells in weight_decay(reports).groupby(["penalty", "factor"], sort=False):
        found = _with_sampling(cells["validation_accuracy"], images)
        rows.append({"penalty": penalty, "factor": factor, "split": "validation", **found})
    control = next(factor for _, factor, _ in reports if float(factor) == 0)
    for penalty, chosen in choice.items():
        for factor, score in ((control, "control_test_accuracy"), (chosen["factor"], "test_accuracy")):
            rows.append({"penalty": penalty, "factor": factor, "split": "test", **chosen[score]})
    return pd.DataFrame(rows)


def _with_sampling(accuracies: "pd.Series[float]", images: int) -> dict[str, float | int | None]:
    """Return the spread of accuracies, and the half-width of a single one at their mean."""
    return {**spread(accuracies.tolist(), images), "sampling": spread([float(accuracies.mean())], images)["ci95"]}


def denoise(
    scores: pd.DataFrame, gains: pd.DataFrame, control: Mapping[str, Report], history: pd.DataFrame
) -> dict[str, Any]:
    """Return the summary of denoising: ``{"autoencoder_validation_loss", "helps", "levels", "trained_on_noise"}``.

    scores, gains: as the denoise stage writes them, levels as text. control: by level, the scores of the classifier
    that was trained on noisy images. history: of the autoencoder.
    """
    losses = history[history["split"] == "validation"]["loss"]
    by_level: dict[str, Any] = {}
    for row in scores.to_dict("records"):
        found = {name: None if pd.isna(row[name]) else row[name] for name in ("macro_recall", "psnr", "ssim")}
        by_level.setdefault(row["level"], {})[row["images"]] = {"accuracy": row["accuracy"], **found}
    for row in gains.to_dict("records"):
        by_level[row["level"]]["gain"] = {"mean": row["gain"], "ci95": row["ci95"]}
    trained = {level: _one(report, "accuracy", "macro_recall") for level, report in control.items()}
    return {
        "autoencoder_validation_loss": float(losses.iloc[-1]),
        "helps": helps(gains),
        "levels": by_level,
        "trained_on_noise": trained,
    }


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
    left = [_leave(levels[best::-1], values[best::-1]) for values in (mean, upper, lower)]
    right = [_leave(levels[best:], values[best:]) for values in (mean, lower, upper)]
    names = ("level", "low", "high")
    return {"from": dict(zip(names, left, strict=True)), "to": dict(zip(names, right, strict=True))}


def _leave(levels: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return where values, which begin above 0, first pass 0; the last level if they do not."""
    below = np.flatnonzero(values <= 0)
    if len(below) == 0:
        return float(levels[-1])
    end = int(below[0])
    share = values[end - 1] / (values[end - 1] - values[end])
    return float(levels[end - 1] + share * (levels[end] - levels[end - 1]))


def denoise_control(control: Mapping[str, Report]) -> pd.DataFrame:
    """Return one row for each level: level, accuracy, macro_recall, ci95 (of the accuracy)."""
    rows = [{"level": level, **_one(report, "accuracy", "macro_recall")} for level, report in control.items()]
    return pd.DataFrame(rows)


def limit(results: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the accuracy of the exact posterior by scale: scale, accuracy."""
    return pd.DataFrame([(scale, found["accuracy"]) for scale, found in results.items()], columns=["scale", "accuracy"])


def what_helps(
    intervals: pd.DataFrame, denoised: Mapping[str, Report], limits: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the test accuracy of all there is by scale: approach, scale, accuracy, ci95, below_limit.

    An approach is a model of the study, ``denoised`` (a classifier of clean images behind an autoencoder for this
    noise) or ``limit``. intervals: as summary.accuracy_intervals. below_limit: accuracy of the limit minus this one.
    """
    test = intervals[intervals["split"] == "test"]
    rows = [
        {"approach": row["model"], "scale": row["scale"], "accuracy": row["mean"], "ci95": row["ci95"]}
        for row in test.to_dict("records")
    ]
    rows += [{"approach": "denoised", "scale": scale, **_one(report, "accuracy")} for scale, report in denoised.items()]
    rows += [
        {"approach": "limit", "scale": scale, **_one({"test": found}, "accuracy")} for scale, found in limits.items()
    ]
    table = pd.DataFrame(rows)
    return table.assign(
        below_limit=table["scale"].map({s: found["accuracy"] for s, found in limits.items()}) - table["accuracy"]
    )


def distances(table: pd.DataFrame) -> dict[str, Any]:
    """Return the table of what_helps as ``{approach: {scale: {"accuracy", "ci95", "below_limit"}}}``."""
    return {
        str(approach): rows.drop(columns="approach").set_index("scale").to_dict("index")
        for approach, rows in table.groupby("approach", sort=False)
    }


def _one(report: Report, *scores: str) -> dict[str, Any]:
    """Return scores of the test images of one training, with the half-width that other images would give accuracy."""
    test = report["test"]
    return {**{score: test[score] for score in scores}, "ci95": spread([test["accuracy"]], test["n"])["ci95"]}
