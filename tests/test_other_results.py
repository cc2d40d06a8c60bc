"""Tables of weight decay and denoising, against pandas and small numbers known by hand."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from noisy_mnist.reporting import other_results
from noisy_mnist.reporting.intervals import spread
from noisy_mnist.reporting.noise_results import Report
from noisy_mnist.reporting.other_results import PenaltyRun

Reports = dict[PenaltyRun, Report]
PENALTIES, FACTORS = ("kernel", "activity"), ("0", "1e-06", "0.001")


def penalised(seeds: int, **validation: tuple[float, ...]) -> Reports:
    """Return a report for each penalty, factor and seed: the given validation accuracies, plus a little for each seed.

    Test accuracy falls where validation accuracy rises, so that the two choose different factors.
    """
    rng = np.random.default_rng(0)
    reports = {}
    for penalty, seed in itertools.product(PENALTIES, range(seeds)):
        for factor, accuracy in zip(FACTORS, validation[penalty], strict=True):
            high, low = accuracy + 0.01 * rng.random(), 1.5 - accuracy + 0.01 * rng.random()
            reports[penalty, factor, seed] = {"validation": score(high, 600), "test": score(low, 1000)}
    return reports


def score(accuracy: float, images: int) -> dict[str, Any]:
    """Return the part of a report that belongs to one split."""
    return {"n": images, "accuracy": accuracy, "macro_recall": accuracy - 0.01, "loss": 1.0}


@pytest.fixture
def reports() -> Reports:
    """Return reports of three seeds; the control's validation accuracy is best for one penalty, worst for the other."""
    return penalised(3, kernel=(0.95, 0.9, 0.7), activity=(0.7, 0.8, 0.9))


def test_weight_decay_table_has_a_row_for_each_training(reports: Reports) -> None:
    table = other_results.weight_decay(reports)
    assert list(table.columns) == ["penalty", "factor", "seed", "validation_accuracy", "test_accuracy"]
    assert table[["penalty", "factor", "seed"]].to_numpy().tolist() == [list(run) for run in reports]
    for split in ("validation", "test"):
        assert table[f"{split}_accuracy"].tolist() == [report[split]["accuracy"] for report in reports.values()]


def test_factor_is_chosen_by_validation_among_those_above_0(reports: Reports) -> None:
    choice = other_results.weight_decay_choice(reports)
    assert {penalty: found["factor"] for penalty, found in choice.items()} == {"kernel": "1e-06", "activity": "0.001"}
    by_test = other_results.weight_decay(reports).groupby(["penalty", "factor"])["test_accuracy"].mean()
    assert by_test["kernel"].drop("0").idxmax() == "0.001"
    assert by_test["activity"].drop("0").idxmax() == "1e-06"


def test_factor_is_chosen_by_the_mean_over_seeds() -> None:
    reports = penalised(2, kernel=(0.6, 0.8, 0.7), activity=(0.6, 0.8, 0.7))
    reports["kernel", "0.001", 1] = {"validation": score(1, 600), "test": score(0.5, 1000)}
    reports["activity", "0.001", 1] = {"validation": score(0.85, 600), "test": score(0.5, 1000)}
    choice = other_results.weight_decay_choice(reports)
    assert (choice["kernel"]["factor"], choice["activity"]["factor"]) == ("0.001", "1e-06")


def test_gain_is_measured_against_the_control_of_the_same_seed(reports: Reports) -> None:
    table = other_results.weight_decay(reports)
    tests = table.pivot_table("test_accuracy", ["penalty", "factor"], "seed")
    # The control's seeds in another order than those of the chosen factor.
    crossed = dict(sorted(reports.items(), key=lambda item: item[0][2] * (-1 if item[0][1] == "0" else 1)))
    for given in (reports, crossed):
        for penalty, found in other_results.weight_decay_choice(given).items():
            chosen, control = tests.loc[(penalty, found["factor"])], tests.loc[(penalty, "0")]
            assert found["gain"] == pytest.approx(spread((chosen - control).tolist()))
            for name, accuracies in {"test_accuracy": chosen, "control_test_accuracy": control}.items():
                sampling = spread([accuracies.mean()], 1000)["ci95"]
                assert found[name] == pytest.approx({**spread(accuracies.tolist(), 1000), "sampling": sampling})


def test_one_seed_is_enough(tmp_path: Path) -> None:
    choice = other_results.weight_decay_choice(penalised(1, kernel=(0.7, 0.8, 0.9), activity=(0.7, 0.9, 0.8)))
    gain = choice["kernel"]["gain"]
    assert (gain["std"], gain["n"], gain["ci95"]) == (None, 1, None)
    assert choice["kernel"]["test_accuracy"]["ci95"] == choice["kernel"]["test_accuracy"]["sampling"]
    tables.write_json(tmp_path / "choice.json", choice)


