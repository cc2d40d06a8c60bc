"""From the scores of single trainings to means, deviations and intervals over seeds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from noisy_mnist.splits import SPLITS

# Which scores of the test split stand in metrics/summary.json.
SCORES = ("accuracy", "loss", "macro_recall", "calibration_error", "brier")
# A training: model, scale as it is named in params.yaml, seed.
Cell = tuple[str, str, int]
# What the evaluate stage wrote of one training: scores by split (see scores.report).
Report = Mapping[str, Mapping[str, Any]]


def spread(values: list[float], images: int | None = None) -> dict[str, float | int | None]:
    """Return mean, standard deviation, n and 95 % half-width of one score over n seeds.

    The half-width of the mean combines, as a root of the sum of squares, what other seeds would change (Student's t,
    n ≥ 2) and, for a share of ``images`` test images, what other test images would change (normal approximation of the
    binomial; all seeds share the same test images, so more seeds do not make it smaller). std is None for n = 1, the
    half-width is None where neither part is known.
    """
    n = len(values)
    mean = float(np.mean(values))
    std = float(np.std(values, ddof=1)) if n > 1 else None
    parts = []
    if std is not None:
        parts.append(float(stats.t.ppf(0.975, n - 1)) * std / np.sqrt(n))
    if images is not None:
        parts.append(float(stats.norm.ppf(0.975)) * np.sqrt(mean * (1 - mean) / images))
    return {"mean": mean, "std": std, "n": n, "ci95": float(np.hypot.reduce(parts)) if parts else None}


def summarize(reports: Mapping[Cell, Report]) -> dict[str, Any]:
    """Return ``{model: {scale: {score: spread}}}`` of the test split, and the validation accuracy to choose by."""
    result: dict[str, Any] = {}
    for (model, scale), group in _by_model_and_scale(reports).items():
        entry = {score: _spread_of(group, "test", score) for score in SCORES}
        entry["validation_accuracy"] = _spread_of(group, "validation", "accuracy")
        result.setdefault(model, {})[scale] = entry
    return result


def accuracy_by_scale(reports: Mapping[Cell, Report]) -> pd.DataFrame:
    """Return one row for each training and split: model, scale, seed, split, accuracy, loss."""
    rows = [
        (*cell, split, report["accuracy"], report["loss"])
        for cell, by_split in reports.items()
        for split, report in by_split.items()
    ]
    return pd.DataFrame(rows, columns=["model", "scale", "seed", "split", "accuracy", "loss"])


def accuracy_intervals(reports: Mapping[Cell, Report]) -> pd.DataFrame:
    """Return the accuracy over seeds of each model, scale and split: model, scale, split, mean, std, n, ci95."""
    rows = [
        {"model": model, "scale": scale, "split": split, **_spread_of(group, split, "accuracy")}
        for (model, scale), group in _by_model_and_scale(reports).items()
        for split in SPLITS
    ]
    return pd.DataFrame(rows)


def confusion(reports: Mapping[Cell, Report]) -> pd.DataFrame:
    """Return counts of test images summed over seeds: model, scale, label, predicted, count."""
    rows = [
        (model, scale, label, predicted, count)
        for (model, scale, _), report in reports.items()
        for label, counts in enumerate(report["test"]["confusion"])
        for predicted, count in enumerate(counts)
    ]
    table = pd.DataFrame(rows, columns=["model", "scale", "label", "predicted", "count"])
    return table.groupby(["model", "scale", "label", "predicted"], sort=False, as_index=False).sum()


def curves(histories: Mapping[Cell, pd.DataFrame]) -> pd.DataFrame:
    """Return all histories as one table: model, scale, seed, epoch, split, accuracy, loss."""
    parts = [history.assign(model=model, scale=scale, seed=seed) for (model, scale, seed), history in histories.items()]
    return pd.concat(parts)[["model", "scale", "seed", "epoch", "split", "accuracy", "loss"]]


def transfer(accuracies: Mapping[Cell, pd.DataFrame]) -> pd.DataFrame:
    """Return what the transfer stage wrote (test_scale, accuracy) as one table.

    Its columns: model, train_scale, test_scale, seed, accuracy.
    """
    parts = [
        found.assign(model=model, train_scale=scale, seed=seed) for (model, scale, seed), found in accuracies.items()
    ]
    return pd.concat(parts)[["model", "train_scale", "test_scale", "seed", "accuracy"]]


def _by_model_and_scale(reports: Mapping[Cell, Report]) -> dict[tuple[str, str], list[Report]]:
    """Return the reports of all seeds of each model and scale, in the order of the study."""
    groups: dict[tuple[str, str], list[Report]] = {}
    for (model, scale, _), report in reports.items():
        groups.setdefault((model, scale), []).append(report)
    return groups


def _spread_of(group: list[Report], split: str, score: str) -> dict[str, float | int | None]:
    """Return the spread of one score over seeds; an accuracy is a share of the split's images."""
    return spread([report[split][score] for report in group], group[0][split]["n"] if score == "accuracy" else None)
