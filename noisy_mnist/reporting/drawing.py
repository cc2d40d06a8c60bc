"""What all figures share: their style, colours and panels."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Okabe & Ito 2008: colours that people with any kind of colour vision can tell apart; then, for large studies, more.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#882255", "#999933", "#332288", "#8C564B", "#44AA99"),
)
MARKERS = "osD^vPX<>*h"
ACCURACY = "accuracy (share of images)"
SCALE = "scale of {} noise"
COLUMNS = 3
# For matplotlib.style.context, around drawing and saving.
STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "savefig.dpi": 130,
}


def panels(
    names: list[Any], width: float, height: float, beside: float = 0, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each name, COLUMNS to a row, and the panels.

    width, height: of a panel, in inches; beside: extra width, for a legend or a shared label.
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
