"""The figures of the noise study and of weight decay: each function takes tables and returns a matplotlib figure.

A line is one model or one scale; error bars are 95 % confidence intervals of the mean (see intervals.spread).
"""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from noisy_mnist.data.splits import CLASSES
from noisy_mnist.reporting.drawing import ACCURACY, COLOURS, COLUMNS, SCALE, look, panels, show_image
from noisy_mnist.reporting.names import of_dataset

# Hinton 2005, unpublished, quoted as a test error of 1.53 %: a 784-500-300-10 net with weight decay.
HINTON = 0.9847
FAR = 0.03  # below the best, an accuracy that would hide how the others differ
GUESSING = 1 / CLASSES


def noisy_images(copies: Mapping[float, NDArray[np.float16]], kind: str) -> Figure:
    """Show the same images at each scale: copies maps a scale to its images (n, 28, 28). kind: of the noise."""
    count = len(next(iter(copies.values())))
    figure = Figure(figsize=(1.3 * len(copies), 1.3 * count + 0.5))
    axes = figure.subplots(count, len(copies), squeeze=False)
    for column, (scale, images) in enumerate(copies.items()):
        for row, image in enumerate(images):
            show_image(axes[row, column], image)
        axes[0, column].set_title(f"scale {scale:g}" if scale else "original\n(scale 0)")
    figure.suptitle(f"Noise: {kind}\nValues below 0 are shown black, above 1 white", fontsize=9, color="0.4")
    return figure


def accuracy_by_scale(scores: pd.DataFrame, posterior: pd.DataFrame, kind: str) -> Figure:
    """Show training and test accuracy by scale, one line per model, and the posterior baseline on test images.

    scores: model, scale, split, score, mean, ci95. posterior: scale, accuracy. kind: of the noise. Scales are evenly
    spaced: on a linear axis the small ones would overlap.
    """
    points = scores[scores["score"] == "accuracy"]
    figure = Figure(figsize=(9.5, 4.3))
    axes = figure.subplots(1, 2, sharey=True)
    scales = sorted(points["scale"].unique())
    models = list(points["model"].unique())
    for ax, split in zip(axes, ("train", "test"), strict=True):
        for index, model in enumerate(models):
            line = points[(points["model"] == model) & (points["split"] == split)].sort_values("scale")
            x = [scales.index(scale) for scale in line["scale"]]
            ax.errorbar(x, line["mean"], line["ci95"], label=model, **look(index), capsize=2, linewidth=1.4)
        ax.axhline(GUESSING, color="0.6", linestyle=":", linewidth=1)
        title = "training images" if split == "train" else "test images"
        ax.set(title=title, xlabel=SCALE.format(kind), ylim=(0, 1.02))
        ax.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    baseline = posterior.sort_values("scale")["accuracy"]
    axes[1].plot(range(len(scales)), baseline, color="0.2", linestyle="--", label="posterior baseline")
    axes[1].legend(handles=axes[1].get_lines()[-1:], loc="lower left", bbox_to_anchor=(0, 0.14))
    axes[0].annotate("guessing", (0, GUESSING), (0, -11), textcoords="offset points", fontsize=8, color="0.5")
    axes[0].set_ylabel(ACCURACY)
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 0.14))
    return figure


def curves(points: pd.DataFrame) -> Figure:
    """Show accuracy by epoch, one line per scale, one panel per model, with a shared y axis.

    points: model, scale, epoch, split (train, validation), accuracy; seeds are averaged.
    """
    models, scales = list(points["model"].unique()), sorted(points["scale"].unique())
    figure, axes = panels(models, 3.3, 2.9, beside=1.2, sharey=True)
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
    """Show accuracy by epoch on clean images and at one scale, one panel per model. points: as for ``curves``."""
    models = list(points["model"].unique())
    figure, axes = panels(models, 3.3, 2.9, sharey=True)
    for ax, model in zip(axes, models, strict=True):
        names = {scale: f"scale {scale:g}", 0: "without noise"}  # one entry, and one pair of lines, if scale is 0
        for colour, (shown, name) in zip(COLOURS, sorted(names.items()), strict=False):
            for split, style in (("train", "--"), ("validation", "-")):
                label = f"{name}, {'training' if split == 'train' else split}"
                _epochs(ax, points, model, shown, split, color=colour, linestyle=style, label=label)
        ax.set(title=model)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel(ACCURACY)
    columns = 4 if len(models) >= COLUMNS else 2
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=9)
    return figure


def transfer(points: pd.DataFrame) -> Figure:
    """Show one matrix per model: mean accuracy by scale of the training (row) and test images (column).

    The best training scale of each column is framed.

    points: model, train_scale, test_scale, seed, accuracy.
    """
    models, scales = list(points["model"].unique()), sorted(points["test_scale"].unique())
    figure, axes = panels(models, 0.55 * len(scales), 0.5 * len(scales) + 0.7, beside=2)
    for ax, model in zip(axes, models, strict=True):
        rows = points[points["model"] == model]
        matrix = rows.pivot_table("accuracy", "train_scale", "test_scale")
        _matrix(ax, matrix.to_numpy(), [f"{scale:g}" for scale in matrix.index], "{:.2f}", 1)
        for column, row in enumerate(matrix.to_numpy().argmax(axis=0)):
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=2))
        ax.set(title=model, xlabel="scale of the test images")
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("scale of training" if len(scales) < 4 else "scale of the training images")  # else too long
    figure.suptitle(f"{ACCURACY}; framed: the best of its column", fontsize=10)
    return figure


