"""Tables and summaries of the studies beside the noise study, against pandas and small numbers known by hand."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist import studies, summary, tables

Reports = dict[studies.Penalised, summary.Report]
PENALTIES, FACTORS = ("kernel", "activity"), ("0", "1e-06", "0.001")
SPREAD = {"mean", "std", "n", "ci95"}


def penalised(seeds: int, **validation: tuple[float, ...]) -> Reports:
    """Return a report of each penalty, factor and seed: validation accuracies by factor, plus a little for each seed.

    Test accuracy falls where validation accuracy rises, so that choosing by one or by the other disagrees.
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
    """Return reports of three seeds in which the control has the best validation accuracy, or the worst."""
    return penalised(3, kernel=(0.95, 0.9, 0.7), activity=(0.7, 0.8, 0.9))


def test_weight_decay_table_has_a_row_for_each_training(reports: Reports) -> None:
    table = studies.weight_decay(reports)
    assert list(table.columns) == ["penalty", "factor", "seed", "validation_accuracy", "test_accuracy"]
    assert table[["penalty", "factor", "seed"]].to_numpy().tolist() == [list(cell) for cell in reports]
    for split in ("validation", "test"):
        assert table[f"{split}_accuracy"].tolist() == [report[split]["accuracy"] for report in reports.values()]


def test_factor_is_chosen_by_validation_among_those_above_0(reports: Reports) -> None:
    choice = studies.weight_decay_choice(reports)
    assert {penalty: found["factor"] for penalty, found in choice.items()} == {"kernel": "1e-06", "activity": "0.001"}
    by_test = studies.weight_decay(reports).groupby(["penalty", "factor"])["test_accuracy"].mean()
    assert by_test["kernel"].drop("0").idxmax() == "0.001"
    assert by_test["activity"].drop("0").idxmax() == "1e-06"


def test_factor_is_chosen_by_the_mean_over_seeds() -> None:
    reports = penalised(2, kernel=(0.6, 0.8, 0.7), activity=(0.6, 0.8, 0.7))
    reports["kernel", "0.001", 1] = {"validation": score(1, 600), "test": score(0.5, 1000)}
    reports["activity", "0.001", 1] = {"validation": score(0.85, 600), "test": score(0.5, 1000)}
    choice = studies.weight_decay_choice(reports)
    assert (choice["kernel"]["factor"], choice["activity"]["factor"]) == ("0.001", "1e-06")


def test_gain_is_that_above_the_control_of_the_same_seed(reports: Reports) -> None:
    table = studies.weight_decay(reports)
    validations, tests = (
        table.pivot_table(f"{split}_accuracy", ["penalty", "factor"], "seed") for split in ("validation", "test")
    )
    # Trainings of the control in another order of seeds than those of the chosen factor.
    crossed = dict(sorted(reports.items(), key=lambda item: item[0][2] * (-1 if item[0][1] == "0" else 1)))
    for given in (reports, crossed):
        for penalty, found in studies.weight_decay_choice(given).items():
            chosen, control = tests.loc[(penalty, found["factor"])], tests.loc[(penalty, "0")]
            assert found["gain"] == pytest.approx(summary.spread((chosen - control).tolist()))
            validation = validations.loc[(penalty, found["factor"])]
            expected = {"validation_accuracy": validation, "test_accuracy": chosen, "control_test_accuracy": control}
            for name, accuracies in expected.items():
                images = 600 if name == "validation_accuracy" else 1000
                sampling = summary.spread([accuracies.mean()], images)["ci95"]
                spread = {**summary.spread(accuracies.tolist(), images), "sampling": sampling}
                assert found[name] == pytest.approx(spread)


def test_one_seed_will_do(tmp_path: Path) -> None:
    choice = studies.weight_decay_choice(penalised(1, kernel=(0.7, 0.8, 0.9), activity=(0.7, 0.9, 0.8)))
    gain = choice["kernel"]["gain"]
    assert (gain["std"], gain["n"], gain["ci95"]) == (None, 1, None)
    assert choice["kernel"]["test_accuracy"]["ci95"] == choice["kernel"]["test_accuracy"]["sampling"]
    tables.write_json(tmp_path / "choice.json", choice)


def test_control_is_named_as_params_name_it(reports: Reports) -> None:
    renamed = {(penalty, {"0": "0.0"}.get(factor, factor), seed): r for (penalty, factor, seed), r in reports.items()}
    table = studies.weight_decay_intervals(renamed, studies.weight_decay_choice(renamed))
    assert set(table["factor"]) == {"0.0", *FACTORS[1:]}


