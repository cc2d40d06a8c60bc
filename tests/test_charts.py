"""Figures of noise and weight decay: the numbers drawn are the numbers given, and equal data give equal bytes."""

import io
import itertools
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from noisy_mnist.reporting import charts, drawing

MODELS, SCALES, PENALTIES = ("mlp", "cnn", "cnn_bn", "mlp_wide"), (0.0, 0.1, 2.0), ("kernel", "activity")
RNG = np.random.default_rng(0)


def table(**axes: tuple[object, ...]) -> pd.DataFrame:
    """Return one row for each combination of the axes, with random accuracies."""
    rows = pd.DataFrame(list(itertools.product(*axes.values())), columns=list(axes))
    return rows.assign(accuracy=RNG.random(len(rows)))


ALL_SCORES = table(model=MODELS, scale=SCALES, split=("train", "validation", "test"), score=("loss", "accuracy"))
ALL_SCORES = ALL_SCORES.rename(columns={"accuracy": "mean"})
INTERVALS = ALL_SCORES[ALL_SCORES["score"] == "accuracy"]
CURVES = table(model=MODELS, scale=SCALES, seed=(0, 1), epoch=(1, 2, 3), split=("train", "validation"))
POSTERIOR = table(scale=SCALES[::-1])
TRANSFER = table(model=MODELS, train_scale=SCALES, test_scale=SCALES, seed=(0, 1))
COUNTS = table(model=MODELS, scale=SCALES, label=tuple(range(10)), predicted=tuple(range(10)))
HELD = {"test": (0, 1e-5), "validation": (0, 1e-5, 1e-6, 1e-3)}  # the factors that have a score on the split
COMPARED = table(method=("mlp", "cnn", "denoised", "posterior"), scale=SCALES).assign(
    ci95=0.02, above_posterior=lambda rows: rows["accuracy"] - 0.9
)


def weight_decay_points(std: float | None = 0.004) -> pd.DataFrame:
    """Return intervals as read from the file, with factors out of order; ``std`` is None for a single seed."""
    parts = [table(penalty=PENALTIES, factor=factors, split=(split,)) for split, factors in HELD.items()]
    rows = pd.concat(parts).assign(std=std, n=3, ci95=0.1, sampling=0.03)
    rows["mean"] = 0.97 + rows.pop("accuracy") / 100
    return pd.read_csv(io.StringIO(rows.to_csv(index=False)))


WEIGHT_DECAY = weight_decay_points()
FIGURES = {
    "noisy_images": lambda: charts.noisy_images(
        {scale: np.zeros((3, 28, 28), np.float16) for scale in SCALES}, "speckle"
    ),
    "accuracy_by_scale": lambda: charts.accuracy_by_scale(ALL_SCORES.assign(ci95=0.01), POSTERIOR, "speckle"),
    "curves": lambda: charts.curves(CURVES),
    "with_and_without_noise": lambda: charts.with_and_without_noise(CURVES, 2),
    "transfer": lambda: charts.transfer(TRANSFER),
    "confusion": lambda: charts.confusion(COUNTS.assign(count=RNG.integers(1, 99, len(COUNTS))), 2),
    "weight_decay": lambda: charts.weight_decay(WEIGHT_DECAY, "mnist"),
    "comparison": lambda: charts.comparison(COMPARED, "speckle", "mnist"),
}


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    """Draw in the style of the project."""
    with mpl.rc_context(drawing.STYLE):
        yield


def png(figure: Figure) -> bytes:
    """Return the bytes of a figure."""
    file = io.BytesIO()
    figure.savefig(file)
    return file.getvalue()


