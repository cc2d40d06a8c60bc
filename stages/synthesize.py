"""Generate new digits with the autoencoder's decoder, and classify them."""

from pathlib import Path

import numpy as np
import pandas as pd

from noisy_mnist import synthesis
from noisy_mnist.core import files, params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import splits
from noisy_mnist.learning import backend, models
from noisy_mnist.learning.params import ComputeParams


def main(classifier: str, seed: str) -> None:
    """Read ``data/clean``, autoencoder and classifier, write ``data/synthesize``: ``scores.csv``, ``images.npy``.

    The images are the first ten digits of each class, from new codes and from noise: float16 (2, 10, 10, 28, 28).
    """
    asked = params.read(synthesis.SynthesizeParams, "synthesize")
    backend.set_up(params.read(ComputeParams, "compute").threads)
    autoencoder = models.load(Path("models/autoencoder.keras"))
    model = models.load(Path(f"models/{classifier}/0-{seed}.keras"))
    train, test = (splits.load(Path("data/clean"), split) for split in ("train", "test"))

    codes = models.predict(autoencoder.get_layer("encoder"), train.images)
    drawn = synthesis.codes(codes, train.labels, asked)
    digits = {name: models.predict(autoencoder.get_layer("decoder"), part) for name, part in drawn.items()}
    intended = np.arange(splits.CLASSES, dtype=np.uint8).repeat(asked.digits)
    wanted = {**{name: splits.Split(images, intended) for name, images in digits.items()}, "test": test}
    rows = [synthesis.score(name, part, models.predict(model, part.images)) for name, part in wanted.items()]

    with files.replacing(Path("data/synthesize")) as folder:
        folder.mkdir()
        tables.write_csv(folder / "scores.csv", pd.DataFrame(rows))
        shown = [images.reshape(splits.CLASSES, -1, 28, 28)[:, :10] for images in digits.values()]
        np.save(folder / "images.npy", np.array(shown, np.float16), allow_pickle=False)


if __name__ == "__main__":
    run(main)