def test_test_accuracy_is_shown_only_for_the_control_and_the_chosen_factor(reports: Reports) -> None:
    table = other_results.weight_decay_intervals(reports, other_results.weight_decay_choice(reports))
    assert list(table.columns) == ["penalty", "factor", "split", "mean", "std", "n", "ci95", "sampling"]
    rows = {split: list(zip(part["penalty"], part["factor"], strict=True)) for split, part in table.groupby("split")}
    assert rows["validation"] == list(itertools.product(PENALTIES, FACTORS))
    assert rows["test"] == [("kernel", "0"), ("kernel", "1e-06"), ("activity", "0"), ("activity", "0.001")]
    runs = other_results.weight_decay(reports).groupby(["penalty", "factor"])
    for row in table.to_dict("records"):
        accuracies = runs.get_group((row.pop("penalty"), row.pop("factor")))[f"{row['split']}_accuracy"]
        images = {"validation": 600, "test": 1000}[row.pop("split")]
        sampling = spread([accuracies.mean()], images)["ci95"]
        assert row == pytest.approx({**spread(accuracies.tolist(), images), "sampling": sampling})


def crossings(gain: list[float], ci95: float = 0.1) -> dict[str, dict[str, float] | None]:
    """Return from where to where denoising helps if it has these gains at the levels 0, 1, 2, ….

    Where the gain changes by 0.2 a level, its half-width of 0.1 amounts to half a level.
    """
    return other_results.helps(pd.DataFrame({"level": range(len(gain)), "gain": gain, "ci95": ci95}))


def test_denoising_helps_where_the_interpolated_gain_is_above_0() -> None:
    found = crossings([-0.3, -0.1, 0.1, 0.3, 0.5, 0.15, -0.2])
    assert found["from"] == pytest.approx({"level": 1.5, "low": 1, "high": 2})
    assert found["to"] == pytest.approx({"level": 5 + 3 / 7, "low": 5 + 1 / 7, "high": 5 + 5 / 7})


def test_levels_need_not_be_evenly_spaced() -> None:
    gains = pd.DataFrame({"level": [0, 0.2, 0.6, 1], "gain": [-0.1, 0.3, 0.3, -0.1], "ci95": 0.1})
    found = other_results.helps(gains)
    assert found["from"] == pytest.approx({"level": 0.05, "low": 0, "high": 0.1})
    assert found["to"] == pytest.approx({"level": 0.9, "low": 0.8, "high": 1})


def test_low_and_high_enclose_the_level_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    sides = 0
    for _ in range(300):
        gains = pd.DataFrame({"level": range(9), "gain": rng.normal(size=9), "ci95": rng.random(9)})
        found = other_results.helps(gains)
        assert (found["from"] is None) == (found["to"] is None) == (gains["gain"] <= gains["ci95"]).all()
        for side in found.values():
            if side:
                sides += 1
                assert 0 <= side["low"] <= side["level"] <= side["high"] <= 8
        if found["from"] and found["to"]:
            assert found["from"]["high"] <= found["to"]["low"]
    assert sides > 300


@pytest.mark.parametrize("gain", [[-0.3, -0.1, -0.2], [0.05, 0.1, 0.02]])
def test_denoising_that_is_nowhere_certain_to_help_helps_nowhere(gain: list[float]) -> None:
    assert crossings(gain) == {"from": None, "to": None}


def test_a_gain_that_never_passes_0_helps_from_the_first_to_the_last_level() -> None:
    found = crossings([0.2, 0.5, 0.4])
    assert found == {"from": {"level": 0, "low": 0, "high": 0}, "to": {"level": 2, "low": 2, "high": 2}}
    unsure = crossings([0.05, 0.35, 0.05])  # above 0 even at the ends, but certainly so only between them
    assert unsure["from"] == pytest.approx({"level": 0, "low": 0, "high": 1 / 6})
    assert unsure["to"] == pytest.approx({"level": 2, "low": 2 - 1 / 6, "high": 2})


def test_the_range_is_the_one_around_the_most_certain_gain() -> None:
    found = crossings([0.3, -0.1, -0.1, 0.5, 0.5, -0.5, 0.3])
    assert found["from"] is not None
    assert found["to"] is not None
    assert (found["from"]["level"], found["to"]["level"]) == pytest.approx((2 + 1 / 6, 4.5))
