"""What README and docs/results.md state has the numbers of the committed tables, and holds."""

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from noisy_mnist.reporting import intervals
from tools.workspace import ROOT, read_params

DOCUMENTS = {
    name: " ".join((ROOT / name).read_text(encoding="utf-8").split()) for name in ("README.md", "docs/results.md")
}
SCALES = read_params(ROOT / "params.yaml")["grid"]["scales"]
IMAGES = 10_000  # of the test split
ACCURACIES = tables.read_csv(ROOT / "plots/accuracy_by_scale.csv")
COMPARISON = tables.read_csv(ROOT / "plots/comparison.csv").set_index(["method", "scale"])
CURVES = tables.read_csv(ROOT / "plots/curves.csv")
DENOISE = tables.read_csv(ROOT / "plots/denoise.csv").set_index(["images", "level"])
NEW_DIGITS = tables.read_csv(ROOT / "plots/new_digits.csv").set_index("images")
SCORES = tables.read_csv(ROOT / "metrics/scores.csv")
TRANSFER = tables.read_csv(ROOT / "plots/transfer.csv")
NETS = list(ACCURACIES["model"].unique())
DIFFERENCES = [  # the rows of the table in docs/results.md
    ("mlp_fresh", "mlp"),
    ("mlp_standardised", "mlp_fresh"),
    ("cnn_fresh", "cnn"),
    ("cnn", "mlp"),
    ("cnn_fresh", "mlp_standardised"),
    ("cnn_bn", "cnn_fresh"),
    ("denoised", "cnn_fresh"),
    ("cnn_bn", "posterior"),
]


def by_seed(net: str, scale: float, split: str = "test") -> "pd.Series[float]":
    """Return the accuracies of a net at a scale, by seed."""
    found = (ACCURACIES["model"] == net) & (ACCURACIES["scale"] == scale) & (ACCURACIES["split"] == split)
    return ACCURACIES[found].set_index("seed")["accuracy"]


def difference(one: str, other: str, scale: float) -> tuple[float, float]:
    """Return by how many points a method is more accurate than another, and the half-width of its 95 % interval.

    Test images count as independent. Of two nets, the seeds are paired.
    """
    mean = COMPARISON["accuracy"][one, scale] - COMPARISON["accuracy"][other, scale]
    if one in NETS and other in NETS:
        accuracies = by_seed(one, scale), by_seed(other, scale)
        seeds = intervals.spread(list(accuracies[0] - accuracies[1]))["ci95"]
        parts = [seeds, *(intervals.spread([found.mean()], IMAGES)["ci95"] for found in accuracies)]
    else:
        parts = [COMPARISON["ci95"][one, scale], COMPARISON["ci95"][other, scale]]
    return 100 * mean, 100 * float(np.hypot.reduce(parts))


def points(one: str, other: str, scale: float) -> str:
    """Return a difference as it is written."""
    return "{:.1f} ± {:.1f}".format(*difference(one, other, scale)).replace("-", "−")


def certain(one: str, other: str) -> str:
    """Return the scales at which a method is ahead of another for certain, as they are written: 0, 0.1 and 0.5."""
    ahead = [mean > half_width for mean, half_width in (difference(one, other, scale) for scale in SCALES)]
    *first, last = [f"{scale:g}" for scale, is_ahead in zip(SCALES, ahead, strict=True) if is_ahead]
    return " and ".join(part for part in (", ".join(first), last) if part)


def row(one: str, other: str) -> str:
    """Return the differences at all scales as a row of a table, in bold where the interval excludes 0."""
    cells = []
    for scale in SCALES:
        mean, half_width = difference(one, other, scale)
        shown = points(one, other, scale)
        cells.append("0" if mean == 0 else f"**{shown}**" if abs(mean) > half_width else shown)
    return f"| `{one}` − `{other}` | {' | '.join(cells)} |"


def deviations() -> "pd.Series[float]":
    """Return the standard deviations over seeds of the test accuracies, in points, by model and scale."""
    return 100 * ACCURACIES[ACCURACIES["split"] == "test"].groupby(["model", "scale"])["accuracy"].std()


def transfer_means() -> pd.DataFrame:
    """Return mean accuracies over seeds, by model and test scale (row) and training scale (column)."""
    return TRANSFER.groupby(["model", "test_scale", "train_scale"])["accuracy"].mean().unstack()


