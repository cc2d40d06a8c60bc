"""The entry point of every training: from sections of params.yaml to a trained network, with progress shown."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from noisy_mnist.core.errors import UserError
from noisy_mnist.data.splits import Split, moments
from noisy_mnist.learning import models, progress
from noisy_mnist.learning.backend import keras
from noisy_mnist.learning.checkpoints import Row
from noisy_mnist.learning.params import ComputeParams, ModelParams, TrainParams
from noisy_mnist.learning.training import Curve, FreshNoise, SettingError, Training, fit, labelled


def classifier(
    name: str,
    model: ModelParams,
    train: TrainParams,
    compute: ComputeParams,
    seed: int,
    noisy: Mapping[str, Split],
    clean: Split,
    fresh: FreshNoise | None,
    checkpoint: Path,
) -> tuple[keras.Model, list[Row]]:
    """Train the entry ``name`` of ``models`` and return it with its history; see training.fit.

    noisy: one noisy copy of the splits train and validation; the history is scored on it. A model without fresh noise
    learns from this copy. A model with fresh noise learns from ``clean``, the training images, with new noise from
    ``fresh`` in every epoch. If ``fresh`` is None there is no noise to draw, and all models learn from the copy.
    """
    precision = model.precision or train.precision
    drawn = fresh if model.fresh_noise else None
    pixels = moments(noisy["train"].images) if model.standardise else ()
    training = Training(
        settings=model,
        build=partial(models.classifier, model, precision, *pixels),
        precision=precision,
        threads=compute.threads,
        seed=seed,
        examples=labelled(clean if drawn else noisy["train"]),
        fresh=drawn,
    )
    scored = {"train": noisy["train"].first(train.curve_images), "validation": noisy["validation"]}
    return run(f"models.{name}", training, {name: labelled(split) for name, split in scored.items()}, checkpoint)


def run(section: str, training: Training, curve: Curve, checkpoint: Path) -> tuple[keras.Model, list[Row]]:
    """Train a network described by a section of params.yaml and show its progress; see training.fit.

    Raises UserError naming the key if a setting does not work.
    """
    try:
        with progress.epochs(training.settings.epochs) as report:
            return fit(training, curve, checkpoint, report)
    except SettingError as error:
        raise UserError(f"params.yaml: {section}.{error}") from None
