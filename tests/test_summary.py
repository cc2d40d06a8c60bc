"""Metrics and tables of all studies, from made-up results: their content, and that each number is right."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from noisy_mnist.learning import scores
from noisy_mnist.reporting import figures, other_results, summary
from noisy_mnist.reporting.intervals import spread
from noisy_mnist.reporting.params import FiguresParams
from noisy_mnist.reporting.summary import Results

# The shape of the full study.
MODELS = ("mlp", "mlp_fresh", "mlp_standardised", "cnn", "cnn_fresh", "cnn_bn")
SCALES, SEEDS = ("0", "0.1", "0.5", "1", "2", "4"), (0, 1, 2)
PENALTIES = ("kernel", "activity")
FACTORS = ("0", "1e-06", "5e-06", "1e-05", "5e-05", "0.0001", "0.001", "0.01")
LEVELS = tuple(f"{index / 20:g}" for index in range(21))
CONTROL_LEVELS = ("0.2", "0.4", "0.6", "0.8")
KEY = ["study", "model", "scale", "split", "score"]
LABELS = (np.arange(300) % 10).astype(np.uint8)


def report(rng: np.random.Generator, *splits: str) -> dict[str, Any]:
    """Return the scores of random probabilities for 300 images a split."""
    return {split: scores.report(rng.dirichlet(np.ones(10), 300).astype(np.float32), LABELS) for split in splits}


def made_up(
    seeds: tuple[int, ...] = SEEDS, models: tuple[str, ...] = MODELS, gains: tuple[float, ...] | None = None
) -> Results:
    """Return results whose numbers all differ; unless ``gains`` are given, denoising helps from about 0.1 to 0.9."""
    rng = np.random.default_rng(0)
    runs = list(itertools.product(models, SCALES, seeds))
    epochs = pd.DataFrame(list(itertools.product((1, 2, 3), ("train", "validation"))), columns=["epoch", "split"])
    pairs = pd.DataFrame(list(itertools.product(LEVELS, ("noisy", "denoised"))), columns=["level", "images"])
    names = ("accuracy", "macro_recall", "psnr", "ssim")
    denoise = pairs.assign(**{name: rng.random(len(pairs)) for name in names}, n=300)
    denoise.loc[0, "psnr"] = np.nan  # noisy images of level 0 are the clean ones
    by_level = gains or tuple(0.5 - 3 * (index / 20 - 0.5) ** 2 for index in range(21))
    return Results(
        scales=list(SCALES),
        reports={
            run: {**report(rng, "validation", "test"), "transfer": {scale: rng.random() for scale in SCALES}}
            for run in runs
        },
        histories={run: epochs.assign(accuracy=rng.random(6), loss=rng.random(6)) for run in runs},
        posterior={scale: {"n": 300, "accuracy": rng.random()} for scale in SCALES},
        denoised={scale: report(rng, "validation", "test") for scale in SCALES},
        weight_decay={run: report(rng, "validation", "test") for run in itertools.product(PENALTIES, FACTORS, seeds)},
        autoencoder=epochs.assign(loss=rng.random(6)),
        denoise=denoise,
        gains=pd.DataFrame({"level": LEVELS, "gain": by_level, "ci95": 0.02 + 0.01 * rng.random(21)}),
        control={level: report(rng, "test") for level in CONTROL_LEVELS},
        new_digits=pd.DataFrame(
            {
                "images": ["new", "from_noise", "test"],
                "n": [1000, 1000, 300],
                **{name: rng.random(3) for name in ("intended", "confidence", "diversity")},
            }
        ),
    )


@pytest.fixture(scope="module")
def results() -> Results:
    """Return results of the shape of the full study."""
    return made_up()


@pytest.fixture
def rows(results: Results, tmp_path: Path) -> pd.DataFrame:
    """Return ``metrics/scores.csv`` as read from the file, indexed by study, model, scale, split and score."""
    tables.write_csv(tmp_path / "scores.csv", results.scores)
    return tables.read_csv(tmp_path / "scores.csv", text=["scale"]).set_index(KEY)


def numbers(content: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Yield every value of nested mappings that is not a mapping, with its dotted path."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from numbers(value, *path, key)
    else:
        yield ".".join(path), content


def found(rows: pd.DataFrame, *key: str | float) -> tuple[float, ...]:
    """Return mean, std, n and ci95 of the one row of a study, model, scale, split and score; NaN stands for None."""
    part = rows.loc[[key]]
    assert len(part) == 1
    return tuple(part.iloc[0][["mean", "std", "n", "ci95"]])


def expected(*values: float, images: int | None = None) -> Any:
    """Return what ``found`` should return for a score of several seeds; NaN stands for None."""
    stated = [np.nan if value is None else value for value in spread(list(values), images).values()]
    return pytest.approx(tuple(stated), nan_ok=True)


def test_summary_has_one_number_for_each_thing_and_at_most_60(results: Results, tmp_path: Path) -> None:
    tables.write_json(tmp_path / "summary.json", summary.summary(results))
    content = dict(numbers(tables.read_json(tmp_path / "summary.json")))
    assert list(content) == [
        *(f"accuracy.{model}.{scale}" for model in MODELS for scale in SCALES),
        *(f"posterior.{scale}" for scale in SCALES),
        *(f"weight_decay.{penalty}.{name}" for penalty in PENALTIES for name in ("factor", "test_accuracy")),
        "denoise.helps_from",
        "denoise.helps_to",
        "denoise.autoencoder_validation_loss",
        "new_digits.intended",
    ]
    assert all(isinstance(value, float) for value in content.values())
    assert len(content) <= 60


def test_numbers_of_the_summary_are_those_of_the_results(results: Results) -> None:
    content = summary.summary(results)
    for model, scale in itertools.product(MODELS, SCALES):
        accuracies = [results.reports[model, scale, seed]["test"]["accuracy"] for seed in SEEDS]
        assert content["accuracy"][model][scale] == pytest.approx(np.mean(accuracies))
    assert content["posterior"] == {scale: results.posterior[scale]["accuracy"] for scale in SCALES}
    decay = other_results.weight_decay(results.weight_decay)
    means = decay.groupby(["penalty", "factor"])[["validation_accuracy", "test_accuracy"]].mean()
    for penalty in PENALTIES:
        chosen = means.loc[penalty].drop("0")["validation_accuracy"].idxmax()
        assert content["weight_decay"][penalty]["factor"] == float(chosen)
        assert content["weight_decay"][penalty]["test_accuracy"] == pytest.approx(
            means.loc[(penalty, chosen), "test_accuracy"]
        )
    levels, gains = np.array(LEVELS, float), results.gains["gain"].to_numpy()
    for name, part in (("helps_from", slice(0, 11)), ("helps_to", slice(20, 9, -1))):
        assert content["denoise"][name] == pytest.approx(np.interp(0, gains[part], levels[part]))
    last = results.autoencoder.query("split == 'validation' and epoch == 3")["loss"].item()
    assert content["denoise"]["autoencoder_validation_loss"] == last
    assert content["new_digits"]["intended"] == results.new_digits.query("images == 'new'")["intended"].item()


def test_denoising_that_helps_nowhere_is_null(tmp_path: Path) -> None:
    results = made_up(seeds=(0,), models=("mlp",), gains=(-0.1,) * 21)
    content = summary.summary(results)
    assert (content["denoise"]["helps_from"], content["denoise"]["helps_to"]) == (None, None)
    tables.write_json(tmp_path / "summary.json", content)
    assert tables.read_json(tmp_path / "summary.json") == content
    assert not results.scores["score"].str.startswith("helps").any()


def test_scores_are_tidy_and_without_duplicates(results: Results, tmp_path: Path) -> None:
    tables.write_csv(tmp_path / "scores.csv", results.scores)
    table = tables.read_csv(tmp_path / "scores.csv", text=["scale"])
    assert list(table.columns) == ["study", "model", "scale", "split", "score", "mean", "std", "n", "ci95"]
    assert not table.duplicated(KEY).any()
    assert not table.assign(scale=table["scale"].astype(float)).duplicated(KEY).any()
    assert set(table["split"]) == {"train", "validation", "test"}
    assert table["mean"].notna().all()
    assert pd.api.types.is_integer_dtype(table["n"])
    assert (table["std"].isna() == (table["n"] == 1)).all()


def test_scores_have_these_rows_and_no_others(results: Results) -> None:
    """Each line: study, models, number of scales, and scores by split."""
    accuracy_and_loss, recall = {"accuracy", "loss"}, {"accuracy", "macro_recall"}
    of_test = {*accuracy_and_loss, "macro_recall", "calibration_error", "brier"}
    studies = {
        "noise": (MODELS, {"train": accuracy_and_loss, "validation": accuracy_and_loss, "test": of_test}),
        "denoise_scale": (("denoised",), {"validation": accuracy_and_loss, "test": of_test}),
        "posterior": (("posterior",), {"test": {"accuracy"}}),
        "weight_decay": (PENALTIES, {"validation": {"accuracy"}, "test": {"accuracy", "gain"}}),
        "autoencoder": (("autoencoder",), {"train": {"loss"}, "validation": {"loss"}}),
        "denoise": (
            ("noisy", "denoised"),
            {
                "test": {*recall, "psnr", "ssim", "gain"}
                | {f"helps_{end}{part}" for end in ("from", "to") for part in ("", "_low", "_high")}
            },
        ),
        "denoise_control": (("noisy",), {"test": recall}),
        "synthesize": (("new", "from_noise", "test"), {"test": {"intended", "confidence", "diversity"}}),
    }
    table = results.scores
    assert list(table["study"].unique()) == list(studies)
    for study, part in table.groupby("study"):
        models, by_split = studies[str(study)]
        assert list(part["model"].unique()) == list(models)
        assert {split: set(of_split["score"]) for split, of_split in part.groupby("split")} == by_split
    count = {
        "noise": len(MODELS) * len(SCALES) * 9,
        "denoise_scale": len(SCALES) * 7,
        "posterior": len(SCALES),
        "weight_decay": len(PENALTIES) * (len(FACTORS) + 3),
        "autoencoder": 2,
        "denoise": len(LEVELS) * 9 - 1 + 6,
        "denoise_control": len(CONTROL_LEVELS) * 2,
        "synthesize": 9,
    }
    assert table["study"].value_counts().to_dict() == count


def test_scores_of_the_noise_study_equal_numpy_on_the_results(results: Results, rows: pd.DataFrame) -> None:
    names = ("accuracy", "loss", "macro_recall", "calibration_error", "brier")
    for model, scale in itertools.product(MODELS, SCALES):
        reports = [results.reports[model, scale, seed] for seed in SEEDS]
        for split, score in (("validation", "accuracy"), ("validation", "loss"), *(("test", name) for name in names)):
            values = [report[split][score] for report in reports]
            mean, std, n, _ = row = found(rows, "noise", model, scale, split, score)
            assert (mean, std, n) == pytest.approx((np.mean(values), np.std(values, ddof=1), len(SEEDS)))
            assert row == expected(*values, images=300 if score == "accuracy" else None)


def test_training_scores_are_those_of_the_last_epoch(results: Results, rows: pd.DataFrame) -> None:
    table = summary.plots(results)["accuracy_by_scale"].set_index(["model", "scale", "seed", "split"])
    for model, scale in itertools.product(MODELS, SCALES):
        histories = [results.histories[model, scale, seed] for seed in SEEDS]
        last = pd.concat([history.query("split == 'train' and epoch == 3") for history in histories])
        for score in ("accuracy", "loss"):
            assert found(rows, "noise", model, scale, "train", score) == expected(*last[score])
            assert table.loc[(model, scale, slice(None), "train"), score].tolist() == last[score].tolist()


def test_scores_of_one_run_have_the_interval_of_their_images(results: Results, rows: pd.DataFrame) -> None:
    for scale in SCALES:
        accuracy = results.posterior[scale]["accuracy"]
        assert found(rows, "posterior", "posterior", scale, "test", "accuracy") == expected(accuracy, images=300)
        for split, score in (("validation", "accuracy"), ("test", "accuracy"), ("test", "loss"), ("test", "brier")):
            images = 300 if score == "accuracy" else None
            value = results.denoised[scale][split][score]
            assert found(rows, "denoise_scale", "denoised", scale, split, score) == expected(value, images=images)
    for level in CONTROL_LEVELS:
        test = results.control[level]["test"]
        for score, images in (("accuracy", 300), ("macro_recall", None)):
            row = found(rows, "denoise_control", "noisy", level, "test", score)
            assert row == expected(test[score], images=images)
    for row in results.new_digits.to_dict("records"):
        for score in ("intended", "confidence", "diversity"):
            value = expected(row[score], images=row["n"] if score == "intended" else None)
            assert found(rows, "synthesize", row["images"], np.nan, "test", score) == value


def test_scores_of_denoising_hold_every_level(results: Results, rows: pd.DataFrame) -> None:
    for row in results.denoise.to_dict("records"):
        for score in ("accuracy", "macro_recall", "psnr", "ssim"):
            key = ("denoise", row["images"], row["level"], "test", score)
            if np.isnan(row[score]):
                assert key == ("denoise", "noisy", "0", "test", "psnr")
                assert key not in rows.index
            else:
                assert found(rows, *key) == expected(row[score], images=300 if score == "accuracy" else None)
    for row in results.gains.to_dict("records"):
        mean, std, n, ci95 = found(rows, "denoise", "denoised", row["level"], "test", "gain")
        assert (mean, n, ci95) == (row["gain"], 1, row["ci95"])
        assert np.isnan(std)
    for end, places in other_results.helps(results.gains).items():
        assert places is not None
        for name, level in places.items():
            score = f"helps_{end}" if name == "level" else f"helps_{end}_{name}"
            assert found(rows, "denoise", "denoised", np.nan, "test", score) == expected(level)
    for row in results.autoencoder.query("epoch == 3").to_dict("records"):
        assert found(rows, "autoencoder", "autoencoder", np.nan, row["split"], "loss") == expected(row["loss"])


def test_scores_of_weight_decay_choose_by_validation(results: Results, rows: pd.DataFrame) -> None:
    table = other_results.weight_decay(results.weight_decay).set_index(["penalty", "factor", "seed"])
    for penalty in PENALTIES:
        validation = table["validation_accuracy"][penalty]
        for factor in FACTORS:
            row = found(rows, "weight_decay", penalty, factor, "validation", "accuracy")
            assert row == expected(*validation[factor], images=300)
        chosen = validation.groupby("factor").mean().drop("0").idxmax()
        test = table["test_accuracy"][penalty]
        for factor in ("0", chosen):
            row = found(rows, "weight_decay", penalty, factor, "test", "accuracy")
            assert row == expected(*test[factor], images=300)
        gain = found(rows, "weight_decay", penalty, chosen, "test", "gain")
        assert gain == expected(*(test[chosen] - test["0"]))


COLUMNS = {
    "accuracy_by_scale": ["model", "scale", "seed", "split", "accuracy", "loss"],
    "comparison": ["method", "scale", "accuracy", "ci95", "above_posterior"],
    "confusion": ["model", "scale", "label", "predicted", "count"],
    "curves": ["model", "scale", "seed", "epoch", "split", "accuracy", "loss"],
    "denoise": ["level", "images", "accuracy", "macro_recall", "psnr", "ssim", "n"],
    "new_digits": ["images", "n", "intended", "confidence", "diversity"],
    "posterior": ["scale", "accuracy"],
    "transfer": ["model", "train_scale", "test_scale", "seed", "accuracy"],
    "weight_decay": ["penalty", "factor", "seed", "validation_accuracy", "test_accuracy"],
    "weight_decay_intervals": ["penalty", "factor", "split", "mean", "std", "n", "ci95", "sampling"],
}


def test_plots_have_the_promised_columns(results: Results) -> None:
    assert {name: list(table.columns) for name, table in summary.plots(results).items()} == COLUMNS


def test_plots_have_a_row_for_each_thing(results: Results) -> None:
    plots = summary.plots(results)
    runs = list(itertools.product(MODELS, SCALES, SEEDS))
    splits = ("train", "validation", "test")
    axes = {
        "accuracy_by_scale": [(*run, split) for run in runs for split in splits],
        "comparison": list(itertools.product((*MODELS, "denoised", "posterior"), SCALES)),
        "confusion": list(itertools.product(MODELS, SCALES, range(10), range(10))),
        "curves": [(*run, epoch, split) for run in runs for epoch in (1, 2, 3) for split in splits[:2]],
        "denoise": list(itertools.product(LEVELS, ("noisy", "denoised"))),
        "new_digits": [("new",), ("from_noise",), ("test",)],
        "posterior": [(scale,) for scale in SCALES],
        "transfer": [(model, scale, other, seed) for model, scale, seed in runs for other in SCALES],
        "weight_decay": list(itertools.product(PENALTIES, FACTORS, SEEDS)),
    }
    for name, keys in axes.items():
        table = plots[name]
        assert list(table.iloc[:, : len(keys[0])].itertuples(index=False, name=None)) == keys, name


def test_comparison_is_of_all_methods_with_the_baseline(results: Results) -> None:
    table = summary.plots(results)["comparison"].set_index(["method", "scale"])
    accuracies = summary.summary(results)["accuracy"]
    accuracies["denoised"] = {scale: results.denoised[scale]["test"]["accuracy"] for scale in SCALES}
    accuracies["posterior"] = {scale: results.posterior[scale]["accuracy"] for scale in SCALES}
    for method, scale in table.index:
        row, baseline = table.loc[(method, scale)], results.posterior[scale]["accuracy"]
        assert row["accuracy"] == pytest.approx(accuracies[method][scale])
        assert row["above_posterior"] == pytest.approx(accuracies[method][scale] - baseline)
        runs = [results.reports[run]["test"]["accuracy"] for run in results.reports if run[:2] == (method, scale)]
        values = runs or [accuracies[method][scale]]
        assert row["ci95"] == pytest.approx(spread(values, 300)["ci95"])


def test_transfer_is_what_the_stage_wrote(results: Results) -> None:
    table = summary.plots(results)["transfer"].set_index(["model", "train_scale", "test_scale", "seed"])["accuracy"]
    for (model, scale, seed), report in results.reports.items():
        assert table[model, scale, :, seed].to_dict() == report["transfer"]


def test_one_seed_is_enough(tmp_path: Path) -> None:
    results = made_up(seeds=(7,))
    tables.write_json(tmp_path / "summary.json", summary.summary(results))
    table = results.scores
    assert (table["n"] == 1).all()
    assert table["std"].isna().all()
    unknown = table[(table["study"] == "noise") & table["ci95"].isna()]
    assert set(unknown["score"]) == {"accuracy", "loss", "macro_recall", "calibration_error", "brier"}
    assert set(unknown[unknown["score"] == "accuracy"]["split"]) == {"train"}


def test_the_table_in_the_log_is_the_test_accuracy_of_each_method(results: Results) -> None:
    title, header, _, *lines = summary.accuracy_table(results).splitlines()
    assert title == "Test accuracy by noise scale"
    assert header.split() == ["scale", *SCALES]
    comparison = summary.plots(results)["comparison"].set_index(["method", "scale"])["accuracy"]
    methods = (*MODELS, "denoised", "posterior")
    assert [line.split() for line in lines] == [
        [method, *(f"{comparison[method, scale]:.4f}" for scale in SCALES)] for method in methods
    ]


def test_all_figures_are_drawn_from_these_tables(results: Results, tmp_path: Path) -> None:
    read = {}
    for name, table in {**summary.plots(results), "scores": results.scores}.items():
        tables.write_csv(tmp_path / f"{name}.csv", table)
        read[name] = tables.read_csv(tmp_path / f"{name}.csv")
    shapes = {"denoise": (2, 21, 3, 28, 28), "synthesize": (2, 10, 10, 28, 28)}
    images = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    noisy = {float(scale): np.zeros((4, 28, 28), np.float16) for scale in SCALES}
    chosen = {name: read[name] for name in figures.TABLES}
    helps = summary.summary(results)["denoise"]
    shown = FiguresParams(scale=1, digits=4)
    drawn = figures.draw(chosen, read["scores"], helps, images, noisy, shown, "mnist", "gaussian")
    assert len(drawn) == 11
    titles = [ax.get_title() for ax in drawn["accuracy_by_scale"].axes]
    assert titles == ["training images", "test images"]
