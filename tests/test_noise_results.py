"""Tables of the noise study, against pandas and small numbers known by hand."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.learning import scores
from noisy_mnist.reporting import noise_results
from noisy_mnist.reporting.intervals import spread
from noisy_mnist.reporting.noise_results import Report, Run

SPLITS = ("train", "validation", "test")
KEY = ["model", "scale", "split", "score"]


@pytest.fixture
def reports() -> dict[Run, Report]:
    """Return reports of 2 models × 2 scales × 3 seeds from random probabilities, training scores included."""
    rng = np.random.default_rng(0)

    def report() -> dict[str, Any]:
        """Return scores of 50 images a split; the number of training images is not known."""
        draws = {split: (rng.dirichlet(np.ones(10), 50), rng.permutation(50) % 10) for split in SPLITS}
        found = {split: scores.report(p.astype(np.float32), y.astype(np.uint8)) for split, (p, y) in draws.items()}
        return {**found, "train": {score: found["train"][score] for score in ("accuracy", "loss")}}

    return {(model, scale, seed): report() for model in "ba" for scale in ("0", "1e-06") for seed in range(3)}


def test_accuracy_by_scale_has_a_row_for_each_run_and_split(reports: dict[Run, Report]) -> None:
    table = noise_results.accuracy_by_scale(reports)
    assert list(table.columns) == ["model", "scale", "seed", "split", "accuracy", "loss"]
    rows = [(*run, split) for run in reports for split in SPLITS]
    assert list(table[["model", "scale", "seed", "split"]].itertuples(index=False, name=None)) == rows
    for *run, split, accuracy, loss in table.itertuples(index=False, name=None):
        found = reports[tuple(run)][split]
        assert (accuracy, loss) == (found["accuracy"], found["loss"])


def test_scores_equal_pandas_on_the_runs(reports: dict[Run, Report]) -> None:
    runs = pd.DataFrame(
        [
            (*run, split, score, value)
            for run, report in reports.items()
            for split, found in report.items()
            for score, value in found.items()
            if score not in ("n", "confusion")
        ],
        columns=["model", "scale", "seed", "split", "score", "value"],
    )
    means = runs.groupby(KEY)["value"].agg(["mean", "std", "count"])
    table = noise_results.scores(reports)
    assert list(table.columns) == [*KEY, "mean", "std", "n", "ci95"]
    assert list(table["model"].unique()) == ["b", "a"]  # in the order of the study
    assert not table.duplicated(KEY).any()
    promised = {
        "train": {"accuracy", "loss"},
        "validation": {"accuracy", "loss"},
        "test": {"accuracy", "loss", "macro_recall", "calibration_error", "brier"},
    }
    for (_, _), rows in table.groupby(["model", "scale"]):
        assert {split: set(part["score"]) for split, part in rows.groupby("split")} == promised
    for row in table.to_dict("records"):
        expected = means.loc[tuple(row[name] for name in KEY)]
        assert (row["mean"], row["std"], row["n"]) == pytest.approx(tuple(expected))


def test_an_interval_of_accuracy_includes_that_of_its_images_if_their_number_is_known(
    reports: dict[Run, Report],
) -> None:
    table = noise_results.scores(reports).set_index(KEY)
    for (model, scale), (split, score) in itertools.product(
        itertools.product("ab", ("0", "1e-06")), itertools.product(SPLITS, ("accuracy", "loss"))
    ):
        values = [reports[model, scale, seed][split][score] for seed in range(3)]
        images = 50 if score == "accuracy" and split != "train" else None
        assert table.loc[(model, scale, split, score), "ci95"] == spread(values, images)["ci95"]


def test_training_scores_are_those_of_the_last_epoch_of_the_history() -> None:
    rows = itertools.product((1, 2, 3), ("train", "validation"))
    history = pd.DataFrame(list(rows), columns=["epoch", "split"])
    history = history.assign(accuracy=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], loss=[6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    report = {"validation": {"accuracy": 0.7, "loss": 0.2}, "test": {"accuracy": 0.8, "loss": 0.3}, "transfer": {}}
    run = ("a", "0.5", 0)
    found = noise_results.with_training_scores({run: report}, {run: history, ("b", "0", 1): history * 2})
    assert found == {run: {**report, "train": {"accuracy": 0.5, "loss": 2.0}}}
    table = noise_results.accuracy_by_scale(found)
    expected = [("train", 0.5, 2.0), ("validation", 0.7, 0.2), ("test", 0.8, 0.3)]
    assert list(table[["split", "accuracy", "loss"]].itertuples(index=False, name=None)) == expected


def test_confusion_sums_over_seeds(reports: dict[Run, Report]) -> None:
    table = noise_results.confusion(reports)
    for (model, scale), rows in table.groupby(["model", "scale"]):
        matrix = rows.pivot_table("count", "label", "predicted").to_numpy()
        expected = sum(np.array(reports[model, scale, seed]["test"]["confusion"]) for seed in range(3))
        np.testing.assert_array_equal(matrix, expected)


def test_transfer_joins_all_runs() -> None:
    found = {"0": 0.5, "0.5": 0.25}
    table = noise_results.transfer({("a", "0.5", 0): found, ("b", "0", 3): found}, ["0", "0.5"])
    assert list(table.columns) == ["model", "train_scale", "test_scale", "seed", "accuracy"]
    rows = [
        ["a", "0.5", "0", 0, 0.5],
        ["a", "0.5", "0.5", 0, 0.25],
        ["b", "0", "0", 3, 0.5],
        ["b", "0", "0.5", 3, 0.25],
    ]
    assert table.to_numpy().tolist() == rows


def test_transfer_has_the_scales_of_the_study_in_their_order_and_no_others() -> None:
    table = noise_results.transfer({("a", "0", 0): {"0": 0.5, "0.5": 0.25, "1": 0.125}}, ["1", "0"])
    assert list(zip(table["test_scale"], table["accuracy"], strict=True)) == [("1", 0.125), ("0", 0.5)]


def test_curves_join_all_histories() -> None:
    history = pd.DataFrame({"epoch": [1, 1], "split": ["train", "validation"], "accuracy": [0.5, 0.25], "loss": [1, 2]})
    table = noise_results.curves({("a", "0.5", 0): history, ("b", "0", 3): history * 1})
    assert list(table.columns) == ["model", "scale", "seed", "epoch", "split", "accuracy", "loss"]
    assert table[["model", "scale", "seed"]].to_numpy().tolist() == [["a", "0.5", 0]] * 2 + [["b", "0", 3]] * 2
    assert table[["epoch", "split", "accuracy", "loss"]].to_numpy().tolist() == history.to_numpy().tolist() * 2


SCALES = ("0", "0.5", "2")
POSTERIOR = dict(zip(SCALES, (0.97, 0.9, 0.6), strict=True))
TEST_ACCURACIES = {"wide": (0.99, 0.89, 0.79), "cnn": (0.8, 0.7, 0.6), "denoised": (0.5, 0.5, 0.5)}


@pytest.fixture
def compared() -> pd.DataFrame:
    """Return the comparison of two models, one above the baseline at two scales, of denoising and of the baseline."""
    accuracies = {**TEST_ACCURACIES, "posterior": tuple(POSTERIOR.values())}
    rows = [
        {"model": model, "scale": scale, "split": split, "score": score, **spread([share * accuracy], 1000)}
        for model, by_scale in accuracies.items()
        for scale, accuracy in zip(SCALES, by_scale, strict=True)
        for split, score, share in (
            ("train", "accuracy", 0.9),
            ("validation", "accuracy", 0.8),
            ("test", "loss", 0.7),
            ("test", "accuracy", 1),
        )
    ]
    return noise_results.comparison(pd.DataFrame(rows))


def test_comparison_is_of_all_methods_in_the_order_of_the_scores(compared: pd.DataFrame) -> None:
    assert list(compared.columns) == ["method", "scale", "accuracy", "ci95", "above_posterior"]
    expected = list(itertools.product(("wide", "cnn", "denoised", "posterior"), SCALES))
    assert list(zip(compared["method"], compared["scale"], strict=True)) == expected


def test_above_posterior_is_the_accuracy_minus_the_baseline_of_the_scale(compared: pd.DataFrame) -> None:
    table = compared.set_index(["method", "scale"])
    found = {name: table.loc[name, "above_posterior"].tolist() for name in ("wide", "cnn", "denoised", "posterior")}
    assert found["wide"] == pytest.approx([0.02, -0.01, 0.19])  # above 0 where it is better than the baseline
    assert found["cnn"] == pytest.approx([-0.17, -0.2, 0])
    assert found["denoised"] == pytest.approx([-0.47, -0.4, -0.1])
    assert found["posterior"] == [0, 0, 0]
    for method, accuracies in {**TEST_ACCURACIES, "posterior": POSTERIOR.values()}.items():
        assert table.loc[method, "accuracy"].tolist() == list(accuracies)
    half_widths = [spread([accuracy], 1000)["ci95"] for accuracy in table["accuracy"]]
    assert table["ci95"].tolist() == pytest.approx(half_widths)
