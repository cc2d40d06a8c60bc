"""Each finding that README states has the numbers of the committed tables, and holds."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from noisy_mnist.core import tables
from tools.workspace import ROOT

README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
IMAGES = 10_000  # of the test split
ACCURACIES = tables.read_csv(ROOT / "plots/accuracy_by_scale.csv")
COMPARISON = tables.read_csv(ROOT / "plots/comparison.csv").set_index(["method", "scale"])
TRANSFER = tables.read_csv(ROOT / "plots/transfer.csv")
SCORES = tables.read_csv(ROOT / "metrics/scores.csv")


def by_seed(model: str, scale: float, split: str = "test") -> "pd.Series[float]":
    """Return the accuracies of a model at a scale by seed."""
    rows = ACCURACIES[(ACCURACIES["model"] == model) & (ACCURACIES["scale"] == scale) & (ACCURACIES["split"] == split)]
    return rows.set_index("seed")["accuracy"]


def difference(one: str, other: str, scale: float) -> tuple[float, float]:
    """Return by how many points a model is more accurate than another: the mean over seeds, and its 95 % half-width.

    As intervals.spread for one model: Student's t over the differences seed by seed, and the binomial part of each
    model's own accuracy, as if each had test images of its own.
    """
    accuracies = by_seed(one, scale), by_seed(other, scale)
    differences = accuracies[0] - accuracies[1]
    n = len(differences)
    seeds = stats.t.ppf(0.975, n - 1) * differences.std() / np.sqrt(n)
    images = [stats.norm.ppf(0.975) * np.sqrt(mean * (1 - mean) / IMAGES) for mean in (a.mean() for a in accuracies)]
    return 100 * differences.mean(), 100 * float(np.hypot.reduce([seeds, *images]))


def points(one: str, other: str, scale: float) -> str:
    """Return a difference as it is written."""
    return "{:.1f} ± {:.1f}".format(*difference(one, other, scale)).replace("-", "−")


def above_posterior(method: str, scale: float) -> float:
    """Return by how many points a method exceeds the posterior baseline."""
    return 100 * float(COMPARISON["above_posterior"][method, scale])


def best_on_the_diagonal() -> tuple[int, int]:
    """Return in how many columns of the transfer matrices the net trained at that scale is best, and how many are."""
    means = TRANSFER.groupby(["model", "test_scale", "train_scale"])["accuracy"].mean().unstack()
    best = means.idxmax(axis=1)
    return int((best == best.index.get_level_values("test_scale")).sum()), len(best)


def gain(penalty: str) -> str:
    """Return what weight decay is worth in points, as it is written."""
    rows = SCORES[(SCORES["study"] == "weight_decay") & (SCORES["model"] == penalty) & (SCORES["score"] == "gain")]
    return f"{100 * rows['mean'].item():.2f} ± {100 * rows['ci95'].item():.2f}"


@pytest.mark.parametrize(
    "sentence",
    [
        f"`mlp_fresh` gains {points('mlp_fresh', 'mlp', 1)} points at 1 and {points('mlp_fresh', 'mlp', 2)} at 2",
        f"{points('cnn_fresh', 'cnn', 1)} points at 1 and {points('cnn_fresh', 'cnn', 2)} at 2",
        f"by {points('cnn', 'mlp', 0.5)} points at 0.5 and {points('cnn', 'mlp', 1)} at 1",
        f"{-above_posterior('cnn_bn', 2):.1f} points below it at 2 and {-above_posterior('cnn_bn', 4):.1f} at 4",
        f"{-100 * (COMPARISON['accuracy']['denoised', 1] - COMPARISON['accuracy']['cnn_bn', 1]):.1f} points behind",
        f"{gain('kernel')} points on the weights, {gain('activity')} on the activations",
        "in {} of {} columns".format(*best_on_the_diagonal()),
    ],
)
def test_numbers_are_those_of_the_tables(sentence: str) -> None:
    assert sentence in README


def test_what_is_called_certain_is_so_and_what_is_not_is_not() -> None:
    """An interval that is clear of 0."""
    certain = {
        (one, other, scale): abs(mean) > half_width
        for one, other, scale in [
            *(("mlp_fresh", "mlp", scale) for scale in (0.5, 1, 2, 4)),
            *(("cnn_fresh", "cnn", scale) for scale in (1, 2, 4)),
            *(("cnn", "mlp", scale) for scale in (0.5, 1)),
        ]
        for mean, half_width in [difference(one, other, scale)]
    }
    unsure = {key for key, is_certain in certain.items() if not is_certain}
    assert unsure == {("cnn_fresh", "cnn", scale) for scale in (1, 2, 4)}


def test_the_best_net_of_every_scale_is_the_one_that_is_named() -> None:
    nets = COMPARISON["accuracy"].drop("posterior", level="method").unstack("scale")
    assert set(nets.idxmax()) == {"cnn_bn"}
    assert re.search(r"`cnn_bn` is best at every scale", README)
