"""The figures, from the tables in ``plots``: each function takes data and returns a matplotlib figure.

A line is one model or one scale; error bars are 95 % intervals of the mean (see summary.spread).
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from noisy_mnist.splits import CLASSES

# Okabe & Ito 2008: colours that people with any kind of colour vision can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
ACCURACY = "accuracy (share of images)"
SCALE = "noise scale"
COLUMNS = 3
mpl.rc("axes", grid=True)
mpl.rc("axes.spines", right=False, top=False)
mpl.rc("figure.constrained_layout", use=True)
mpl.rc("font", size=10)
mpl.rc("grid", alpha=0.3)
mpl.rc("legend", frameon=False)
mpl.rc("savefig", dpi=130)


def noisy_images(copies: dict[str, NDArray[np.float16]]) -> Figure:
    """Show the same images under each scale: copies maps a scale to its images (n, 28, 28)."""
    count = len(next(iter(copies.values())))
    figure = Figure(figsize=(1.3 * len(copies), 1.3 * count + 0.5))
    axes = figure.subplots(count, len(copies), squeeze=False)
    for column, (scale, images) in enumerate(copies.items()):
        for row, image in enumerate(images):
            show_image(axes[row, column], image)
        axes[0, column].set_title(f"scale {scale}" if float(scale) else f"original\n(scale {scale})")
    figure.suptitle("Values below 0 are shown black, above 1 white", fontsize=9, color="0.4")
    return figure


def accuracy_by_scale(points: pd.DataFrame, limit: pd.DataFrame, baseline: float = 1 / CLASSES) -> Figure:
    """Show training and test accuracy against scale, a line a model, and the limit beside test accuracy.

    points: model, scale, split, mean, ci95. limit: scale, accuracy. Scales are evenly spaced: on a linear axis the
    small ones would coincide.
    """
    figure = Figure(figsize=(9.5, 4.3))
    axes = figure.subplots(1, 2, sharey=True)
    scales = sorted(points["scale"].unique())
    models = list(points["model"].unique())
    for ax, split in zip(axes, ("train", "test"), strict=True):
        for index, model in enumerate(models):
            line = points[(points["model"] == model) & (points["split"] == split)].sort_values("scale")
            x = np.array([scales.index(scale) for scale in line["scale"]]) + 0.06 * (index - (len(models) - 1) / 2)
            ax.errorbar(x, line["mean"], line["ci95"], label=model, **look(index), capsize=2, linewidth=1.4)
        ax.axhline(baseline, color="0.6", linestyle=":", linewidth=1)
        ax.set(title=f"{split} images", xlabel=SCALE, ylim=(0, 1.02))
        ax.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    reached = limit.sort_values("scale")["accuracy"]
    axes[1].plot(range(len(scales)), reached, color="0.2", linestyle="--", label="limit: exact posterior")
    axes[1].legend(handles=axes[1].get_lines()[-1:], loc="lower left", bbox_to_anchor=(0, 0.14))
    axes[0].annotate("guessing", (0, baseline), (0, -11), textcoords="offset points", fontsize=8, color="0.5")
    axes[0].set_ylabel(ACCURACY)
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 0.14))
    return figure


def curves(points: pd.DataFrame) -> Figure:
    """Show accuracy by epoch, a line a scale, a panel a model on one y axis.

    points: model, scale, epoch, split (train, validation), accuracy; several seeds are averaged.
    """
    models, scales = list(points["model"].unique()), sorted(points["scale"].unique())
    figure, axes = _panels(models, 3.3, 2.9, beside=1.2, sharey=True)
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.88, len(scales)))
    for ax, model in zip(axes, models, strict=True):
        for colour, scale in zip(colours, scales, strict=True):
            for split, style in (("train", "--"), ("validation", "-")):
                _epochs(ax, points, model, scale, split, color=colour, linestyle=style, label=f"{scale:g}")
        ax.set(title=model, ylim=(0, 1.02))
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(ACCURACY)
    lines = axes[0].get_lines()
    named = {f"scale {line.get_label()}": line for line in lines[1::2]}
    plain = [Line2D([], [], color="0.3", linestyle=style) for style in ("--", "-")]
    labels = [*named, "training images", "validation images"]
    figure.legend([*named.values(), *plain], labels, loc="outside right upper", fontsize=9)
    return figure


def with_and_without_noise(points: pd.DataFrame, scale: float) -> Figure:
    """Show accuracy by epoch on clean images and at one scale, a panel a model. points: as for ``curves``."""
    models = list(points["model"].unique())
    figure = Figure(figsize=(2.2 * len(models) + 1.2, 3.4))
    axes = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for ax, model in zip(axes, models, strict=True):
        names = {scale: f"scale {scale:g}", 0: "without noise"}  # one entry, and one pair of lines, if scale is 0
        for colour, (shown, name) in zip(COLOURS, sorted(names.items()), strict=False):
            for split, style in (("train", "--"), ("validation", "-")):
                label = f"{name}, {'training' if split == 'train' else split}"
                _epochs(ax, points, model, shown, split, color=colour, linestyle=style, label=label)
        ax.set(title=model)
    axes[0].set_ylabel(ACCURACY)
    columns = 4 if len(models) > 3 else 2
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=9)
    return figure


def transfer(points: pd.DataFrame) -> Figure:
    """Show a matrix a model: mean accuracy by scale of the training (row) and of the test images (column).

    points: model, train_scale, test_scale, seed, accuracy.
    """
    models, scales = list(points["model"].unique()), sorted(points["test_scale"].unique())
    figure, axes = _panels(models, 0.55 * len(scales), 0.5 * len(scales) + 0.7, beside=2)
    for ax, model in zip(axes, models, strict=True):
        rows = points[points["model"] == model]
        matrix = rows.pivot_table("accuracy", "train_scale", "test_scale")
        _matrix(ax, matrix.to_numpy(), [f"{scale:g}" for scale in matrix.index], "{:.2f}", 1)
        ax.set(title=model, xlabel="scale of the test images")
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("scale of training" if len(scales) < 4 else "scale of the training images")  # else too long
    figure.suptitle(ACCURACY, fontsize=10)
    return figure


def confusion(counts: pd.DataFrame, scale: float) -> Figure:
    """Show a matrix a model at one scale: share of each digit's test images (row) read as each digit (column), in %.

    counts: model, scale, label, predicted, count.
    """
    models = list(counts["model"].unique())
    figure, axes = _panels(models, 3.6, 3.6)
    for ax, model in zip(axes, models, strict=True):
        rows = counts[(counts["model"] == model) & (counts["scale"] == scale)]
        matrix = rows.pivot_table("count", "label", "predicted", aggfunc="sum").to_numpy(dtype=float)
        shares = 100 * matrix / matrix.sum(axis=1, keepdims=True)
        _matrix(ax, shares, [str(digit) for digit in range(CLASSES)], "{:.0f}", 100)
        ax.set(title=f"{model}, scale {scale:g}", xlabel="read as", ylabel="digit")
    figure.suptitle("% of the test images of each digit", fontsize=10)
    return figure


def _panels(
    names: list[Any], width: float, height: float, beside: float = 0, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each name, COLUMNS to a row, and the panels.

    width, height: of a panel, in inches; beside: more width, for a legend or a shared label.
    """
    columns, rows = min(COLUMNS, len(names)), -(-len(names) // COLUMNS)
    figure = Figure(figsize=(width * columns + beside, height * rows))
    axes = list(figure.subplots(rows, columns, sharey=sharey, squeeze=False).ravel())
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    return figure, axes[: len(names)]


def show_image(ax: Axes, image: NDArray[np.float16]) -> None:
    """Draw a grey image (28, 28): values of 0 and below black, of 1 and above white."""
    ax.imshow(image.astype(np.float32), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()


def look(index: int) -> dict[str, str]:
    """Return colour and marker of the index-th model."""
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def _epochs(ax: Axes, points: pd.DataFrame, model: str, scale: float, split: str, **look: Any) -> None:
    """Draw the mean accuracy over seeds by epoch of one model, scale and split."""
    chosen = (points["model"] == model) & (points["scale"] == scale) & (points["split"] == split)
    mean = points[chosen].groupby("epoch")["accuracy"].mean()
    ax.plot(mean.index, mean.to_numpy(), linewidth=1.4, **look)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _matrix(ax: Axes, values: NDArray[np.float64], names: list[str], number: str, top: float) -> None:
    """Draw values from 0 to ``top`` as shades with the number in each cell."""
    ax.imshow(values, cmap="Blues", vmin=0, vmax=top)
    ax.grid(visible=False)
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > 0.6 * top else "black"
        ax.text(column, row, number.format(value), ha="center", va="center", fontsize=7, color=colour)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
