"""The tables of the noise study, from the scores and histories of its runs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from noisy_mnist.reporting.intervals import spread

# A run: model, scale as written in params.yaml, seed.
Run = tuple[str, str, int]
# Scores by split. Those of validation and test come from the evaluate stage (see scores.report).
Report = Mapping[str, Mapping[str, Any]]
TEST_SCORES = ("accuracy", "loss", "macro_recall", "calibration_error", "brier")
SCORES = {"train": ("accuracy", "loss"), "validation": ("accuracy", "loss"), "test": TEST_SCORES}


def with_training_scores(reports: Mapping[Run, Report], histories: Mapping[Run, pd.DataFrame]) -> dict[Run, Report]:
    """Return the reports with one more split, ``train``: accuracy and loss after the last epoch, from the history."""
    result: dict[Run, Report] = {}
    for run, report in reports.items():
        history = histories[run]
        last = history[history["split"] == "train"].iloc[-1]
        result[run] = {"train": {score: float(last[score]) for score in SCORES["train"]}, **report}
    return result


def scores(reports: Mapping[Run, Report]) -> pd.DataFrame:
    """Return all scores with their spread over seeds: model, scale, split, score, mean, std, n, ci95.

    The interval of an accuracy includes the variation over images if their number is known; for ``train`` it is not.
    """
    groups: dict[tuple[str, str], list[Report]] = {}
    for (model, scale, _), report in reports.items():
        groups.setdefault((model, scale), []).append(report)
    rows = []
    for (model, scale), group in groups.items():
        for split, names in SCORES.items():
            for score in names:
                images = group[0][split].get("n") if score == "accuracy" else None
                spreads = spread([report[split][score] for report in group], images)
                rows.append({"model": model, "scale": scale, "split": split, "score": score, **spreads})
    return pd.DataFrame(rows)


def accuracy_by_scale(reports: Mapping[Run, Report]) -> pd.DataFrame:
    """Return one row for each run and split: model, scale, seed, split, accuracy, loss."""
    rows = [
        (*run, split, report[split]["accuracy"], report[split]["loss"])
        for run, report in reports.items()
        for split in SCORES
    ]
    return pd.DataFrame(rows, columns=["model", "scale", "seed", "split", "accuracy", "loss"])


def confusion(reports: Mapping[Run, Report]) -> pd.DataFrame:
    """Return counts of test images summed over seeds: model, scale, label, predicted, count."""
    rows = [
        (model, scale, label, predicted, count)
        for (model, scale, _), report in reports.items()
        for label, counts in enumerate(report["test"]["confusion"])
        for predicted, count in enumerate(counts)
    ]
    table = pd.DataFrame(rows, columns=["model", "scale", "label", "predicted", "count"])
    return table.groupby(["model", "scale", "label", "predicted"], sort=False, as_index=False).sum()


def curves(histories: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """Return all histories as one table: model, scale, seed, epoch, split, accuracy, loss."""
    parts = [history.assign(model=model, scale=scale, seed=seed) for (model, scale, seed), history in histories.items()]
    return pd.concat(parts)[["model", "scale", "seed", "epoch", "split", "accuracy", "loss"]]


def transfer(accuracies: Mapping[Run, Mapping[str, float]], scales: list[str]) -> pd.DataFrame:
    """Return the accuracy on the test images of each of ``scales``: model, train_scale, test_scale, seed, accuracy."""
    rows = [
        (model, train_scale, test_scale, seed, by_scale[test_scale])
        for (model, train_scale, seed), by_scale in accuracies.items()
        for test_scale in scales
    ]
    return pd.DataFrame(rows, columns=["model", "train_scale", "test_scale", "seed", "accuracy"])


def comparison(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the test accuracy of all methods by scale: method, scale, accuracy, ci95, above_posterior.

    A method is a model of the study, ``denoised`` (an autoencoder for this noise, then a classifier trained on clean
    images) or ``posterior``, the baseline. scores: model, scale, split, score, mean, ci95 of all methods.
    above_posterior: accuracy minus that of the baseline.
    """
    test = scores[(scores["split"] == "test") & (scores["score"] == "accuracy")]
    table = test.rename(columns={"model": "method", "mean": "accuracy"})[["method", "scale", "accuracy", "ci95"]]
    posterior = table[table["method"] == "posterior"].set_index("scale")["accuracy"]
    return table.assign(above_posterior=table["accuracy"] - table["scale"].map(posterior))
