"""What README and docs/results.md state has the numbers of the committed tables, and holds."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from noisy_mnist.core import tables
from tools.workspace import ROOT, read_params

README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs/results.md").read_text(encoding="utf-8")
SCALES = read_params(ROOT / "params.yaml")["grid"]["scales"]
IMAGES = 10_000  # of the test split
ACCURACIES = tables.read_csv(ROOT / "plots/accuracy_by_scale.csv")
COMPARISON = tables.read_csv(ROOT / "plots/comparison.csv").set_index(["method", "scale"])
DENOISE = tables.read_csv(ROOT / "plots/denoise.csv").set_index(["images", "level"])
NEW_DIGITS = tables.read_csv(ROOT / "plots/new_digits.csv").set_index("images")
SCORES = tables.read_csv(ROOT / "metrics/scores.csv")
TRANSFER = tables.read_csv(ROOT / "plots/transfer.csv")
NETS = list(ACCURACIES["model"].unique())


def by_seed(method: str, scale: float, split: str = "test") -> "pd.Series[float]":
    """Return the accuracies of a method at a scale, by seed.

    What stands behind a net of seed 0 has that seed alone; the posterior baseline has the same accuracy with all seeds.
    """
    if method in NETS:
        found = (ACCURACIES["model"] == method) & (ACCURACIES["scale"] == scale) & (ACCURACIES["split"] == split)
        return ACCURACIES[found].set_index("seed")["accuracy"]
    seeds = [0] if method == "denoised" else ACCURACIES["seed"].unique()
    return pd.Series(COMPARISON["accuracy"][method, scale], index=seeds)


def difference(one: str, other: str, scale: float) -> tuple[float, float]:
    """Return by how many points a method is more accurate than another: the mean over seeds, and its 95 % half-width.

    As intervals.spread for one model: Student's t over the differences seed by seed, and the binomial part of each
    method's own accuracy, as if each had test images of its own.
    """
    accuracies = [by_seed(method, scale) for method in (one, other)]
    differences = (accuracies[0] - accuracies[1]).dropna()
    n = len(differences)
    means = [found[differences.index].mean() for found in accuracies]
    parts = [stats.norm.ppf(0.975) * np.sqrt(mean * (1 - mean) / IMAGES) for mean in means]
    if n > 1:
        parts.append(stats.t.ppf(0.975, n - 1) * differences.std() / np.sqrt(n))
    return 100 * differences.mean(), 100 * float(np.hypot.reduce(parts))


def points(one: str, other: str, scale: float) -> str:
    """Return a difference as it is written."""
    return "{:.1f} ± {:.1f}".format(*difference(one, other, scale)).replace("-", "−")


def row(one: str, other: str) -> str:
    """Return the differences at all scales as a row of a table, in bold where the interval is clear of 0."""
    cells = []
    for scale in SCALES:
        mean, half_width = difference(one, other, scale)
        shown = points(one, other, scale)
        cells.append("0" if mean == 0 else f"**{shown}**" if abs(mean) > half_width else shown)
    return f"| `{one}` − `{other}` | {' | '.join(cells)} |"


def deviations() -> "pd.Series[float]":
    """Return the standard deviations over seeds of the test accuracies, in points, by model and scale."""
    return 100 * ACCURACIES[ACCURACIES["split"] == "test"].groupby(["model", "scale"])["accuracy"].std()


def best_in_columns() -> "pd.Series[float]":
    """Return, for each model and test scale, the training scale of the net that is best there (mean over seeds)."""
    return TRANSFER.groupby(["model", "test_scale", "train_scale"])["accuracy"].mean().unstack().idxmax(axis=1)


def best_on_the_diagonal() -> str:
    """Return in how many columns of the transfer matrices the net trained at that scale is best, as it is written."""
    best = best_in_columns()
    return f"{(best == best.index.get_level_values('test_scale')).sum()} of {len(best)}"


def gain(penalty: str) -> str:
    """Return what weight decay is worth in points, as it is written."""
    rows = SCORES[(SCORES["study"] == "weight_decay") & (SCORES["model"] == penalty) & (SCORES["score"] == "gain")]
    return f"{100 * rows['mean'].item():.2f} ± {100 * rows['ci95'].item():.2f}"


def denoising(level: float) -> str:
    """Return the accuracy of a net trained with salt and pepper, and behind the denoiser, as it is written."""
    trained = SCORES.query(f"study == 'denoise_control' and score == 'accuracy' and scale == {level}")["mean"]
    return f"{trained.item():.3f} against {DENOISE['accuracy']['denoised', level]:.3f} at {level:g}"


def helps(end: str) -> float:
    """Return an end of the range of levels at which denoising helps, or of its interval."""
    return float(SCORES.loc[SCORES["score"] == f"helps_{end}", "mean"].item())


def gains_from_a_little_noise(*models: str) -> list[float]:
    """Return what training at 0.1 and not on clean images gains at scale 1, in points, for each model and seed."""
    rows = TRANSFER[TRANSFER["model"].isin(models) & (TRANSFER["test_scale"] == 1)]
    table = rows.pivot_table("accuracy", ["model", "seed"], "train_scale")
    return [round(100 * gain) for gain in table[0.1] - table[0]]


def test_differences_are_those_of_the_tables() -> None:
    shown = re.findall(r"^\| `(\w+)` − `(\w+)` \| .+ \|$", RESULTS, re.MULTILINE)
    assert {method for pair in shown for method in pair} == {*COMPARISON.index.unique("method")}
    for one, other in shown:
        assert row(one, other) in RESULTS


IN_README = [
    f"`mlp_fresh` gains {points('mlp_fresh', 'mlp', 1)} points at 1 and {points('mlp_fresh', 'mlp', 2)} at 2",
    f"{points('cnn_fresh', 'cnn', 1)} points at 1, {points('cnn_fresh', 'cnn', 2)} at 2 and "
    f"{points('cnn_fresh', 'cnn', 4)} at 4",
    f"`mlp_standardised` gains {points('mlp_standardised', 'mlp_fresh', 2)} points at 2",
    f"by {points('cnn', 'mlp', 0.5)} points at 0.5 and {points('cnn', 'mlp', 2)} at 2",
    f"{points('cnn_bn', 'posterior', 1)} points above it at 1, {points('posterior', 'cnn_bn', 2)} below at 2 and "
    f"{points('posterior', 'cnn_bn', 4)} at 4",
    f"{points('cnn_fresh', 'denoised', 2)} points behind at 2, and {points('cnn_fresh', 'denoised', 4)} at 4",
    f"in {best_on_the_diagonal()} columns",
    f"{gain('kernel')} points on the weights, {gain('activity')} on the activations",
]
IN_RESULTS = [
    f"(training accuracy {by_seed('mlp', 1, 'train').mean():.3f} at scale 1, test accuracy "
    f"{by_seed('mlp', 1).mean():.3f})",
    f"(training accuracy {by_seed('cnn', 2, 'train').mean():.3f} at 2, test accuracy {by_seed('cnn', 2).mean():.3f})",
    "The largest standard deviation over seeds is {:.2f} points, of `{}` at {:g}".format(
        deviations().max(), *deviations().idxmax()
    ),
    f"In {best_on_the_diagonal()} the",
    "with {:.0%} of them, and with {:.0%} of the clean ones".format(
        *TRANSFER.query("model == 'cnn_bn' and train_scale == 1").groupby("test_scale")["accuracy"].mean()[[1, 0]]
    ).replace("%", " %"),
    f"Denoising helps from level {helps('from'):.3f} ({helps('from_low'):.3f} to {helps('from_high'):.3f}) to "
    f"{helps('to'):.3f} ({helps('to_low'):.3f} to {helps('to_high'):.0f})",
    f"from {DENOISE['accuracy']['noisy', 0.5]:.3f} to {DENOISE['accuracy']['denoised', 0.5]:.3f}",
    ", ".join(denoising(level) for level in (0.2, 0.4, 0.6, 0.8)),
    f"{NEW_DIGITS['intended']['new']:.1%} of {NEW_DIGITS['n']['new']:,} as".replace("%", " %"),
    f"garbage: {NEW_DIGITS['intended']['from_noise']:.1%}".replace("%", " %"),
    f"is {NEW_DIGITS['diversity']['new']:.1f}, that of test images {NEW_DIGITS['diversity']['test']:.1f}",
    f"{gain('kernel')} points more",
    f"{gain('activity')} points more",
]


@pytest.mark.parametrize("sentence", IN_README)
def test_numbers_of_readme_are_those_of_the_tables(sentence: str) -> None:
    assert sentence in " ".join(README.split())


@pytest.mark.parametrize("sentence", IN_RESULTS)
def test_numbers_of_results_are_those_of_the_tables(sentence: str) -> None:
    assert sentence in " ".join(RESULTS.split())


def test_what_is_called_certain_is_so_and_what_is_not_is_not() -> None:
    """An interval that is clear of 0."""
    said = {
        ("mlp_fresh", "mlp"): {0.1, 0.5, 1, 2, 4},
        ("mlp_standardised", "mlp_fresh"): set(),
        ("cnn_fresh", "cnn"): {4},
        ("cnn", "mlp"): set(SCALES),
        ("cnn_fresh", "mlp_fresh"): {0, 0.1, 0.5},
        ("cnn_bn", "posterior"): {0, 0.1, 0.5, 1},
        ("cnn_fresh", "denoised"): {0, 0.1, 0.5, 2, 4},
    }
    for (one, other), certain in said.items():
        differences = {scale: difference(one, other, scale) for scale in SCALES}
        ahead = {scale for scale, (mean, half_width) in differences.items() if mean > half_width}
        assert ahead == certain, (one, other)
        assert not [scale for scale, (mean, half_width) in differences.items() if mean < -half_width], (one, other)


def test_cnn_bn_is_best_at_every_scale_with_each_seed() -> None:
    for scale in SCALES:
        accuracies = pd.DataFrame({net: by_seed(net, scale) for net in [*NETS, "denoised"]})
        assert set(accuracies.idxmax(axis=1)) == {"cnn_bn"}


def test_elsewhere_the_best_training_scale_is_next_to_that_of_the_test_images() -> None:
    best = best_in_columns()
    steps = best.map(SCALES.index) - best.index.get_level_values("test_scale").map(SCALES.index)
    assert set(steps.abs()) == {0, 1}


def test_a_little_noise_helps_at_scale_1_where_it_is_said_to() -> None:
    for models, said in {
        ("cnn", "cnn_fresh", "cnn_bn"): "ConvNets gain {} to {}",
        ("mlp_fresh",): "`mlp_fresh` {} to {}",
    }.items():
        gains = gains_from_a_little_noise(*models)
        assert said.format(min(gains), max(gains)) in " ".join(RESULTS.split())
    losses = [-gain for gain in gains_from_a_little_noise("mlp")]
    assert f"loses {min(losses)} to {max(losses)}" in " ".join(RESULTS.split())


def test_cnn_bn_trained_on_clean_images_fails_at_scale_1() -> None:
    found = TRANSFER.query("model == 'cnn_bn' and train_scale == 0 and test_scale == 1")["accuracy"]
    assert f"classifies {found.min():.0%} to {found.max():.0%} of".replace("%", " %") in " ".join(RESULTS.split())
