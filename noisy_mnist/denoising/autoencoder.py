"""The denoising autoencoder: its network and its training."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from noisy_mnist.data.splits import IMAGE_SHAPE, Split
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import runs
from noisy_mnist.learning.backend import keras
from noisy_mnist.learning.checkpoints import Row
from noisy_mnist.learning.params import ComputeParams, TrainParams
from noisy_mnist.learning.training import Examples, FreshNoise, Training


def build(params: AutoencoderParams, precision: str) -> keras.Model:
    """Return the untrained, uncompiled network; its parts ``encoder`` and ``decoder`` can be used alone.

    It maps images (n, 28, 28) to clean images (n, 28, 28) in [0, 1], float32. Its initial weights come from Keras'
    global generator: seed that first. ``precision`` is a Keras dtype policy.
    """
    layers = keras.layers
    encoder = [keras.Input(IMAGE_SHAPE, name="images"), layers.Flatten(name="flatten", dtype=precision)]
    for index, units in enumerate(params.encoder):
        encoder.append(layers.Dense(units, activation="relu", name=f"dense_{index}", dtype=precision))
    decoder = [keras.Input((params.encoder[-1],), name="code")]
    for index, units in enumerate(params.decoder):
        decoder.append(layers.Dense(units, activation="relu", name=f"dense_{index}", dtype=precision))
    decoder.append(layers.Dense(math.prod(IMAGE_SHAPE), activation="sigmoid", name="pixels", dtype="float32"))
    decoder.append(layers.Reshape(IMAGE_SHAPE, name="clean", dtype="float32"))
    parts = [keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")]
    return keras.Sequential([keras.Input(IMAGE_SHAPE, name="images"), *parts], name="autoencoder")


def train(
    params: AutoencoderParams,
    settings: TrainParams,
    compute: ComputeParams,
    clean: Mapping[str, Split],
    noisy: Mapping[str, Split],
    fresh: FreshNoise | None,
    checkpoint: Path,
) -> tuple[keras.Model, list[Row]]:
    """Train an autoencoder to map images with fresh noise to clean ones; see training.fit.

    clean, noisy: the splits train and validation; the noisy ones are used only for the history. fresh: None if there is
    no noise to draw.
    """
    training = Training(
        settings=params,
        build=partial(build, params, settings.precision),
        precision=settings.precision,
        threads=compute.threads,
        seed=params.seed,
        examples=Examples(clean["train"].images, clean["train"].images),
        fresh=fresh,
    )
    first = slice(settings.curve_images)
    curve = {
        "train": Examples(noisy["train"].images[first], clean["train"].images[first]),
        "validation": Examples(noisy["validation"].images, clean["validation"].images),
    }
    return runs.run("autoencoder", training, curve, checkpoint)
