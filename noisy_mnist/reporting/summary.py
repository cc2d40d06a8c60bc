"""From the results of all studies to the committed metrics and tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from noisy_mnist.reporting import noise_results, other_results
from noisy_mnist.reporting.intervals import spread
from noisy_mnist.reporting.noise_results import Report, Run
from noisy_mnist.reporting.other_results import PenaltyRun

COLUMNS = ["study", "model", "scale", "split", "score", "mean", "std", "n", "ci95"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """The outputs of the stages, in the order of params.yaml; scales, factors and levels as written there."""

    scales: list[str]
    reports: Mapping[Run, Mapping[str, Any]]  # from evaluate: validation, test, transfer
    histories: Mapping[Run, pd.DataFrame]
    posterior: Mapping[str, Mapping[str, Any]]  # by scale: n, accuracy
    denoised: Mapping[str, Report]  # by scale, from denoise_scale
    weight_decay: Mapping[PenaltyRun, Report]
    autoencoder: pd.DataFrame  # its history
    denoise: pd.DataFrame  # level, images, accuracy, macro_recall, psnr, ssim, n
    gains: pd.DataFrame  # level, gain, ci95
    control: Mapping[str, Report]  # by level, from denoise_control
    new_digits: pd.DataFrame  # images, n, intended, confidence, diversity

    @cached_property
    def runs(self) -> dict[Run, Report]:
        """Return the scores of the noise study, including those of training images."""
        return noise_results.with_training_scores(self.reports, self.histories)

    @cached_property
    def choice(self) -> dict[str, Any]:
        """Return the chosen factor of each penalty; see other_results.weight_decay_choice."""
        return other_results.weight_decay_choice(self.weight_decay)

    @cached_property
    def helps(self) -> dict[str, dict[str, float] | None]:
        """Return the range of levels where denoising helps; see other_results.helps."""
        return other_results.helps(self.gains)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Return ``metrics/scores.csv``: all scores of all studies with their spread over seeds, one per row.

        scale: the noise scale, the factor of a penalty, or the share of pixels that salt and pepper replace. model: the
        method; for ``weight_decay`` the penalty, for ``denoise`` and ``synthesize`` the images that are classified.
        """
        study = noise_results.scores(self.runs).assign(study="noise")
        rest = pd.DataFrame(list(_other_rows(self)), columns=COLUMNS)
        return pd.concat([study, rest.astype(study.dtypes)])[COLUMNS]

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """Return the test accuracy of all methods by scale; see noise_results.comparison."""
        compared = self.scores["study"].isin(["noise", "posterior", "denoise_scale"])
        return noise_results.comparison(self.scores[compared])


def plots(results: Results) -> dict[str, pd.DataFrame]:
    """Return the tables of ``plots`` by name."""
    posterior = [(scale, result["accuracy"]) for scale, result in results.posterior.items()]
    transfer = {run: report["transfer"] for run, report in results.reports.items()}
    return {
        "accuracy_by_scale": noise_results.accuracy_by_scale(results.runs),
        "comparison": results.comparison,
        "confusion": noise_results.confusion(results.runs),
        "curves": noise_results.curves(results.histories),
        "denoise": results.denoise,
        "new_digits": results.new_digits,
        "posterior": pd.DataFrame(posterior, columns=["scale", "accuracy"]),
        "transfer": noise_results.transfer(transfer, results.scales),
        "weight_decay": other_results.weight_decay(results.weight_decay),
        "weight_decay_intervals": other_results.weight_decay_intervals(results.weight_decay, results.choice),
    }


def summary(results: Results) -> dict[str, Any]:
    """Return ``metrics/summary.json``: one number for each quantity compared between branches.

    Accuracies are means over seeds on test images.
    """
    compared = noise_results.comparison(results.scores[results.scores["study"] == "noise"])
    accuracy: dict[str, dict[str, float]] = {}
    for row in compared.to_dict("records"):
        accuracy.setdefault(row["method"], {})[row["scale"]] = row["accuracy"]
    losses = results.autoencoder[results.autoencoder["split"] == "validation"]["loss"]
    return {
        "accuracy": accuracy,
        "posterior": {scale: result["accuracy"] for scale, result in results.posterior.items()},
        "weight_decay": {
            penalty: {"factor": float(chosen["factor"]), "test_accuracy": chosen["test_accuracy"]["mean"]}
            for penalty, chosen in results.choice.items()
        },
        "denoise": {
            **{f"helps_{end}": place and place["level"] for end, place in results.helps.items()},
            "autoencoder_validation_loss": float(losses.iloc[-1]),
        },
        "new_digits": {"intended": float(results.new_digits.set_index("images")["intended"]["new"])},
    }


def accuracy_table(results: Results) -> str:
    """Return the test accuracy of each method (row) at each scale (column) as text."""
    table = results.comparison.pivot_table("accuracy", "method", "scale", sort=False)
    return f"Test accuracy by noise scale\n{table.to_string(float_format='{:.4f}'.format)}"


def _other_rows(results: Results) -> Iterator[Row]:
    """Yield the rows of ``metrics/scores.csv`` of all studies except the noise study."""
    for scale, report in results.denoised.items():
        for split in ("validation", "test"):
            yield from _single("denoise_scale", "denoised", scale, split, report[split], noise_results.SCORES[split])
    for scale, result in results.posterior.items():
        yield from _single("posterior", "posterior", scale, "test", result, ["accuracy"])
    for row in _records(other_results.weight_decay_intervals(results.weight_decay, results.choice)):
        named = {"study": "weight_decay", "model": row["penalty"], "scale": row["factor"], "score": "accuracy"}
        yield {**named, **{key: row[key] for key in ("split", "mean", "std", "n", "ci95")}}
    for penalty, chosen in results.choice.items():
        named = {"study": "weight_decay", "model": penalty, "scale": chosen["factor"], "score": "gain"}
        yield {**named, "split": "test", **chosen["gain"]}
    for last in _records(results.autoencoder.groupby("split").tail(1)):
        yield from _single("autoencoder", "autoencoder", None, last["split"], last, ["loss"])
    for row in _records(results.denoise):
        scores = [score for score in ("accuracy", "macro_recall", "psnr", "ssim") if pd.notna(row[score])]
        yield from _single("denoise", row["images"], row["level"], "test", row, scores)
    for row in _records(results.gains):
        named = {"study": "denoise", "model": "denoised", "scale": row["level"], "score": "gain"}
        yield {**named, "split": "test", **spread([row["gain"]]), "ci95": row["ci95"]}
    for end, place in results.helps.items():
        for name, value in (place or {}).items():
            score = f"helps_{end}" + ("" if name == "level" else f"_{name}")
            yield from _single("denoise", "denoised", None, "test", {score: value}, [score])
    for level, report in results.control.items():
        yield from _single("denoise_control", "noisy", level, "test", report["test"], ["accuracy", "macro_recall"])
    for row in _records(results.new_digits):
        yield from _single("synthesize", row["images"], None, "test", row, ["intended", "confidence", "diversity"])


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as mappings."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _single(
    study: str, model: str, scale: str | None, split: str, result: Mapping[str, Any], scores: Any
) -> Iterator[Row]:
    """Yield rows for scores of one run; the interval of an accuracy is over its n images, if n is known."""
    for score in scores:
        images = int(result["n"]) if score in ("accuracy", "intended") and "n" in result else None
        named = {"study": study, "model": model, "scale": scale, "split": split, "score": score}
        yield {**named, **spread([float(result[score])], images)}
