"""Keras models: built from params, written so that equal models are equal bytes, loaded in safe mode."""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from noisy_mnist.params.models import Conv, Dense, Dropout, ModelParams, Pool
from noisy_mnist.params.train import ComputeParams
from noisy_mnist.splits import CLASSES, IMAGE_SHAPE, take

OPTIMIZERS = {
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}
# A ZIP archive holds no earlier date.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
PREDICT_BATCH = 500


def set_up(compute: ComputeParams) -> None:
    """Prepare TensorFlow, before its first use, to give the same bytes each time.

    compute.threads: threads of one operation. Operations that do not need each other's results still run side by
    side, which changes no byte.
    """
    tf.config.threading.set_intra_op_parallelism_threads(compute.threads)
    tf.config.experimental.enable_op_determinism()
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def build(params: ModelParams, precision: str) -> keras.Model:
    """Return the untrained, uncompiled model: images (n, 28, 28) to class probabilities (n, 10) in float32.

    Its initial weights come from Keras' global generator: seed it first. ``precision`` is a Keras dtype policy.
    """
    stack: list[layers.Layer] = [keras.Input(IMAGE_SHAPE, name="images")]
    if any(isinstance(layer, Conv | Pool) for layer in params.layers):
        stack.append(layers.Reshape((*IMAGE_SHAPE, 1), name="channel", dtype=precision))
    flat = False
    for index, layer in enumerate(params.layers):
        match layer:
            case Conv(conv=filters, kernel=kernel, batch_norm=batch_norm):
                stack.append(
                    layers.Conv2D(filters, kernel, use_bias=not batch_norm, name=f"conv_{index}", dtype=precision)
                )
                if batch_norm:
                    stack.append(layers.BatchNormalization(name=f"batch_norm_{index}", dtype=precision))
                stack.append(layers.ReLU(name=f"relu_{index}", dtype=precision))
            case Pool(pool=side):
                stack.append(layers.MaxPooling2D(side, name=f"pool_{index}", dtype=precision))
            case Dropout(dropout=rate):
                stack.append(layers.Dropout(rate, name=f"dropout_{index}", dtype=precision))
            case Dense(dense=units):
                if not flat:
                    stack.append(layers.Flatten(name="flatten", dtype=precision))
                    flat = True
                stack.append(layers.Dense(units, activation="relu", name=f"dense_{index}", dtype=precision))
    if not flat:
        stack.append(layers.Flatten(name="flatten", dtype=precision))
    # The softmax is computed in float32 under every policy: bfloat16 keeps only three digits of a probability.
    stack.append(layers.Dense(CLASSES, activation="softmax", name="probabilities", dtype="float32"))
    return keras.Sequential(stack, name="classifier")


def optimizer(params: ModelParams, steps: int) -> keras.optimizers.Optimizer:
    """Return the optimizer for a training of ``steps`` updates in all; ``cosine`` decays its rate to 0 at the last."""
    rate = params.learning_rate
    if params.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
    return OPTIMIZERS[params.optimizer](learning_rate=rate)


def save(model: keras.Model, path: Path) -> None:
    """Write ``model`` as ``.keras`` without the date that Keras puts into it: equal models give equal bytes.

    Give ``path`` a temporary name (files.replacing): it is written in place.
    """
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "model.keras"
        keras.saving.save_model(model, dated)
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                content = source.read(name)
                if name == "metadata.json":
                    content = json.dumps({**json.loads(content), "date_saved": "1980-01-01@00:00:00"}).encode()
                target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), content)


def load(path: Path) -> keras.Model:
    """Return a model written by ``save``; code inside the file is refused (safe mode)."""
    return keras.saving.load_model(path, safe_mode=True)


def predict(model: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return class probabilities (n, 10) of images (n, 28, 28), which may be a memory map, with dropout off."""
    starts = range(0, len(images), PREDICT_BATCH)
    batches = (take(images, slice(start, start + PREDICT_BATCH)).astype(np.float32) for start in starts)
    return np.concatenate([model.predict_on_batch(batch) for batch in batches])
