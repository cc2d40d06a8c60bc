"""Keras models: built from params, written so that equal models give equal bytes, loaded in safe mode."""

import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.core.errors import UserError
from noisy_mnist.data.splits import CLASSES, IMAGE_SHAPE, scaled, take
from noisy_mnist.learning.backend import keras
from noisy_mnist.learning.params import Conv, Dense, Dropout, ModelParams, OptimizerParams

OPTIMIZERS = {
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}
# The earliest date that a ZIP archive can hold.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
PREDICT_BATCH = 500


def classifier(params: ModelParams, precision: str, mean: float = 0, std: float = 1) -> keras.Model:
    """Return the untrained, uncompiled network of an entry of ``models``.

    It maps images (n, 28, 28) to class probabilities (n, 10), float32. Its initial weights come from Keras' global
    generator: seed that first. ``precision`` is a Keras dtype policy. mean, std: of the pixels of the training images,
    for a network that standardises its input.
    """
    kernel = keras.regularizers.L2(params.kernel_l2) if params.kernel_l2 else None
    activity = keras.regularizers.L2(params.activity_l2) if params.activity_l2 else None  # Keras averages over a batch
    layers = keras.layers
    stack: list[Any] = [keras.Input(IMAGE_SHAPE, name="images")]
    if params.standardise:
        stack.append(layers.Rescaling(1 / std, -mean / std, name="standardise", dtype="float32"))
    if any(isinstance(layer, Conv) for layer in params.layers):
        stack.append(layers.Reshape((*IMAGE_SHAPE, 1), name="channel", dtype=precision))
    flat = False
    for index, layer in enumerate(params.layers):
        match layer:
            case Conv(conv=filters, kernel=side, stride=stride, pool=pool, batch_norm=batch_norm):
                conv = {"strides": stride, "use_bias": not batch_norm, "kernel_regularizer": kernel, "dtype": precision}
                stack.append(layers.Conv2D(filters, side, name=f"conv_{index}", **conv))
                if pool > 1:
                    stack.append(layers.MaxPooling2D(pool, name=f"pool_{index}", dtype=precision))
                if batch_norm:
                    stack.append(layers.BatchNormalization(name=f"batch_norm_{index}", dtype=precision))
                stack.append(layers.ReLU(name=f"relu_{index}", activity_regularizer=activity, dtype=precision))
            case Dropout(dropout=rate):
                stack.append(layers.Dropout(rate, name=f"dropout_{index}", dtype=precision))
            case Dense(dense=units):
                if not flat:
                    stack.append(layers.Flatten(name="flatten", dtype=precision))
                    flat = True
                dense = {"kernel_regularizer": kernel, "activity_regularizer": activity, "dtype": precision}
                stack.append(layers.Dense(units, activation="relu", name=f"dense_{index}", **dense))
    if not flat:
        stack.append(layers.Flatten(name="flatten", dtype=precision))
    # The softmax is computed in float32 under every policy: bfloat16 keeps only three digits of a probability.
    last = layers.Dense(CLASSES, activation="softmax", kernel_regularizer=kernel, name="probabilities", dtype="float32")
    return keras.Sequential([*stack, last], name="classifier")


def optimizer(params: OptimizerParams, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer for ``steps`` updates in total; ``cosine`` decays the learning rate to 0 at the last."""
    rate = params.learning_rate
    if params.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
    return OPTIMIZERS[params.optimizer](learning_rate=rate)


def save(model: keras.Model, path: Path) -> None:
    """Write ``model`` as ``.keras`` without dates and addresses, so that equal models give equal bytes.

    Give ``path`` a temporary name (files.replacing): it is written in place.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "model.keras"
        keras.saving.save_model(model, raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), _reproducible(name, source.read(name)))


def _reproducible(name: str, content: bytes) -> bytes:
    """Return a part of a ``.keras`` file without the date, and with objects numbered instead of named by address."""
    if name == "metadata.json":
        return json.dumps({**json.loads(content), "date_saved": "1980-01-01@00:00:00"}).encode()
    if name == "config.json":
        numbers: dict[bytes, int] = {}
        address = rb'(?<="shared_object_id": )\d+'
        return re.sub(address, lambda match: b"%d" % numbers.setdefault(match[0], len(numbers)), content)
    return content


def load(path: Path) -> keras.Model:
    """Return a model written by ``save``; code inside the file is refused (safe mode).

    Raises UserError if the file is missing, damaged, or not such a model.
    """
    if not path.is_file():
        raise UserError(f"{path} not found: run the stage that writes it with 'dvc repro'")
    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile may raise anything for bytes that are not a model
        problem = f"{type(error).__name__}: {error}"
        raise UserError(f"{path} holds no model of this project ({problem}): delete it and run 'dvc repro'") from None


def predict(model: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return the outputs of ``model``, with dropout off, for images (n, 28, 28), which may be a memory map."""
    starts = range(0, len(images), PREDICT_BATCH)
    batches = (scaled(take(images, slice(start, start + PREDICT_BATCH))) for start in starts)
    return np.concatenate([model.predict_on_batch(batch) for batch in batches])