def confusion(counts: pd.DataFrame, scale: float) -> Figure:
    """Show one matrix per model at one scale: % of each digit's test images (row) by predicted digit (column).

    counts: model, scale, label, predicted, count.
    """
    models = list(counts["model"].unique())
    figure, axes = panels(models, 3.6, 3.6)
    for ax, model in zip(axes, models, strict=True):
        rows = counts[(counts["model"] == model) & (counts["scale"] == scale)]
        matrix = rows.pivot_table("count", "label", "predicted", aggfunc="sum").to_numpy(dtype=float)
        shares = 100 * matrix / matrix.sum(axis=1, keepdims=True)
        _matrix(ax, shares, [str(digit) for digit in range(CLASSES)], "{:.0f}", 100)
        ax.set(title=model, xlabel="classified as", ylabel="digit")
    figure.suptitle(f"% of the test images of each digit at scale {scale:g}, all seeds together", fontsize=10)
    return figure


def weight_decay(points: pd.DataFrame, dataset: str) -> Figure:
    """Show accuracy by factor, one panel per penalty: mean ± standard deviation over seeds.

    points: penalty, factor, split, mean, std, n, sampling (see other_results.weight_decay_intervals). Test accuracy
    is shown only at the chosen factor, with its half-width over test images. Where a factor costs so much that the
    others could not be told apart, its accuracy is written instead. dataset: for mnist, the published figure is shown
    too.
    """
    penalties = list(points["penalty"].unique())
    scored = points[(points["split"] == "validation") & (points["factor"] > 0)]
    factors = scored["factor"]
    far = scored[scored["mean"] < scored["mean"].max() - FAR]
    near = points.drop(far.index)
    columns = 3 if len(penalties) > 1 else 1  # of the legend, below the panels
    figure = Figure(figsize=(4.6 * len(penalties) + 0.4, 4.2 if columns > 1 else 4.8))
    axes = figure.subplots(1, len(penalties), sharey=True, squeeze=False)[0]
    for ax, penalty in zip(axes, penalties, strict=True):
        rows = near[near["penalty"] == penalty].fillna({"std": 0}).sort_values("factor")
        tried = rows[rows["factor"] > 0]
        for index, (split, size) in enumerate((("validation", "std"), ("test", "sampling"))):
            control = rows[(rows["split"] == split) & (rows["factor"] == 0)].iloc[0]
            chosen = tried[tried["split"] == split]
            name = "mean ± std" if split == "validation" else "at the chosen factor, 95 % interval over images"
            label = f"{split}, {name}"
            ax.errorbar(chosen["factor"], chosen["mean"], chosen[size], label=label, **look(index), capsize=3)
            ax.axhline(control["mean"], color=COLOURS[index], linestyle=":", label=f"{split}, no penalty")
        for factor, mean in far.loc[far["penalty"] == penalty, ["factor", "mean"]].to_numpy():
            written: dict[str, Any] = {"ha": "center", "color": COLOURS[0], "transform": ax.get_xaxis_transform()}
            ax.text(factor, 0.03, f"off scale\n{mean:.3f}", **written)
        if dataset == "mnist":
            ax.axhline(HINTON, color="0.3", linestyle="--", linewidth=1, label="Hinton 2005, test")
        ax.set(xscale="log", xlim=(factors.min() / 2, factors.max() * 2), xlabel="factor of the penalty")
        ax.set(title=f"{penalty} L2 (n = {tried['n'].iloc[0]})")
    axes[0].set_ylabel(ACCURACY)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=9)
    return figure


def comparison(table: pd.DataFrame, kind: str, dataset: str) -> Figure:
    """Show test accuracy by scale of all methods, and by how many points they exceed the posterior baseline.

    table: method, scale, accuracy, ci95, above_posterior. kind: of the noise. The interval of a difference takes the
    two accuracies as independent; the differences are drawn side by side.
    """
    figure = Figure(figsize=(10.5, 4.6))
    axes = figure.subplots(1, 2)
    scales = sorted(table["scale"].unique())
    methods = list(table["method"].unique())
    baseline = table[table["method"] == "posterior"].sort_values("scale")["ci95"].to_numpy()
    for index, method in enumerate(methods):
        rows = table[table["method"] == method].sort_values("scale")
        x = np.arange(len(rows))
        style: dict[str, Any] = {**look(index), "capsize": 2, "linewidth": 1.4}
        if method == "posterior":
            style |= {"linestyle": "--", "color": "0.2", "marker": None}
            axes[1].axhline(0, color="0.2", linestyle="--", linewidth=1.4)
        else:
            beside = x + 0.06 * (index - (len(methods) - 2) / 2)
            axes[1].errorbar(beside, 100 * rows["above_posterior"], 100 * np.hypot(rows["ci95"], baseline), **style)
        axes[0].errorbar(x, rows["accuracy"], rows["ci95"], label=method, **style)
    axes[0].set(ylabel=ACCURACY, ylim=(0, 1.02))
    axes[1].set(ylabel="percentage points above the posterior baseline")
    figure.suptitle(f"Test images of {of_dataset(dataset)}; bars: 95 % intervals", fontsize=10)
    for ax in axes:
        ax.set_xlabel(SCALE.format(kind))
        ax.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods), fontsize=9)
    return figure


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