def best_in_columns() -> "pd.Series[float]":
    """Return, for each model and test scale, the training scale of the net that is best there (mean over seeds)."""
    return transfer_means().idxmax(axis=1)


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


def gains_at_scale_1(train_scale: float, net: str, other_scale: float, other: str) -> str:
    """Return the lowest and the highest gain at scale 1, over seeds, of one net and training scale over another."""
    at_1 = TRANSFER[TRANSFER["test_scale"] == 1].pivot_table("accuracy", ["model", "train_scale"], "seed")
    gains = 100 * (at_1.loc[(net, train_scale)] - at_1.loc[(other, other_scale)])
    return f"{gains.min():.0f} to {gains.max():.0f}".replace("-", "−")


def near_best() -> int:
    """Return in how many columns of the transfer matrices the net trained at that scale is within 0.3 points."""
    means = transfer_means()
    trained_there = [values[scale] for (_, scale), values in means.iterrows()]
    return int((means.max(axis=1) - trained_there <= 0.003).sum())


def decay(penalty: str, factor: float, split: str) -> "pd.Series[float]":
    """Return mean and standard deviation of an accuracy with weight decay."""
    found = SCORES.query(f"study == 'weight_decay' and score == 'accuracy' and scale == {factor}")
    return found.set_index(["model", "split"])[["mean", "std"]].loc[(penalty, split)]


def of_decay(penalty: str, factor: float) -> str:
    """Return mean and standard deviation of a test accuracy with weight decay, as they are written."""
    return "{:.4f} ± {:.4f}".format(*decay(penalty, factor, "test"))


def loss_at(factor: float, penalty: str) -> float:
    """Return by how many points a factor lowers the validation accuracy."""
    without, penalised = (decay(penalty, each, "validation")["mean"] for each in (0, factor))
    return float(100 * (without - penalised))


def test_the_table_of_differences_is_that_of_the_tables() -> None:
    lines = (ROOT / "docs/results.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| difference |"))
    assert lines[start + 2 : start + 3 + len(DIFFERENCES)] == [*(row(*pair) for pair in DIFFERENCES), ""]


mlp_at_2 = CURVES.query("model == 'mlp' and scale == 2 and split == 'validation'").groupby("epoch")["accuracy"].mean()
clean_at_1 = TRANSFER.query("model == 'cnn_bn' and train_scale == 0 and test_scale == 1")["accuracy"]
bn_of_1 = TRANSFER.query("model == 'cnn_bn' and train_scale == 1").groupby("test_scale")["accuracy"].mean()
helps_from = SCORES.loc[SCORES["score"] == "helps_from", "mean"].item()


@pytest.mark.parametrize(
    "sentence",
    [
        f"`mlp_fresh` is {points('mlp_fresh', 'mlp', 1)} points ahead at 1 and {points('mlp_fresh', 'mlp', 2)} at 2",
        f"{points('cnn_fresh', 'cnn', 1)} points at 1, {points('cnn_fresh', 'cnn', 2)} at 2 and "
        f"{points('cnn_fresh', 'cnn', 4)} at 4, the only one that is certain",
        f"by {points('cnn', 'mlp', 0.5)} points at 0.5 and {points('cnn', 'mlp', 2)} at 2. With new noise in every "
        f"epoch, the ConvNet `cnn_fresh` is ahead of `mlp_standardised` for certain at "
        f"{certain('cnn_fresh', 'mlp_standardised')}",
        f"{points('mlp_standardised', 'mlp_fresh', 2)} points at 2",
        f"It is ahead of `cnn_fresh` for certain at {certain('cnn_bn', 'cnn_fresh')}",
        f"{points('cnn_bn', 'posterior', 1)} points above it at 1, and below it at 2 and 4, by "
        f"{points('posterior', 'cnn_bn', 2)} and {points('posterior', 'cnn_bn', 4)}",
        f"it loses for certain at {certain('cnn_fresh', 'denoised')}, "
        f"at 4 by {points('cnn_fresh', 'denoised', 4)} points",
        f"in {best_on_the_diagonal()} columns",
        f"{gain('kernel')} points on the weights, {gain('activity')} on the activations",
    ],
)
def test_numbers_of_readme_are_those_of_the_tables(sentence: str) -> None:
    assert certain("cnn_fresh", "cnn") == "4"
    assert sentence in DOCUMENTS["README.md"]


