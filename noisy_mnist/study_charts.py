"""The figures of the studies beside the noise study: each function takes data and returns a matplotlib figure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from noisy_mnist.charts import ACCURACY, COLOURS, SCALE, look, show_image
from noisy_mnist.splits import CLASSES

# Hinton 2005, unpublished, quoted as a test error of 1.53 %: a 784-500-300-10 net with weight decay.
HINTON = 0.9847
# Noise levels, and so columns, that the grid of denoised images has at most.
GRID_COLUMNS = 11


def weight_decay(points: pd.DataFrame) -> Figure:
    """Show accuracy against the factor, a panel a penalty: mean ± standard deviation over seeds.

    points: penalty, factor, split, mean, std, n, sampling (see studies.weight_decay_intervals). Test accuracy stands
    only where the factor was chosen, with the half-width that other test images would give it.
    """
    penalties = list(points["penalty"].unique())
    columns = 3 if len(penalties) > 1 else 1  # of the legend, which stands below
    figure = Figure(figsize=(4.6 * len(penalties) + 0.4, 4.2 if columns > 1 else 4.8))
    axes = figure.subplots(1, len(penalties), sharey=True, squeeze=False)[0]
    for ax, penalty in zip(axes, penalties, strict=True):
        rows = points[points["penalty"] == penalty].fillna({"std": 0}).sort_values("factor")
        tried = rows[rows["factor"] > 0]
        for index, (split, size) in enumerate((("validation", "std"), ("test", "sampling"))):
            control = rows[(rows["split"] == split) & (rows["factor"] == 0)].iloc[0]
            chosen = tried[tried["split"] == split]
            name = "validation, mean ± std" if split == "validation" else "test at the factor chosen, ± 95 % of images"
            ax.errorbar(chosen["factor"], chosen["mean"], chosen[size], label=name, **look(index), capsize=3)
            ax.axhline(control["mean"], color=COLOURS[index], linestyle=":", label=f"{split}, no penalty")
        ax.axhline(HINTON, color="0.3", linestyle="--", linewidth=1, label="Hinton 2005, MNIST, test")
        ax.set(xscale="log", xlabel="factor of the penalty", title=f"{penalty} L2 (n = {tried['n'].iloc[0]})")
    axes[0].set_ylabel(ACCURACY)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=9)
    return figure


def denoise(points: pd.DataFrame, control: pd.DataFrame, helps: Mapping[str, Mapping[str, float] | None]) -> Figure:
    """Show accuracy, macro recall and likeness to the clean images by level, noisy and denoised.

    points: level, images, accuracy, macro_recall, psnr, ssim. control: level, accuracy, macro_recall, of a classifier
    trained on that noise. helps: as studies.helps; the range is shaded.
    """
    figure = Figure(figsize=(9.5, 6.6))
    axes = figure.subplots(2, 2, sharex=True)
    names = {
        "accuracy": ACCURACY,
        "macro_recall": "macro recall (true-positive rate)",
        "psnr": "PSNR (dB)",
        "ssim": "SSIM",
    }
    for ax, (score, label) in zip(axes.ravel(), names.items(), strict=True):
        for index, images in enumerate(points["images"].unique()):
            rows = points[points["images"] == images]
            ax.plot(rows["level"], rows[score], label=f"{images} images, trained on clean ones", **look(index), ms=4)
        if score in control:
            ax.plot(control["level"], control[score], label="noisy images, trained on them", **look(2))
            _shade(ax, helps)
        ax.set(ylabel=label)
    for ax in axes[1]:
        ax.set_xlabel("level (share of pixels replaced by 0 or 1)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _shade(ax: Axes, helps: Mapping[str, Mapping[str, float] | None]) -> None:
    """Shade the levels at which denoising helps."""
    start, end = helps["from"], helps["to"]
    if start and end:
        ax.axvspan(start["level"], end["level"], color="0.5", alpha=0.12, linewidth=0, label="denoising helps")


def denoised_images(levels: list[float], images: NDArray[np.float16]) -> Figure:
    """Show the same digits by level (column), each noisy and, below it, denoised.

    images: (2, levels, digits, 28, 28), noisy and denoised.
    """
    shown = np.unique(np.linspace(0, len(levels) - 1, GRID_COLUMNS).round().astype(int))
    digits = images.shape[2]
    figure = Figure(figsize=(0.9 * len(shown) + 0.8, 1.9 * digits + 0.3))
    axes = figure.subplots(2 * digits, len(shown), squeeze=False)
    for (row, column), ax in np.ndenumerate(axes):
        show_image(ax, images[row % 2, shown[column], row // 2])
    for ax, index in zip(axes[0], shown, strict=True):
        ax.set_title(f"{levels[index]:g}", fontsize=9)
    for row, ax in enumerate(axes[:, 0]):
        ax.text(-0.15, 0.5, ("noisy", "denoised")[row % 2], transform=ax.transAxes, ha="right", va="center", fontsize=8)
    figure.suptitle("Share of pixels replaced by 0 or 1", fontsize=10)
    return figure


def new_digits(images: NDArray[np.float16], scores: pd.DataFrame) -> Figure:
    """Show new digits, a row a class: from codes like those of training images, and from noise.

    images: (2, 10, n, 28, 28). scores: images (new, from_noise, test), intended.
    """
    share = scores.set_index("images")["intended"]
    figure = Figure(figsize=(9.6, 5.4))
    titles = ("codes like those of training images", "codes of pure noise")
    parts: Any = figure.subfigures(1, 2)
    for part, name, title, some in zip(parts, ("new", "from_noise"), titles, images, strict=True):
        axes = part.subplots(CLASSES, some.shape[1], gridspec_kw={"wspace": 0, "hspace": 0})
        for index, ax in np.ndenumerate(axes):
            show_image(ax, some[index])
        part.suptitle(f"{title}:\n{share[name]:.1%} read as the digit of the row", fontsize=10)
    return figure


def what_helps(table: pd.DataFrame) -> Figure:
    """Show test accuracy by scale of all approaches, and their distance to the limit in percentage points.

    table: approach, scale, accuracy, ci95, below_limit.
    """
    figure = Figure(figsize=(10.5, 4.6))
    axes = figure.subplots(1, 2)
    scales = sorted(table["scale"].unique())
    approaches = list(table["approach"].unique())
    for index, approach in enumerate(approaches):
        rows = table[table["approach"] == approach].sort_values("scale")
        x = np.arange(len(rows)) + 0.05 * (index - (len(approaches) - 1) / 2)
        style: dict[str, Any] = {**look(index), "capsize": 2, "linewidth": 1.4}
        if approach == "limit":
            style |= {"linestyle": "--", "color": "0.2", "marker": None}
        axes[0].errorbar(x, rows["accuracy"], rows["ci95"], label=approach, **style)
        axes[1].errorbar(x, -100 * rows["below_limit"], 100 * rows["ci95"], **style)
    axes[0].set(ylabel=ACCURACY, ylim=(0, 1.02))
    axes[1].set(ylabel="accuracy minus that of the limit (percentage points)")
    for ax in axes:
        ax.set_xlabel(SCALE)
        ax.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(approaches), fontsize=9)
    return figure