def test_test_accuracy_is_shown_of_the_control_and_of_the_chosen_factor_only(reports: Reports) -> None:
    table = studies.weight_decay_intervals(reports, studies.weight_decay_choice(reports))
    assert list(table.columns) == ["penalty", "factor", "split", "mean", "std", "n", "ci95", "sampling"]
    rows = {split: list(zip(part["penalty"], part["factor"], strict=True)) for split, part in table.groupby("split")}
    assert rows["validation"] == list(itertools.product(PENALTIES, FACTORS))
    assert rows["test"] == [("kernel", "0"), ("kernel", "1e-06"), ("activity", "0"), ("activity", "0.001")]
    means = (
        studies.weight_decay(reports).groupby(["penalty", "factor"])[["validation_accuracy", "test_accuracy"]].mean()
    )
    for row in table.to_dict("records"):
        assert row["mean"] == pytest.approx(means.loc[(row["penalty"], row["factor"]), f"{row['split']}_accuracy"])
        images = {"validation": 600, "test": 1000}[row["split"]]
        assert row["sampling"] == summary.spread([row["mean"]], images)["ci95"]


LEVELS = ("0", "0.05", "1")
GAINS = pd.DataFrame({"level": LEVELS, "gain": [-0.1, 0.1, 0.3], "ci95": [0.01, 0.02, 0.03]})
CONTROL = {"0.05": {"test": score(0.9, 1000)}, "1": {"test": score(0.2, 1000)}}


@pytest.fixture
def denoised(tmp_path: Path) -> dict[str, Any]:
    """Return the summary of denoising from tables as they are read from files, noisy images at level 0 being clean."""
    rows = [{"level": level, "images": images} for level in LEVELS for images in ("noisy", "denoised")]
    scores = pd.DataFrame(rows).assign(accuracy=0.8, macro_recall=0.7, psnr=[None, 30, 20, 25, 5, 6], ssim=0.5)
    history = pd.DataFrame({"epoch": [1, 1, 2, 2], "split": ["train", "validation"] * 2, "loss": [0.4, 0.3, 0.2, 0.1]})
    read = []
    for name, table in {"scores": scores, "gains": GAINS, "history": history}.items():
        tables.write_csv(tmp_path / f"{name}.csv", table)
        read.append(tables.read_csv(tmp_path / f"{name}.csv", text=["level"] if "level" in table else ()))
    return studies.denoise(read[0], read[1], CONTROL, read[2])


def test_summary_of_denoising_holds_every_level(denoised: dict[str, Any]) -> None:
    assert list(denoised) == ["autoencoder_validation_loss", "helps", "levels", "trained_on_noise"]
    assert denoised["autoencoder_validation_loss"] == 0.1
    assert denoised["helps"] == studies.helps(GAINS)
    assert list(denoised["levels"]) == ["0", "0.05", "1"]
    scores = {"accuracy": 0.8, "macro_recall": 0.7, "ssim": 0.5}
    assert denoised["levels"]["0.05"] == {
        "noisy": {**scores, "psnr": 20},
        "denoised": {**scores, "psnr": 25},
        "gain": {"mean": 0.1, "ci95": 0.02},
    }


def test_a_missing_psnr_is_null(denoised: dict[str, Any], tmp_path: Path) -> None:
    assert denoised["levels"]["0"]["noisy"]["psnr"] is None
    assert denoised["levels"]["0"]["denoised"]["psnr"] == 30
    tables.write_json(tmp_path / "denoise.json", denoised)
    assert tables.read_json(tmp_path / "denoise.json") == denoised


def test_control_of_denoising_has_the_interval_of_its_images(denoised: dict[str, Any]) -> None:
    table = studies.denoise_control(CONTROL)
    assert list(table.columns) == ["level", "accuracy", "macro_recall", "ci95"]
    assert table["level"].tolist() == ["0.05", "1"]
    for row in table.to_dict("records"):
        test = CONTROL[row.pop("level")]["test"]
        assert row["ci95"] == summary.spread([test["accuracy"]], 1000)["ci95"]
        assert (row["accuracy"], row["macro_recall"]) == (test["accuracy"], test["macro_recall"])
    assert denoised["trained_on_noise"] == table.set_index("level").to_dict("index")


SCALES = ("0", "0.5", "2")
LIMITS = {scale: {"n": 1000, "accuracy": accuracy} for scale, accuracy in zip(SCALES, (0.97, 0.9, 0.6), strict=True)}


@pytest.fixture
def compared() -> pd.DataFrame:
    """Return what helps, of two models, one better than the limit at one scale, and a denoised one."""
    accuracies = {"wide": (0.99, 0.89, 0.79), "cnn": (0.8, 0.7, 0.6)}
    rows = [
        {"model": model, "scale": scale, "split": split, **summary.spread([share * accuracy], 1000)}
        for model, by_scale in accuracies.items()
        for scale, accuracy in zip(SCALES, by_scale, strict=True)
        for split, share in (("train", 0.9), ("validation", 0.8), ("test", 1))
    ]
    reports = {scale: {"validation": score(0.1, 600), "test": score(0.5, 1000)} for scale in SCALES}
    return studies.what_helps(pd.DataFrame(rows), reports, LIMITS)


def test_what_helps_is_models_then_denoised_then_the_limit(compared: pd.DataFrame) -> None:
    assert list(compared.columns) == ["approach", "scale", "accuracy", "ci95", "below_limit"]
    expected = list(itertools.product(("wide", "cnn", "denoised", "limit"), SCALES))
    assert list(zip(compared["approach"], compared["scale"], strict=True)) == expected


