"""What docs/reproduction.md gives as ours stands in the committed tables."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from noisy_mnist.reporting.charts import HINTON
from tools.workspace import ROOT

DOCUMENT = (ROOT / "docs/reproduction.md").read_text(encoding="utf-8")
TEXT = " ".join(DOCUMENT.split())
ROWS = re.findall(r"^\| ours, \[[\w -]+\]\(\.\./(\S+\.csv)\), `(\w+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)
SCORES = tables.read_csv(ROOT / "metrics/scores.csv", text=["scale"])
CURVES = ROOT / "reproduction/b-adadelta_curves.csv"  # of the figure
SEEDS = {"metrics/scores.csv": 3, "reproduction/first-run.csv": 3, "reproduction/a2-rmsprop.csv": 3}  # else one


def row(study: str, model: str, scale: str | None, score: str, split: str = "test") -> dict[str, Any]:
    """Return a row of the committed scores."""
    wanted = {"study": study, "model": model, "split": split, "score": score}
    found = SCORES[SCORES["scale"].isna() if scale is None else SCORES["scale"] == scale]
    for column, value in wanted.items():
        found = found[found[column] == value]
    (result,) = found.to_dict("records")
    return {str(key): value for key, value in result.items()}


def test_every_table_kept_for_it_is_shown() -> None:
    kept = {f"reproduction/{path.name}" for path in (ROOT / "reproduction").glob("*.csv") if path != CURVES}
    assert kept == {path for path, _, _ in ROWS if path.startswith("reproduction/")}


@pytest.mark.parametrize(("path", "model", "cells"), ROWS)
def test_accuracies_are_those_of_the_tables(path: str, model: str, cells: str) -> None:
    table = tables.read_csv(ROOT / path)
    if "study" in table:  # of all studies and scores
        table = table[(table["study"] == "noise") & (table["score"] == "accuracy")]
    rows = table[(table["model"] == model) & (table["split"] == "test")]
    assert set(rows["n"]) == {SEEDS.get(path, 1)}
    expected = [f"{row['mean']:.4f} ± {row['ci95']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
    assert cells.split(" | ") == expected


def notebook(title: str, before: str) -> list[float]:
    """Return the accuracies of a notebook, from the first row with this title after a text."""
    cells = re.findall(rf"^\| {title} \| (.+) \|$", DOCUMENT[DOCUMENT.index(before) :], re.MULTILINE)[0]
    return [float(cell.replace("–", "nan")) for cell in cells.split(" | ")]


def ours(experiment: str, model: str, split: str = "test") -> "pd.Series[float]":
    """Return the accuracies of an experiment, by scale."""
    table = tables.read_csv(ROOT / f"reproduction/{experiment}.csv")
    return table[(table["model"] == model) & (table["split"] == split)].set_index("scale")["mean"]


def largest_difference(found: "pd.Series[float]", theirs: list[float]) -> str:
    """Return the largest difference from the notebook's accuracies and its scale, as they are written."""
    difference = 100 * (found - theirs).abs()
    return f"the largest difference is {difference.max():.1f} points, at {difference.idxmax():g}"


def test_differences_from_the_notebooks_are_those_of_the_tables() -> None:
    rmsprop, adadelta = ours("a2-rmsprop", "mlp_rmsprop"), ours("b-adadelta", "cnn_adadelta")
    lower = {
        model: 100 * (notebook("notebook", before)[0] - ours(experiment, model)[0])
        for experiment, model, before in (
            ("c-sgd", "mlp_500_300", "| 784-500-300-10"),
            ("c-sgd", "mlp_64", "| 784-64-64-10"),
            ("d-sgd", "cnn_pool3", "| conv 32-64, max-pool 3"),
            ("d-sgd", "cnn_sgd", "| conv 32-64, max-pool 2"),
        )
    }
    decay = 100 * (HINTON - row("weight_decay", "kernel", "0.0001", "accuracy")["mean"])
    clipped, table = ours("a3-clipped", "mlp"), tables.read_csv(ROOT / "plots/accuracy_by_scale.csv")
    unclipped = table.query("model == 'mlp' and seed == 0 and split == 'test'").set_index("scale")["accuracy"]
    assert clipped[0] == unclipped[0]
    assert round(lower["cnn_pool3"], 1) == round(lower["cnn_sgd"], 1)
    for said in (
        f"ours agree: {largest_difference(rmsprop, notebook('notebook, RMSprop', '## A.'))}, within the interval",
        f"or less: {largest_difference(adadelta, notebook('notebook', '## B.'))}.",
        f"({unclipped[0.5]:.4f} without, with the same seed)".replace("0.", "."),
        f"(seed 0, {unclipped[0]:.4f})".replace("0.", "."),
        f"The small one is {lower['mlp_64']:.1f} points lower, within the interval",
        f"Both are {lower['cnn_sgd']:.1f} points lower",
        f"the first net already classifies {ours('d-sgd', 'cnn_pool3', 'train')[0]:.4f} of".replace("0.", "."),
        f"is {decay:.1f} points above ours with the kernel penalty",
        "{mean:.4f} ± {ci95:.4f} (`mlp_rmsprop`".format(
            **tables.read_csv(ROOT / "reproduction/a2-rmsprop.csv").query("scale == 0 and split == 'test'").iloc[0]
        ).replace("0.", "."),
    ):
        assert said in TEXT, said
    assert abs(lower["mlp_500_300"]) < 0.05  # "The large net agrees"


def test_only_the_net_with_adadelta_is_still_learning_at_its_end() -> None:
    validation = tables.read_csv(CURVES).query("split == 'validation'")
    accuracy = validation.pivot_table("accuracy", ["model", "scale"], "epoch")
    gains = 100 * (accuracy[20] - accuracy[15])
    up_to_2 = gains["cnn_adadelta"].drop(4)
    assert f"{up_to_2.min():.1f} to {up_to_2.max():.1f} points of validation accuracy at scales up to 2" in TEXT
    assert f"The MLP gains {gains['mlp'].max():.1f} points at most" in TEXT
    assert accuracy.loc[("cnn_adadelta", 4)].max() < 0.12  # guessing: "at 4 it has not begun to learn"


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
