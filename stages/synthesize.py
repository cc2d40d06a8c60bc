"""Make new digits with the autoencoder's decoder, and let the classifier read them."""

from pathlib import Path

import numpy as np
import pandas as pd

from noisy_mnist import files, models, params, scores, splits, synthesis, tables
from noisy_mnist.params.denoise import SynthesizeParams
from noisy_mnist.params.train import ComputeParams
from noisy_mnist.stage import run

SHOWN = 10


def main(classifier_name: str, seed: str) -> None:
    """Read ``data/clean``, autoencoder and classifier, write ``data/synthesize``.

    Its files: ``scores.csv``, and ``images.npy``, the first new digits of each class from codes of its own and from
    noise, float16 (2, 10, SHOWN, 28, 28).
    """
    asked = params.read(SynthesizeParams, "synthesize")
    models.set_up(params.read(ComputeParams, "train"))
    autoencoder = models.load(Path("models/autoencoder.keras"))
    classifier = models.load(Path("models") / classifier_name / f"0-{seed}.keras")
    train, test = (splits.load(Path("data/clean"), name) for name in ("train", "test"))
    decoder = autoencoder.get_layer("decoder")

    codes = models.predict(autoencoder.get_layer("encoder"), train.images)
    intended = np.arange(splits.CLASSES, dtype=np.uint8).repeat(asked.digits)
    drawn = synthesis.by_class(codes, train.labels, asked.digits, asked.seed)
    control = synthesis.noise(codes.shape[1], len(intended), asked.seed)
    made = {"new": models.predict(decoder, drawn), "from_noise": models.predict(decoder, control)}

    rows = []
    wanted = {**{name: (images, intended) for name, images in made.items()}, "test": (test.images, test.labels)}
    for name, (images, labels) in wanted.items():
        read = models.predict(classifier, images)
        spread = synthesis.diversity(splits.scaled(images), labels)
        share = scores.accuracy(read, labels)
        confidence = float(read.max(axis=1).mean(dtype=np.float64))
        rows.append(
            {"images": name, "n": len(labels), "intended": share, "confidence": confidence, "diversity": spread}
        )

    with files.replacing(Path("data/synthesize")) as folder:
        folder.mkdir()
        tables.write_csv(folder / "scores.csv", pd.DataFrame(rows))
        shown = [images.reshape(splits.CLASSES, -1, 28, 28)[:, :SHOWN] for images in made.values()]
        np.save(folder / "images.npy", np.array(shown, np.float16), allow_pickle=False)


if __name__ == "__main__":
    run(main)