def inside(figure: Figure) -> bool:
    """Return whether all that is drawn lies within the figure."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return bool(min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.02)


def drawn(ax: Axes) -> dict[Any, Any]:
    """Return the labelled lines of a panel, without those that have error bars."""
    return {line.get_label(): line for line in ax.get_lines() if not str(line.get_label()).startswith("_")}


def barred(ax: Axes) -> dict[Any, Any]:
    """Return the lines with error bars of a panel, by label."""
    return {container.get_label(): container for container in ax.containers}


def half_widths(container: Any) -> NDArray[np.float64]:
    """Return half the lengths of the error bars of one line."""
    return np.array([(high - low) / 2 for (_, low), (_, high) in container.lines[2][0].get_segments()])


@pytest.mark.parametrize("name", ["accuracy_by_scale", "curves", "transfer", "comparison"])
def test_equal_data_give_equal_bytes(name: str) -> None:
    assert png(FIGURES[name]()) == png(FIGURES[name]())


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_drawn_outside_the_figure(name: str) -> None:
    assert inside(FIGURES[name]())


def test_accuracy_lines_are_the_means() -> None:
    figure = FIGURES["accuracy_by_scale"]()
    for ax, split in zip(figure.axes, ("train", "test"), strict=True):
        drawn = {container.get_label(): container.lines[0].get_ydata() for container in ax.containers}
        for model in MODELS:
            expected = INTERVALS[(INTERVALS["model"] == model) & (INTERVALS["split"] == split)]["mean"]
            np.testing.assert_array_equal(drawn[model], expected)
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "0.1", "2"]


def test_the_posterior_baseline_is_drawn_beside_test_accuracy_only() -> None:
    train, test = (
        [line for line in ax.get_lines() if "posterior" in str(line.get_label())]
        for ax in FIGURES["accuracy_by_scale"]().axes
    )
    assert not train
    (line,) = test
    np.testing.assert_array_equal(line.get_xdata(), range(len(SCALES)))
    np.testing.assert_array_equal(line.get_ydata(), POSTERIOR.set_index("scale").loc[list(SCALES), "accuracy"])


def test_curves_have_a_line_for_each_scale_and_split_and_average_seeds() -> None:
    figure = FIGURES["curves"]()
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == list(MODELS)
    for ax, model in zip(panels, MODELS, strict=True):
        lines = iter(ax.get_lines())
        for scale, split in itertools.product(SCALES, ("train", "validation")):
            chosen = CURVES[(CURVES["model"] == model) & (CURVES["scale"] == scale) & (CURVES["split"] == split)]
            np.testing.assert_allclose(next(lines).get_ydata(), chosen.groupby("epoch")["accuracy"].mean())
        assert next(lines, None) is None


def test_transfer_shows_training_scale_by_row() -> None:
    figure = FIGURES["transfer"]()
    means = TRANSFER.groupby(["model", "train_scale", "test_scale"])["accuracy"].mean()
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        assert text.get_text() == f"{means['mlp', SCALES[row], SCALES[column]]:.2f}"
    framed = {tuple(int(side + 0.5) for side in patch.get_xy()) for patch in figure.axes[0].patches}
    assert framed == {(column, int(np.argmax(means["mlp"].xs(scale, level=1)))) for column, scale in enumerate(SCALES)}


def test_transfer_labels_are_no_longer_than_their_axes() -> None:
    figure = FIGURES["transfer"]()
    figure.draw_without_rendering()
    label, panel = figure.axes[0].yaxis.label.get_window_extent(), figure.axes[0].get_window_extent()
    assert panel.y0 <= label.y0 < label.y1 <= panel.y1


def test_confusion_rows_are_shares_of_a_digit() -> None:
    figure = FIGURES["confusion"]()
    shares = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 100)


def test_weight_decay_shows_means_by_factor_and_the_control_as_a_line() -> None:
    figure = FIGURES["weight_decay"]()
    assert len(figure.axes) == len(PENALTIES)
    for ax, penalty in zip(figure.axes, PENALTIES, strict=True):
        assert ax.get_title() == f"{penalty} L2 (n = 3)"
        assert ax.get_xscale() == "log"
        bars, lines = barred(ax), drawn(ax)
        rows = WEIGHT_DECAY[WEIGHT_DECAY["penalty"] == penalty].sort_values("factor").set_index("split")
        for split, label, size in (
            ("validation", "validation, mean ± std", "std"),
            ("test", "test, at the chosen factor, 95 % interval over images", "sampling"),
        ):
            control = rows[rows["factor"] == 0].loc[split]
            expected = rows[rows["factor"] > 0].loc[[split]]
            np.testing.assert_array_equal(bars[label].lines[0].get_xdata(), expected["factor"])
            np.testing.assert_array_equal(bars[label].lines[0].get_ydata(), expected["mean"])
            np.testing.assert_allclose(half_widths(bars[label]), expected[size])
            assert set(lines[f"{split}, no penalty"].get_ydata()) == {control["mean"]}
        assert set(lines["Hinton 2005, test"].get_ydata()) == {0.9847}


def test_weight_decay_writes_what_would_hide_how_the_others_differ() -> None:
    is_worst = (WEIGHT_DECAY["penalty"] == PENALTIES[0]) & (WEIGHT_DECAY["factor"] == 1e-3)
    points = WEIGHT_DECAY.assign(mean=WEIGHT_DECAY["mean"].where(~is_worst, 0.1234))
    figure = charts.weight_decay(points, "mnist")
    assert inside(figure)
    for ax, penalty in zip(figure.axes, PENALTIES, strict=True):
        shown = barred(ax)["validation, mean ± std"].lines[0].get_xdata()
        assert (1e-3 in shown) == (penalty != PENALTIES[0])
        written = [(text.get_position()[0], text.get_text()) for text in ax.texts]
        assert written == ([(1e-3, "off scale\n0.123")] if penalty == PENALTIES[0] else [])
        assert ax.get_ylim()[0] > 0.5


def test_weight_decay_of_one_seed_has_no_deviation() -> None:
    figure = charts.weight_decay(weight_decay_points(std=None).assign(n=1), "mnist")
    assert inside(figure)
    np.testing.assert_allclose(half_widths(barred(figure.axes[0])["validation, mean ± std"]), 0)


def test_weight_decay_of_one_penalty_has_room_for_the_legend() -> None:
    assert inside(charts.weight_decay(WEIGHT_DECAY[WEIGHT_DECAY["penalty"] == "kernel"], "mnist"))


@pytest.mark.parametrize("dataset", ["fashion_mnist", "digits"])
def test_the_published_accuracy_is_drawn_for_mnist_only(dataset: str) -> None:
    of_mnist, other = FIGURES["weight_decay"](), charts.weight_decay(WEIGHT_DECAY, dataset)
    assert inside(other)
    for ax, without in zip(of_mnist.axes, other.axes, strict=True):
        assert drawn(ax).keys() - drawn(without).keys() == {"Hinton 2005, test"}


def test_comparison_shows_accuracy_and_its_distance_to_the_baseline_in_points() -> None:
    shuffled = COMPARED.sample(frac=1, random_state=0).sort_values("method", kind="stable")
    for points in (COMPARED, shuffled):
        left, right = charts.comparison(points, "speckle", "mnist").axes
        assert [text.get_text() for text in left.get_xticklabels()] == ["0", "0.1", "2"]
        names = list(points["method"].unique())
        assert [container.get_label() for container in left.containers] == names
        for name, accuracy in zip(names, left.containers, strict=True):
            rows = COMPARED[COMPARED["method"] == name]
            np.testing.assert_array_equal(accuracy.lines[0].get_ydata(), rows["accuracy"])
            np.testing.assert_array_equal(accuracy.lines[0].get_xdata(), range(3))
            np.testing.assert_allclose(half_widths(accuracy), 0.02)
        names.remove("posterior")  # the line at 0
        for name, above in zip(names, right.containers, strict=True):
            rows = COMPARED[COMPARED["method"] == name]
            np.testing.assert_allclose(above.lines[0].get_ydata().astype(float), 100 * (rows["accuracy"] - 0.9))
            np.testing.assert_allclose(above.lines[0].get_xdata(), range(3), atol=0.2)
            np.testing.assert_allclose(half_widths(above), 2 * np.sqrt(2))


def test_the_posterior_baseline_is_drawn_unlike_any_model() -> None:
    left, _ = FIGURES["comparison"]().axes
    lines = {name: container.lines[0] for name, container in barred(left).items()}
    baseline = lines.pop("posterior")
    assert baseline.get_linestyle() == "--"
    for line in lines.values():
        assert line.get_linestyle() == "-"
        assert line.get_color() != baseline.get_color()
