"""Draw the figures of the README from the tables in ``plots`` and a few noisy images."""

from pathlib import Path

import numpy as np

from noisy_mnist import charts, files, params, splits, study_charts, tables
from noisy_mnist.params.denoise import Levels
from noisy_mnist.params.grid import FiguresParams, Scales
from noisy_mnist.stage import run


def main() -> None:
    """Read ``plots/*.csv``, the summary and some images, write ``plots/figures/*.png``."""
    shown = params.read(FiguresParams, "figures")
    scales = params.read(Scales, "noise").names
    levels = params.read(Levels, "denoise").levels
    plots = Path("plots")
    copies = {scale: splits.load(Path("data/noisy") / scale, "test").images[: shown.digits] for scale in scales}
    made = {name: np.load(Path("data") / name / "images.npy", allow_pickle=False) for name in ("denoise", "synthesize")}
    helps = tables.read_json(Path("metrics/summary.json"))["denoise"]["helps"]
    names = ["accuracy_intervals", "confusion", "curves", "denoise", "denoise_control", "limit", "new_digits"]
    names += ["transfer", "weight_decay_intervals", "what_helps"]
    table = {name: tables.read_csv(plots / f"{name}.csv") for name in names}

    figures = {
        "noisy_images": charts.noisy_images(copies),
        "accuracy_by_scale": charts.accuracy_by_scale(table["accuracy_intervals"], table["limit"]),
        "curves": charts.curves(table["curves"]),
        "with_and_without_noise": charts.with_and_without_noise(table["curves"], shown.scale),
        "transfer": charts.transfer(table["transfer"]),
        "confusion": charts.confusion(table["confusion"], shown.scale),
        "weight_decay": study_charts.weight_decay(table["weight_decay_intervals"]),
        "denoise": study_charts.denoise(table["denoise"], table["denoise_control"], helps),
        "denoised_images": study_charts.denoised_images(levels, made["denoise"]),
        "new_digits": study_charts.new_digits(made["synthesize"], table["new_digits"]),
        "what_helps": study_charts.what_helps(table["what_helps"]),
    }
    with files.replacing(plots / "figures") as folder:
        folder.mkdir()
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png")


if __name__ == "__main__":
    run(main)
