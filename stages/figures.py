"""Draw the figures from the committed tables and a few images."""

from pathlib import Path

import numpy as np
from matplotlib import style

from noisy_mnist.core import files, params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.datasets.params import DataParams
from noisy_mnist.reporting import drawing, figures, names
from noisy_mnist.reporting.params import FiguresParams


def main() -> None:
    """Read ``metrics``, ``plots/*.csv`` and some images, write ``plots/figures/*.png``."""
    shown = params.read(FiguresParams, "figures")
    draw = params.read(NoiseParams, "noise")
    dataset = params.read(DataParams, "data").dataset
    table = {name: tables.read_csv(Path(f"plots/{name}.csv")) for name in figures.TABLES}
    scores = tables.read_csv(Path("metrics/scores.csv"))
    helps = tables.read_json(Path("metrics/summary.json"))["denoise"]
    clean = splits.load(Path("data/clean"), "test").first(shown.digits)
    images = {name: np.load(Path(f"data/{name}/images.npy"), allow_pickle=False) for name in ("denoise", "synthesize")}
    noisy = {scale: copies.noisy(clean, "test", draw, scale).images for scale in table["posterior"]["scale"]}

    # Start from Matplotlib's defaults, so that a user's matplotlibrc is ignored.
    with style.context(["default", drawing.STYLE]), files.replacing(Path("plots/figures")) as folder:
        folder.mkdir()
        kind = names.of_noise(draw.kind)
        for name, figure in figures.draw(table, scores, helps, images, noisy, shown, dataset, kind).items():
            figure.savefig(folder / f"{name}.png")


if __name__ == "__main__":
    run(main)
