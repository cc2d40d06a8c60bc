"""What docs/reproduction.md gives as ours stands in the committed tables."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from tools.workspace import ROOT

DOCUMENT = (ROOT / "docs/reproduction.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ours\*?, \[[\w -]+\]\(\.\./(\S+\.csv)\), `(\w+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)
SCORES = tables.read_csv(ROOT / "metrics/scores.csv", text=["scale"])


def row(study: str, model: str, scale: str | None, score: str, split: str = "test") -> dict[str, Any]:
    """Return a row of the committed scores."""
    wanted = {"study": study, "model": model, "split": split, "score": score}
    found = SCORES[SCORES["scale"].isna() if scale is None else SCORES["scale"] == scale]
    for column, value in wanted.items():
        found = found[found[column] == value]
    (result,) = found.to_dict("records")
    return {str(key): value for key, value in result.items()}


def test_every_table_kept_for_it_is_shown() -> None:
    kept = {f"reproduction/{path.name}" for path in (ROOT / "reproduction").glob("*.csv")}
    assert kept == {path for path, _, _ in ROWS if path.startswith("reproduction/")}


@pytest.mark.parametrize(("path", "model", "cells"), ROWS)
def test_accuracies_are_those_of_the_tables(path: str, model: str, cells: str) -> None:
    table = tables.read_csv(ROOT / path)
    if "study" in table:  # of all studies and scores
        table = table[(table["study"] == "noise") & (table["score"] == "accuracy")]
    rows = table[(table["model"] == model) & (table["split"] == "test")]
    expected = [f"{row['mean']:.4f} ± {row['ci95']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
    assert [cell for cell in cells.split(" | ") if cell != "–"] == expected  # – is what was not run


def test_rows_of_weight_decay_are_those_of_the_table() -> None:
    table = SCORES[(SCORES["study"] == "weight_decay") & (SCORES["score"] == "accuracy")]
    found = re.findall(r"^\| ours, `(\w+)` \| (.+) \|$", DOCUMENT, flags=re.MULTILINE)
    assert [penalty for penalty, _ in found] == list(table["model"].unique())
    for penalty, cells in found:
        rows = table[(table["model"] == penalty) & (table["split"] == "validation")]
        expected = [f"{row['mean']:.4f} ± {row['std']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
        assert cells.split(" | ") == expected


def scores(table: pd.DataFrame, study: str, score: str, split: str = "test") -> pd.DataFrame:
    """Return mean, standard deviation and half-width of a score of a study, times 100, by model and scale."""
    rows = table[(table["study"] == study) & (table["score"] == score) & (table["split"] == split)]
    return 100 * rows.set_index(["model", "scale"])[["mean", "std", "ci95"]]


def test_what_changed_since_the_first_run_is_the_difference_of_the_tables() -> None:
    first, today = tables.read_csv(ROOT / "reproduction/first-run.csv"), tables.read_csv(ROOT / "metrics/scores.csv")
    then, now = scores(first, "noise", "accuracy"), scores(today, "noise", "accuracy")
    gain = (now - then)["mean"]
    half_width = np.hypot(now["ci95"], then["ci95"])  # the seeds of the two runs count as different
    found = tables.read_csv(ROOT / "plots/transfer.csv").query("train_scale == 0.1 and test_scale == 0.5")
    losses = scores(first, "transfer", "accuracy", "test at 0.5")["mean"].droplevel("scale")
    losses -= 100 * found.groupby("model")["accuracy"].mean()
    ends = [table.loc[table["score"] == "helps_from", "mean"].item() for table in (today, first)]
    for said in (
        "`cnn` from {:.1f} to {:.1f} points".format(*(table["std"]["cnn", 2] for table in (then, now))),
        "`cnn_fresh` from {:.1f} to {:.1f}".format(*(table["std"]["cnn_fresh", 2] for table in (then, now))),
        f"`cnn` {gain['cnn', 2]:.1f} ± {half_width['cnn', 2]:.1f} points more",
        f"`cnn_fresh` {gain['cnn_fresh', 2]:.1f} ± {half_width['cnn_fresh', 2]:.1f}.",
        f"`cnn` loses {losses['cnn']:.1f} points and `cnn_fresh` {losses['cnn_fresh']:.1f}",
        f"{gain['cnn_bn', 1]:.1f} ± {half_width['cnn_bn', 1]:.1f} points more at 1",
        f"{gain['cnn_bn', 2]:.1f} ± {half_width['cnn_bn', 2]:.1f} at 2",
        "from a level of {:.3f}, not {:.3f}".format(*ends),
        f"differ by {max(abs(gain[['mlp', 'mlp_fresh']])):.1f} points at most",
    ):
        assert said in DOCUMENT, said


def test_denoising_and_published_figures_are_those_of_the_scores() -> None:
    names = ("from", "from_low", "from_high", "to", "to_low", "to_high")
    ends = {name: row("denoise", "denoised", None, f"helps_{name}")["mean"] for name in names}
    gain = SCORES[(SCORES["study"] == "weight_decay") & (SCORES["model"] == "kernel") & (SCORES["score"] == "gain")]
    assert list(gain["scale"]) == ["0.0001"]  # the chosen factor
    shown = [
        f"| {row('autoencoder', 'autoencoder', None, 'loss', split='validation')['mean']:.4f} |",
        "| {from:.3f} (95 % interval {from_low:.3f} to {from_high:.3f}) |".format(**ends),
        "| {to:.3f} ({to_low:.3f} to {to_high:.0f}) |".format(**ends),
        *(
            f"{row('denoise', 'denoised', level, 'accuracy')['mean']:.3f} at {level}"
            for level in ("0.2", "0.4", "0.5", "0.6", "0.8")
        ),
        f"{row('synthesize', 'new', None, 'intended')['mean']:.1%} classified as intended".replace("%", " %"),
        f"{row('synthesize', 'from_noise', None, 'intended')['mean']:.1%}, from noise".replace("%", " %"),
        "{mean:.4f} ± {ci95:.4f} (kernel 1e-4, n = {n})".format(**row("weight_decay", "kernel", "0.0001", "accuracy")),
        *(
            "{mean:.4f} ± {ci95:.4f} (`{model}`".format(**row("noise", model, "0", "accuracy"))
            for model in ("mlp", "cnn_bn", "cnn")
        ),
    ]
    without_zero = re.compile(r"\b0(?=\.\d{3})")  # .981, as the tables write it
    document = without_zero.sub("", DOCUMENT)
    assert [text for text in shown if without_zero.sub("", text) not in document] == []
