"""Figures of denoising and new digits: what is drawn is what was given."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

from noisy_mnist.reporting import denoising_charts, drawing
from tests.test_charts import drawn, inside, png, table

LEVELS = (0.0, 0.2, 0.4, 1.0)
DENOISE = table(level=LEVELS, images=("noisy", "denoised")).assign(
    macro_recall=lambda rows: rows["accuracy"] / 2, psnr=lambda rows: 20 * rows["accuracy"], ssim=0.5
)
DENOISE.loc[0, "psnr"] = None  # of clean images
CONTROL = table(scale=LEVELS[1:3], score=("accuracy", "macro_recall")).rename(columns={"accuracy": "mean"})
HELPS = {"helps_from": 0.1, "helps_to": 0.9}
NEW_SCORES = pd.DataFrame({"images": ["new", "from_noise", "test"], "intended": [0.9876, 0.25, 0.995]})


def coloured(*shape: int) -> NDArray[np.float16]:
    """Return images of one grey each, all different."""
    greys = np.linspace(0, 1, int(np.prod(shape))).reshape(*shape, 1, 1)
    return np.broadcast_to(greys, (*shape, 28, 28)).astype(np.float16)


def grey(ax: Axes) -> float:
    """Return the grey of the image drawn on a panel."""
    (shown,) = np.unique(np.asarray(ax.images[0].get_array()))
    return float(shown)


FIGURES = {
    "denoise": lambda: denoising_charts.denoise(DENOISE, CONTROL, HELPS),
    "denoised_images": lambda: denoising_charts.denoised_images(list(LEVELS), coloured(2, 4, 3)),
    "new_digits": lambda: denoising_charts.new_digits(coloured(2, 10, 10), NEW_SCORES),
}


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    """Draw in the style of the project."""
    with mpl.rc_context(drawing.STYLE):
        yield


@pytest.mark.parametrize("name", ["denoise", "new_digits"])
def test_equal_data_give_equal_bytes(name: str) -> None:
    assert png(FIGURES[name]()) == png(FIGURES[name]())


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_drawn_outside_the_figure(name: str) -> None:
    assert inside(FIGURES[name]())


def test_denoise_lines_are_the_scores_by_level() -> None:
    figure = FIGURES["denoise"]()
    for ax, score in zip(figure.axes, ("accuracy", "macro_recall", "psnr", "ssim"), strict=True):
        lines = drawn(ax)
        for images in ("noisy", "denoised"):
            line = lines.pop(f"{images} images, net trained on clean ones")
            np.testing.assert_array_equal(line.get_xdata(), LEVELS)
            np.testing.assert_array_equal(line.get_ydata(), DENOISE[DENOISE["images"] == images][score])
        if score in ("accuracy", "macro_recall"):
            line = lines.pop("noisy images, net trained on noisy ones")
            rows = CONTROL[CONTROL["score"] == score]
            np.testing.assert_array_equal(line.get_xdata(), rows["scale"])
            np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
            (shade,) = ax.patches
            assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((0.1, 0.9))
        else:
            assert not ax.patches
        assert not lines


def test_denoise_shades_nothing_if_denoising_helps_nowhere() -> None:
    figure = denoising_charts.denoise(DENOISE, CONTROL, {"helps_from": None, "helps_to": None})
    assert not any(ax.patches for ax in figure.axes)


def test_denoise_shades_from_level_0_where_it_helps_from_there() -> None:
    figure = denoising_charts.denoise(DENOISE, CONTROL, {"helps_from": 0.0, "helps_to": 0.5})
    shades = [(shade.get_x(), shade.get_x() + shade.get_width()) for ax in figure.axes for shade in ax.patches]
    assert shades == [(0, 0.5)] * 2


@pytest.mark.parametrize("count", [2, 11, 12, 21, 101])
def test_denoised_images_stand_under_their_level_noisy_above_denoised(count: int) -> None:
    levels = [index / (count - 1) for index in range(count)]
    images = coloured(2, count, 2)
    panels = np.array(denoising_charts.denoised_images(levels, images).axes).reshape(4, -1)
    by_title = {f"{level:g}": index for index, level in enumerate(levels)}
    shown = [by_title[ax.get_title()] for ax in panels[0]]
    assert len(shown) == min(count, 11)
    assert (shown[0], shown[-1]) == (0, count - 1)
    assert max(np.diff(shown)) - min(np.diff(shown)) <= 1  # evenly spaced
    for (row, column), ax in np.ndenumerate(panels):
        assert grey(ax) == images[row % 2, shown[column], row // 2, 0, 0]
    assert [ax.texts[0].get_text() for ax in panels[:, 0]] == ["noisy", "denoised"] * 2


def test_new_digits_stand_in_rows_by_class_under_the_share_classified_as_intended() -> None:
    images = coloured(2, 10, 3)
    parts = denoising_charts.new_digits(images, NEW_SCORES).subfigs
    for part, some, share in zip(parts, images, ("98.8 %", "25.0 %"), strict=True):
        assert share in part.get_suptitle()
        for place, ax in np.ndenumerate(np.array(part.axes).reshape(10, 3)):
            assert grey(ax) == some[place][0, 0]
