"""Figures: the numbers drawn are the numbers given, and equal data give equal bytes."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from noisy_mnist import charts

MODELS, SCALES = ("mlp", "cnn", "cnn_bn", "mlp_wide"), (0.0, 0.1, 2.0)
RNG = np.random.default_rng(0)


def table(**axes: tuple[object, ...]) -> pd.DataFrame:
    """Return one row for each combination of the axes, with random accuracies."""
    rows = pd.DataFrame(list(itertools.product(*axes.values())), columns=list(axes))
    return rows.assign(accuracy=RNG.random(len(rows)))


INTERVALS = table(model=MODELS, scale=SCALES, split=("train", "validation", "test")).rename(
    columns={"accuracy": "mean"}
)
CURVES = table(model=MODELS, scale=SCALES, seed=(0, 1), epoch=(1, 2, 3), split=("train", "validation"))
LIMIT = table(scale=SCALES[::-1])
TRANSFER = table(model=MODELS, train_scale=SCALES, test_scale=SCALES, seed=(0, 1))
COUNTS = table(model=MODELS, scale=SCALES, label=tuple(range(10)), predicted=tuple(range(10)))
FIGURES = {
    "noisy_images": lambda: charts.noisy_images({str(s): np.zeros((3, 28, 28), np.float16) for s in SCALES}),
    "accuracy_by_scale": lambda: charts.accuracy_by_scale(INTERVALS.assign(ci95=0.01), LIMIT),
    "curves": lambda: charts.curves(CURVES),
    "with_and_without_noise": lambda: charts.with_and_without_noise(CURVES, 2),
    "transfer": lambda: charts.transfer(TRANSFER),
    "confusion": lambda: charts.confusion(COUNTS.assign(count=RNG.integers(1, 99, len(COUNTS))), 2),
}


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


@pytest.mark.parametrize("name", ["accuracy_by_scale", "curves", "transfer"])
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


def test_limit_stands_beside_test_accuracy_only() -> None:
    train, test = (
        [line for line in ax.get_lines() if str(line.get_label()).startswith("limit")]
        for ax in FIGURES["accuracy_by_scale"]().axes
    )
    assert not train
    (line,) = test
    np.testing.assert_array_equal(line.get_xdata(), range(len(SCALES)))
    np.testing.assert_array_equal(line.get_ydata(), LIMIT.set_index("scale").loc[list(SCALES), "accuracy"])


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


def test_transfer_labels_are_no_longer_than_their_axes() -> None:
    figure = FIGURES["transfer"]()
    figure.draw_without_rendering()
    label, panel = figure.axes[0].yaxis.label.get_window_extent(), figure.axes[0].get_window_extent()
    assert panel.y0 <= label.y0 < label.y1 <= panel.y1


def test_confusion_rows_are_shares_of_a_digit() -> None:
    figure = FIGURES["confusion"]()
    shares = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 100)
