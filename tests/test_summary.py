"""Means, deviations and intervals over seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from noisy_mnist import scores, summary


@pytest.mark.parametrize(("share", "half_width"), [(0.9925, 0.0017), (0.9847, 0.0024), (0.90, 0.0059), (0.50, 0.0098)])
def test_half_width_of_one_accuracy_is_the_binomial_one(share: float, half_width: float) -> None:
    spread = summary.spread([share], images=10_000)
    assert spread["ci95"] == pytest.approx(half_width, abs=5e-5)
    assert (spread["mean"], spread["std"], spread["n"]) == (share, None, 1)


def test_half_width_over_seeds_is_students() -> None:
    values = [0.1, 0.4, 0.25]
    spread = summary.spread(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert spread["ci95"] == pytest.approx((high - low) / 2)
    assert spread["mean"] == pytest.approx((high + low) / 2)
    assert spread["std"] == pytest.approx(pd.Series(values).std())
    assert summary.spread([0.3])["ci95"] is None


def test_both_parts_add_as_squares() -> None:
    values = [0.5, 0.52]
    seeds, images = summary.spread(values)["ci95"], summary.spread([0.51], 100)["ci95"]
    assert summary.spread(values, 100)["ci95"] == pytest.approx(np.hypot(seeds, images))


@pytest.fixture
def reports() -> dict[summary.Cell, summary.Report]:
    """Return reports of 2 models × 2 scales × 3 seeds from random probabilities."""
    rng = np.random.default_rng(0)

    def report() -> dict[str, dict[str, object]]:
        """Return scores of 50 images a split."""
        draws = {split: (rng.dirichlet(np.ones(10), 50), rng.integers(0, 10, 50)) for split in summary.SPLITS}
        return {split: scores.report(p.astype(np.float32), y.astype(np.uint8)) for split, (p, y) in draws.items()}

    return {(model, scale, seed): report() for model in "ba" for scale in ("0", "1e-06") for seed in range(3)}


def test_summary_equals_pandas_on_the_table(reports: dict[summary.Cell, summary.Report]) -> None:
    table = summary.accuracy_by_scale(reports)
    assert len(table) == 2 * 2 * 3 * 3
    means = table.groupby(["model", "scale", "split"])[["accuracy", "loss"]].agg(["mean", "std", "count"])
    result = summary.summarize(reports)
    assert list(result) == ["b", "a"]  # in the order of the study
    for model in "ab":
        for scale in ("0", "1e-06"):
            for score in ("accuracy", "loss"):
                expected = means.loc[(model, scale, "test"), score]
                found = result[model][scale][score]
                assert (found["mean"], found["std"], found["n"]) == pytest.approx(tuple(expected))
            validation = means.loc[(model, scale, "validation"), "accuracy"]["mean"]
            assert result[model][scale]["validation_accuracy"]["mean"] == pytest.approx(validation)
    intervals = summary.accuracy_intervals(reports).set_index(["model", "scale", "split"])
    assert intervals.loc[("a", "0", "test"), "mean"] == pytest.approx(
        means.loc[("a", "0", "test"), ("accuracy", "mean")]
    )
    assert intervals.loc[("a", "0", "test"), "ci95"] == result["a"]["0"]["accuracy"]["ci95"]


def test_confusion_sums_over_seeds(reports: dict[summary.Cell, summary.Report]) -> None:
    table = summary.confusion(reports)
    for (model, scale), rows in table.groupby(["model", "scale"]):
        matrix = rows.pivot_table("count", "label", "predicted").to_numpy()
        expected = sum(np.array(reports[model, scale, seed]["test"]["confusion"]) for seed in range(3))
        np.testing.assert_array_equal(matrix, expected)


def test_transfer_joins_all_trainings() -> None:
    found = pd.DataFrame({"test_scale": ["0", "0.5"], "accuracy": [0.5, 0.25]})
    table = summary.transfer({("a", "0.5", 0): found, ("b", "0", 3): found})
    assert list(table.columns) == ["model", "train_scale", "test_scale", "seed", "accuracy"]
    rows = [
        ["a", "0.5", "0", 0, 0.5],
        ["a", "0.5", "0.5", 0, 0.25],
        ["b", "0", "0", 3, 0.5],
        ["b", "0", "0.5", 3, 0.25],
    ]
    assert table.to_numpy().tolist() == rows


def test_curves_join_all_histories() -> None:
    history = pd.DataFrame({"epoch": [1, 1], "split": ["train", "validation"], "accuracy": [0.5, 0.25], "loss": [1, 2]})
    table = summary.curves({("a", "0.5", 0): history, ("b", "0", 3): history * 1})
    assert list(table.columns) == ["model", "scale", "seed", "epoch", "split", "accuracy", "loss"]
    assert table[["model", "scale", "seed"]].to_numpy().tolist() == [["a", "0.5", 0]] * 2 + [["b", "0", 3]] * 2