def test_below_limit_is_the_limit_of_the_scale_minus_the_accuracy(compared: pd.DataFrame) -> None:
    table = compared.set_index(["approach", "scale"])
    found = {name: table.loc[name, "below_limit"].tolist() for name in ("wide", "cnn", "denoised", "limit")}
    assert found["wide"] == pytest.approx([-0.02, 0.01, -0.19])  # below 0 where it is better than the limit
    assert found["cnn"] == pytest.approx([0.17, 0.2, 0])
    assert found["denoised"] == pytest.approx([0.47, 0.4, 0.1])
    assert found["limit"] == [0, 0, 0]
    assert table.loc["limit", "accuracy"].tolist() == [limit["accuracy"] for limit in LIMITS.values()]
    half_widths = [summary.spread([accuracy], 1000)["ci95"] for accuracy in table["accuracy"]]
    assert table["ci95"].tolist() == pytest.approx(half_widths)


def test_distances_mirror_the_table_and_hold_no_nan(compared: pd.DataFrame, tmp_path: Path) -> None:
    nested = studies.distances(compared)
    assert list(nested) == list(compared["approach"].unique())
    for row in compared.to_dict("records"):
        assert nested[row.pop("approach")][row.pop("scale")] == row
    assert sum(map(len, nested.values())) == len(compared)
    tables.write_json(tmp_path / "distances.json", nested)
    assert tables.read_json(tmp_path / "distances.json") == nested


def test_limit_is_its_accuracy_by_scale() -> None:
    table = studies.limit(LIMITS)
    assert table.to_dict("list") == {"scale": list(SCALES), "accuracy": [0.97, 0.9, 0.6]}


def crossings(gain: list[float], ci95: float = 0.1) -> dict[str, dict[str, float] | None]:
    """Return from where to where denoising helps that has these gains at the levels 0, 1, 2, ….

    Half a level is passed on each side of a gain that changes by 0.2 a level and whose half-width is 0.1.
    """
    return studies.helps(pd.DataFrame({"level": range(len(gain)), "gain": gain, "ci95": ci95}))


def test_denoising_helps_where_the_interpolated_gain_is_above_0() -> None:
    found = crossings([-0.3, -0.1, 0.1, 0.3, 0.5, 0.15, -0.2])
    assert found["from"] == pytest.approx({"level": 1.5, "low": 1, "high": 2})
    assert found["to"] == pytest.approx({"level": 5 + 3 / 7, "low": 5 + 1 / 7, "high": 5 + 5 / 7})


def test_levels_need_not_be_evenly_spaced() -> None:
    gains = pd.DataFrame({"level": [0, 0.2, 0.6, 1], "gain": [-0.1, 0.3, 0.3, -0.1], "ci95": 0.1})
    found = studies.helps(gains)
    assert found["from"] == pytest.approx({"level": 0.05, "low": 0, "high": 0.1})
    assert found["to"] == pytest.approx({"level": 0.9, "low": 0.8, "high": 1})


def test_low_and_high_enclose_the_level_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    sides = 0
    for _ in range(300):
        gains = pd.DataFrame({"level": range(9), "gain": rng.normal(size=9), "ci95": rng.random(9)})
        found = studies.helps(gains)
        assert (found["from"] is None) == (found["to"] is None) == (gains["gain"] <= gains["ci95"]).all()
        for side in found.values():
            if side:
                sides += 1
                assert 0 <= side["low"] <= side["level"] <= side["high"] <= 8
        if found["from"] and found["to"]:
            assert found["from"]["high"] <= found["to"]["low"]
    assert sides > 300


@pytest.mark.parametrize("gain", [[-0.3, -0.1, -0.2], [0.05, 0.1, 0.02]])
def test_denoising_that_is_nowhere_surely_better_helps_nowhere(gain: list[float]) -> None:
    assert crossings(gain) == {"from": None, "to": None}


def test_a_gain_that_never_passes_0_helps_from_the_first_to_the_last_level() -> None:
    found = crossings([0.2, 0.5, 0.4])
    assert found == {"from": {"level": 0, "low": 0, "high": 0}, "to": {"level": 2, "low": 2, "high": 2}}
    unsure = crossings([0.05, 0.35, 0.05])  # above 0 to the ends, surely so only between
    assert unsure["from"] == pytest.approx({"level": 0, "low": 0, "high": 1 / 6})
    assert unsure["to"] == pytest.approx({"level": 2, "low": 2 - 1 / 6, "high": 2})


def test_the_range_is_the_one_around_the_surest_gain() -> None:
    found = crossings([0.3, -0.1, -0.1, 0.5, 0.5, -0.5, 0.3])
    assert found["from"] is not None
    assert found["to"] is not None
    assert (found["from"]["level"], found["to"]["level"]) == pytest.approx((2 + 1 / 6, 4.5))
