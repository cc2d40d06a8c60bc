"""All figures of the project, by file name."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from noisy_mnist.reporting import charts, denoising_charts
from noisy_mnist.reporting.params import FiguresParams

# The tables in ``plots`` that are drawn.
TABLES = (
    "comparison",
    "confusion",
    "curves",
    "denoise",
    "new_digits",
    "posterior",
    "transfer",
    "weight_decay_intervals",
)


def draw(
    table: Mapping[str, pd.DataFrame],
    scores: pd.DataFrame,
    helps: Mapping[str, float | None],
    images: Mapping[str, NDArray[np.float16]],
    noisy: Mapping[float, NDArray[np.float16]],
    shown: FiguresParams,
    dataset: str,
    kind: str,
) -> dict[str, Figure]:
    """Return all figures by name.

    table: those of TABLES. scores: ``metrics/scores.csv``. helps: helps_from and helps_to of the summary. images: those
    saved by the stages denoise and synthesize. noisy: test images (n, 28, 28) by scale. kind: of their noise, as it is
    shown.
    """
    study = dict(iter(scores.groupby("study")))
    levels = list(table["denoise"]["level"].unique())
    return {
        "noisy_images": charts.noisy_images(noisy, kind),
        "accuracy_by_scale": charts.accuracy_by_scale(study["noise"], table["posterior"], kind),
        "curves": charts.curves(table["curves"]),
        "with_and_without_noise": charts.with_and_without_noise(table["curves"], shown.scale),
        "transfer": charts.transfer(table["transfer"]),
        "confusion": charts.confusion(table["confusion"], shown.scale),
        "comparison": charts.comparison(table["comparison"], kind, dataset),
        "weight_decay": charts.weight_decay(table["weight_decay_intervals"], dataset),
        "denoise": denoising_charts.denoise(table["denoise"], study["denoise_control"], helps),
        "denoised_images": denoising_charts.denoised_images(levels, images["denoise"]),
        "new_digits": denoising_charts.new_digits(images["synthesize"], table["new_digits"]),
    }
