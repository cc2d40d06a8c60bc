"""From the results of the studies beside the noise study to their tables and their parts of the summary."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from noisy_mnist.denoising import helps
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


def weight_decay_intervals(reports: Mapping[Penalised, Report]) -> pd.DataFrame:
    """Return what the figure shows: penalty, factor, split, mean, std, n, ci95, sampling.

    Validation accuracy for every factor; test accuracy for the control and for the factor that was chosen on
    validation images, and for no other.
    """
    images = next(iter(reports.values()))["validation"]["n"]
    rows = []
    for (penalty, factor), cells in weight_decay(reports).groupby(["penalty", "factor"], sort=False):
        found = _with_sampling(cells["validation_accuracy"], images)
        rows.append({"penalty": penalty, "factor": factor, "split": "validation", **found})
    for penalty, chosen in weight_decay_choice(reports).items():
        for factor, score in (("0", "control_test_accuracy"), (chosen["factor"], "test_accuracy")):
            rows.append({"penalty": penalty, "factor": factor, "split": "test", **chosen[score]})
    return pd.DataFrame(rows)


def _with_sampling(accuracies: "pd.Series[float]", images: int) -> dict[str, float | int | None]:
    """Return the spread of accuracies, and the half-width of a single one at their mean."""
    return {**spread(accuracies.tolist(), images), "sampling": spread([float(accuracies.mean())], images)["ci95"]}


def denoise(
    scores: pd.DataFrame, gains: pd.DataFrame, control: Mapping[str, Report], history: pd.DataFrame
) -> dict[str, Any]:
    """Return the summary of denoising: by level, from where to where it helps, and the control.

    scores, gains: as the denoise stage writes them. control: by level, the scores of the classifier that was trained
    on noisy images. history: of the autoencoder.
    """
    losses = history[history["split"] == "validation"]["loss"]
    by_level: dict[str, Any] = {}
    for row in scores.to_dict("records"):
        found = {name: None if pd.isna(row[name]) else row[name] for name in ("macro_recall", "psnr", "ssim")}
        by_level.setdefault(f"{row['level']:g}", {})[row["images"]] = {"accuracy": row["accuracy"], **found}
    for row in gains.to_dict("records"):
        by_level[f"{row['level']:g}"]["gain"] = {"mean": row["gain"], "ci95": row["ci95"]}
    trained = {level: _one(report, "accuracy", "macro_recall") for level, report in control.items()}
    return {
        "autoencoder_validation_loss": float(losses.iloc[-1]),
        "helps": helps(gains),
        "levels": by_level,
        "trained_on_noise": trained,
    }


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
