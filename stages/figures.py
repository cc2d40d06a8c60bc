"""Draw the figures of the README from the tables in ``plots`` and a few noisy images."""

from pathlib import Path

from noisy_mnist import charts, files, params, splits, tables
from noisy_mnist.params.grid import FiguresParams, Scales
from noisy_mnist.stage import run


def main() -> None:
    """Read ``plots/*.csv`` and the first test images at each scale, write ``plots/figures/*.png``."""
    shown = params.read(FiguresParams, "figures")
    scales = params.read(Scales, "noise").names
    plots = Path("plots")
    copies = {scale: splits.load(Path("data/noisy") / scale, "test").images[: shown.digits] for scale in scales}
    curves = tables.read_csv(plots / "curves.csv")

    figures = {
        "noisy_images": charts.noisy_images(copies),
        "accuracy_by_scale": charts.accuracy_by_scale(tables.read_csv(plots / "accuracy_intervals.csv")),
        "curves": charts.curves(curves),
        "with_and_without_noise": charts.with_and_without_noise(curves, shown.scale),
        "transfer": charts.transfer(tables.read_csv(plots / "transfer.csv")),
        "confusion": charts.confusion(tables.read_csv(plots / "confusion.csv"), shown.scale),
    }
    with files.replacing(plots / "figures") as folder:
        folder.mkdir()
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png")


if __name__ == "__main__":
    run(main)
