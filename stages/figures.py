"""Draw the figures from the committed tables and a few images."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from noisy_mnist.core import files, params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.datasets.params import DataParams
from noisy_mnist.reporting import charts, denoising_charts, drawing
from noisy_mnist.reporting.params import FiguresParams

TABLES = ("comparison", "confusion", "curves", "denoise", "new_digits", "posterior", "transfer")


def main() -> None:
    """Read ``metrics``, ``plots/*.csv`` and some images, write ``plots/figures/*.png``."""
    shown = params.read(FiguresParams, "figures")
    draw = params.read(NoiseParams, "noise")
    dataset = params.read(DataParams, "data").dataset
    table = {name: tables.read_csv(Path(f"plots/{name}.csv")) for name in (*TABLES, "weight_decay_intervals")}
    scores = tables.read_csv(Path("metrics/scores.csv"))
    helps = tables.read_json(Path("metrics/summary.json"))["denoise"]
    clean = splits.load(Path("data/clean"), "test").first(shown.digits)
    images = {name: np.load(Path(f"data/{name}/images.npy"), allow_pickle=False) for name in ("denoise", "synthesize")}

    noisy = {scale: copies.noisy(clean, "test", draw, scale).images for scale in table["posterior"]["scale"]}
    study = dict(iter(scores.groupby("study")))
    levels = list(table["denoise"]["level"].unique())
    with mpl.rc_context(drawing.STYLE), files.replacing(Path("plots/figures")) as folder:
        figures = {
            "noisy_images": charts.noisy_images(noisy),
            "accuracy_by_scale": charts.accuracy_by_scale(study["noise"], table["posterior"]),
            "curves": charts.curves(table["curves"]),
            "with_and_without_noise": charts.with_and_without_noise(table["curves"], shown.scale),
            "transfer": charts.transfer(table["transfer"]),
            "confusion": charts.confusion(table["confusion"], shown.scale),
            "comparison": charts.comparison(table["comparison"]),
            "weight_decay": charts.weight_decay(table["weight_decay_intervals"], dataset),
            "denoise": denoising_charts.denoise(table["denoise"], study["denoise_control"], helps),
            "denoised_images": denoising_charts.denoised_images(levels, images["denoise"]),
            "new_digits": denoising_charts.new_digits(images["synthesize"], table["new_digits"]),
        }
        folder.mkdir()
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png")


if __name__ == "__main__":
    run(main)
