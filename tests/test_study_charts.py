"""Figures of the studies beside the noise study: what is drawn is what was given."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

from noisy_mnist import study_charts
from tests.test_charts import inside, png, table

SCALES, LEVELS, PENALTIES = (0.0, 0.5, 2.0), (0.0, 0.2, 0.4, 1.0), ("kernel", "activity")
DENOISE = table(level=LEVELS, images=("noisy", "denoised")).assign(
    macro_recall=lambda rows: rows["accuracy"] / 2, psnr=lambda rows: 20 * rows["accuracy"], ssim=0.5
)
DENOISE.loc[0, "psnr"] = None  # of clean images
CONTROL = table(level=LEVELS[1:3]).assign(macro_recall=0.3)
HELPS = {"from": {"level": 0.1, "low": 0, "high": 0.2}, "to": {"level": 0.9, "low": 0.8, "high": 1}}
COMPARED = table(approach=("mlp", "cnn", "denoised", "limit"), scale=SCALES).assign(
    ci95=0.02, below_limit=lambda rows: 0.9 - rows["accuracy"]
)
NEW_SCORES = pd.DataFrame({"images": ["new", "from_noise", "test"], "intended": [0.9876, 0.25, 0.995]})
HELD = {"test": (0, 1e-5), "validation": (0, 1e-5, 1e-6, 1e-3)}  # the factors that have a score of the split


def weight_decay_points(std: float | None = 0.004) -> pd.DataFrame:
    """Return intervals as they are read from the file, factors out of order; std None is that of one seed."""
    parts = [table(penalty=PENALTIES, factor=factors, split=(split,)) for split, factors in HELD.items()]
    rows = pd.concat(parts).rename(columns={"accuracy": "mean"}).assign(std=std, n=3, ci95=0.1, sampling=0.03)
    return pd.read_csv(io.StringIO(rows.to_csv(index=False)))


WEIGHT_DECAY = weight_decay_points()


def coloured(*shape: int) -> NDArray[np.float16]:
    """Return images of one grey each, so that each place has a grey of its own."""
    greys = np.linspace(0, 1, int(np.prod(shape))).reshape(*shape, 1, 1)
    return np.broadcast_to(greys, (*shape, 28, 28)).astype(np.float16)


def grey(ax: Axes) -> float:
    """Return the grey of the image drawn on a panel."""
    (shown,) = np.unique(np.asarray(ax.images[0].get_array()))
    return float(shown)


def drawn(ax: Axes) -> dict[Any, Any]:
    """Return the labelled lines of a panel, without those that have error bars."""
    return {line.get_label(): line for line in ax.get_lines() if not str(line.get_label()).startswith("_")}


def barred(ax: Axes) -> dict[Any, Any]:
    """Return the lines with error bars of a panel, by label."""
    return {container.get_label(): container for container in ax.containers}


def half_widths(container: Any) -> NDArray[np.float64]:
    """Return half the lengths of the error bars of one line."""
    return np.array([(high - low) / 2 for (_, low), (_, high) in container.lines[2][0].get_segments()])


FIGURES = {
    "weight_decay": lambda: study_charts.weight_decay(WEIGHT_DECAY),
    "denoise": lambda: study_charts.denoise(DENOISE, CONTROL, HELPS),
    "denoised_images": lambda: study_charts.denoised_images(list(LEVELS), coloured(2, 4, 3)),
    "new_digits": lambda: study_charts.new_digits(coloured(2, 10, 10), NEW_SCORES),
    "what_helps": lambda: study_charts.what_helps(COMPARED),
}


@pytest.mark.parametrize("name", ["denoise", "what_helps"])
def test_equal_data_give_equal_bytes(name: str) -> None:
    assert png(FIGURES[name]()) == png(FIGURES[name]())


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_drawn_outside_the_figure(name: str) -> None:
    assert inside(FIGURES[name]())


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
            ("test", "test at the factor chosen, ± 95 % of images", "sampling"),
        ):
            control = rows[rows["factor"] == 0].loc[split]
            expected = rows[rows["factor"] > 0].loc[[split]]
            np.testing.assert_array_equal(bars[label].lines[0].get_xdata(), expected["factor"])
            np.testing.assert_array_equal(bars[label].lines[0].get_ydata(), expected["mean"])
            np.testing.assert_allclose(half_widths(bars[label]), expected[size])
            assert set(lines[f"{split}, no penalty"].get_ydata()) == {control["mean"]}
        assert set(lines["Hinton 2005, MNIST, test"].get_ydata()) == {0.9847}


def test_weight_decay_of_one_seed_has_no_deviation() -> None:
    figure = study_charts.weight_decay(weight_decay_points(std=None).assign(n=1))
    assert inside(figure)
    np.testing.assert_allclose(half_widths(barred(figure.axes[0])["validation, mean ± std"]), 0)


def test_weight_decay_of_one_penalty_has_room_for_the_legend() -> None:
    assert inside(study_charts.weight_decay(WEIGHT_DECAY[WEIGHT_DECAY["penalty"] == "kernel"]))


def test_denoise_lines_are_the_scores_by_level() -> None:
    figure = FIGURES["denoise"]()
    for ax, score in zip(figure.axes, ("accuracy", "macro_recall", "psnr", "ssim"), strict=True):
        lines = drawn(ax)
        for images in ("noisy", "denoised"):
            line = lines.pop(f"{images} images, trained on clean ones")
            np.testing.assert_array_equal(line.get_xdata(), LEVELS)
            np.testing.assert_array_equal(line.get_ydata(), DENOISE[DENOISE["images"] == images][score])
        if score in ("accuracy", "macro_recall"):
            line = lines.pop("noisy images, trained on them")
            np.testing.assert_array_equal(line.get_xdata(), CONTROL["level"])
            np.testing.assert_array_equal(line.get_ydata(), CONTROL[score])
            (shade,) = ax.patches
            assert (shade.get_x(), shade.get_x() + shade.get_width()) == pytest.approx((0.1, 0.9))
        else:
            assert not ax.patches
        assert not lines


def test_denoise_shades_nothing_where_nothing_helps() -> None:
    figure = study_charts.denoise(DENOISE, CONTROL, {"from": None, "to": None})
    assert not any(ax.patches for ax in figure.axes)


@pytest.mark.parametrize("count", [2, 11, 12, 21, 101])
def test_denoised_images_stand_under_their_level_noisy_above_denoised(count: int) -> None:
    levels = [index / (count - 1) for index in range(count)]
    images = coloured(2, count, 2)
    panels = np.array(study_charts.denoised_images(levels, images).axes).reshape(4, -1)
    by_title = {f"{level:g}": index for index, level in enumerate(levels)}
    shown = [by_title[ax.get_title()] for ax in panels[0]]
    assert len(shown) == min(count, 11)
    assert (shown[0], shown[-1]) == (0, count - 1)
    assert max(np.diff(shown)) - min(np.diff(shown)) <= 1  # evenly spaced
    for (row, column), ax in np.ndenumerate(panels):
        assert grey(ax) == images[row % 2, shown[column], row // 2, 0, 0]
    assert [ax.texts[0].get_text() for ax in panels[:, 0]] == ["noisy", "denoised"] * 2


def test_new_digits_stand_in_the_row_of_their_class_under_the_share_that_is_read_so() -> None:
    images = coloured(2, 10, 3)
    parts = study_charts.new_digits(images, NEW_SCORES).subfigs
    for part, some, share in zip(parts, images, ("98.8%", "25.0%"), strict=True):
        assert share in part.get_suptitle()
        for place, ax in np.ndenumerate(np.array(part.axes).reshape(10, 3)):
            assert grey(ax) == some[place][0, 0]


def test_what_helps_shows_accuracy_and_its_distance_to_the_limit_in_points() -> None:
    shuffled = COMPARED.sample(frac=1, random_state=0).sort_values("approach", kind="stable")
    for points in (COMPARED, shuffled):
        left, right = study_charts.what_helps(points).axes
        assert [text.get_text() for text in left.get_xticklabels()] == ["0", "0.5", "2"]
        names = list(points["approach"].unique())
        assert [container.get_label() for container in left.containers] == names
        for name, above, below in zip(names, left.containers, right.containers, strict=True):
            rows = COMPARED[COMPARED["approach"] == name]
            np.testing.assert_array_equal(above.lines[0].get_ydata(), rows["accuracy"])
            np.testing.assert_allclose(below.lines[0].get_ydata().astype(float), 100 * (rows["accuracy"] - 0.9))
            for container in (above, below):
                np.testing.assert_allclose(container.lines[0].get_xdata(), range(3), atol=0.2)
            np.testing.assert_allclose(half_widths(above), 0.02)
            np.testing.assert_allclose(half_widths(below), 2)


def test_the_limit_looks_like_no_model() -> None:
    left, _ = FIGURES["what_helps"]().axes
    lines = {name: container.lines[0] for name, container in barred(left).items()}
    limit = lines.pop("limit")
    assert limit.get_linestyle() == "--"
    for line in lines.values():
        assert line.get_linestyle() == "-"
        assert line.get_color() != limit.get_color()