@pytest.mark.parametrize(
    "sentence",
    [
        f"its training accuracy is {by_seed('mlp', 1, 'train').mean():.3f}, its test accuracy "
        f"{by_seed('mlp', 1).mean():.3f}",
        f"from {mlp_at_2.max():.3f} after epoch {mlp_at_2.idxmax()} to {mlp_at_2.iloc[-1]:.3f}",
        f"(at 2 its training accuracy is {by_seed('cnn', 2, 'train').mean():.3f}, its test accuracy "
        f"{by_seed('cnn', 2).mean():.3f})",
        f"`mlp_standardised` is {gains_at_scale_1(0, 'mlp_standardised', 0, 'mlp_fresh')} points ahead at 1",
        "The largest standard deviation over seeds is {:.2f} points, of `{}` at {:g}".format(
            deviations().max(), *deviations().idxmax()
        ),
        f"In {best_on_the_diagonal()} the highest accuracy (mean over seeds) is on the diagonal, "
        "in the others next to it",
        f"In {near_best()} the net trained at that scale is within 0.3 points of the best",
        f"classifies {100 * clean_at_1.min():.0f} to {100 * clean_at_1.max():.0f} % of the test images at scale 1",
        f"trained at 1, {100 * bn_of_1[1]:.0f} % of them and {100 * bn_of_1[0]:.0f} % of the clean ones",
        *(f"`{net}` {gains_at_scale_1(0.1, net, 0, net)}" for net in NETS),
        f"On the weights (`kernel`) it is 1e-4, with a test accuracy of {of_decay('kernel', 1e-4)}",
        f"On the activations (`activity`) it is 1e-3, with {of_decay('activity', 1e-3)}",
        f"against {of_decay('kernel', 0)} without a penalty",
        f"1e-3 costs {loss_at(1e-3, 'kernel'):.1f} points on validation images, "
        f"1e-2 costs {loss_at(1e-2, 'kernel'):.1f}",
        f"1e-2 is {loss_at(1e-2, 'activity'):.1f} points below no penalty",
        f"{gain('kernel')} points more",
        f"{gain('activity')} points more",
        f"Denoising helps from a level of about {helps_from:.2f}",
        f"from {DENOISE['accuracy']['noisy', 0.5]:.3f} to {DENOISE['accuracy']['denoised', 0.5]:.3f}",
        ", ".join(denoising(level) for level in (0.2, 0.4, 0.6, 0.8)),
        f"{100 * NEW_DIGITS['intended']['new']:.1f} % of {NEW_DIGITS['n']['new']:,} as",
        f"garbage: {100 * NEW_DIGITS['intended']['from_noise']:.1f} %",
        f"is {NEW_DIGITS['diversity']['new']:.1f}, that of test images {NEW_DIGITS['diversity']['test']:.1f}",
    ],
)
def test_numbers_of_results_are_those_of_the_tables(sentence: str) -> None:
    assert sentence in DOCUMENTS["docs/results.md"]


def test_cnn_bn_is_the_best_net_at_every_scale_with_each_seed() -> None:
    for scale in SCALES:
        accuracies = pd.DataFrame({net: by_seed(net, scale) for net in NETS})
        assert set(accuracies.idxmax(axis=1)) == {"cnn_bn"}
    assert "**`cnn_bn` is the best net at every scale.**" in DOCUMENTS["README.md"]
    assert "**`cnn_bn` is the best net at every scale, with each seed.**" in DOCUMENTS["docs/results.md"]


def test_every_net_beats_the_posterior_baseline_without_noise() -> None:
    above = COMPARISON["above_posterior"].xs(0, level="scale").drop("posterior")
    assert min(above) > 0
    assert "Without noise it is the nearest neighbour, and every net beats it" in DOCUMENTS["docs/results.md"]


def test_the_training_scale_that_is_best_is_at_most_a_step_away() -> None:
    best = best_in_columns()
    steps = best.map(SCALES.index) - best.index.get_level_values("test_scale").map(SCALES.index)
    assert set(steps.abs()) == {0, 1}
    assert "in the rest, the net of a neighbouring scale is" in DOCUMENTS["README.md"]
