"""The figures of denoising and new digits: each function takes tables or images and returns a matplotlib figure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from noisy_mnist.data.splits import CLASSES
from noisy_mnist.reporting.drawing import ACCURACY, look, show_image

# The most noise levels, one per column, in the grid of denoised images.
GRID_COLUMNS = 11


def denoise(points: pd.DataFrame, control: pd.DataFrame, helps: Mapping[str, float | None]) -> Figure:
    """Show accuracy, macro recall and similarity to the clean images by level, noisy and denoised.

    points: level, images, accuracy, macro_recall, psnr, ssim. control: scale, score, mean, of a classifier trained on
    noisy images. helps: helps_from, helps_to, the range of levels where denoising helps, or None; it is shaded.
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
            ax.plot(
                rows["level"], rows[score], label=f"{images} images, net trained on clean ones", **look(index), ms=4
            )
        if score in ("accuracy", "macro_recall"):
            rows = control[control["score"] == score]
            ax.plot(
                rows["scale"], rows["mean"], label="noisy images, net trained on noisy ones", linestyle="", **look(2)
            )
            _shade(ax, helps)
            ax.set_ylim(0, 1.02)
        ax.set(ylabel=label)
    for ax in axes[1]:
        ax.set_xlabel("level (share of pixels replaced by 0 or 1)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _shade(ax: Axes, helps: Mapping[str, float | None]) -> None:
    """Shade the levels at which denoising helps."""
    start, end = helps["helps_from"], helps["helps_to"]
    if start is not None and end is not None:
        ax.axvspan(start, end, color="0.5", alpha=0.12, linewidth=0, label="denoising helps")


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
    """Show new digits, one row per class: from codes like those of training images, and from noise.

    images: (2, 10, n, 28, 28). scores: images (new, from_noise, test), intended.
    """
    share = scores.set_index("images")["intended"]
    figure = Figure(figsize=(9.6, 5.4))
    titles = ("codes like those of training images", "codes of pure noise")
    parts: Any = figure.subfigures(1, 2)
    for part, name, title, digits in zip(parts, ("new", "from_noise"), titles, images, strict=True):
        axes = part.subplots(CLASSES, digits.shape[1], gridspec_kw={"wspace": 0, "hspace": 0})
        for index, ax in np.ndenumerate(axes):
            show_image(ax, digits[index])
        part.suptitle(f"{title}:\n{100 * share[name]:.1f} % classified as the digit of the row", fontsize=10)
    return figure
