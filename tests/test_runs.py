"""Runs: which images a network learns from, what its history is scored on, and how settings that fail are named."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from noisy_mnist.core.errors import UserError
from noisy_mnist.data import copies
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import Split
from noisy_mnist.denoising import autoencoder
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import models, runs
from noisy_mnist.learning.backend import keras
from noisy_mnist.learning.checkpoints import Row
from noisy_mnist.learning.params import ComputeParams, ModelParams, TrainParams
from noisy_mnist.learning.training import FreshNoise

pytestmark = pytest.mark.usefixtures("tensorflow_set_up")
SETTINGS = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 20, "epochs": 1}
DRAW = NoiseParams(kind="gaussian", clip=False, seed=5)
FRESH = FreshNoise(DRAW, 0.5)
COMPUTE = ComputeParams(threads=1)
RNG = np.random.default_rng(0)


def split(count: int) -> Split:
    """Return random images with labels."""
    images = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return Split(images, RNG.integers(0, 10, count).astype(np.uint8))


CLEAN = {"train": split(210), "validation": split(30)}
NOISY = {name: copies.noisy(part, name, DRAW, 0.5) for name, part in CLEAN.items()}
OTHER_CLEAN = Split(255 - CLEAN["train"].images, CLEAN["train"].labels)
OTHER_NOISY = {**NOISY, "train": copies.noisy(OTHER_CLEAN, "train", DRAW, 0.5)}


def settings(precision: str = "float32") -> TrainParams:
    """Return the params that all trainings share."""
    return TrainParams.model_validate({"precision": precision, "curve_images": 50})


def classifier(
    folder: Path,
    fresh: FreshNoise | None,
    noisy: Mapping[str, Split] = NOISY,
    clean: Split = CLEAN["train"],
    train: TrainParams | None = None,
    **changes: Any,
) -> tuple[keras.Model, list[Row]]:
    """Train a small MLP anew and return it with its history."""
    model = ModelParams.model_validate({**SETTINGS, "layers": [{"dense": 8}], **changes})
    checkpoint = folder / "checkpoint.npz"
    checkpoint.unlink(missing_ok=True)
    return runs.classifier("tiny", model, train or settings(), COMPUTE, 0, noisy, clean, fresh, checkpoint)


def weights(*given: Any, **changes: Any) -> NDArray[np.float32]:
    """Return all weights of a classifier after one epoch."""
    return np.concatenate([part.ravel() for part in classifier(*given, **changes)[0].get_weights()])


@pytest.mark.parametrize(("fresh_noise", "fresh"), [(False, None), (False, FRESH), (True, None)])
def test_a_model_learns_from_the_fixed_copy_unless_it_has_fresh_noise_and_there_is_noise_to_draw(
    fresh_noise: bool, fresh: FreshNoise | None, tmp_path: Path
) -> None:
    learned = weights(tmp_path, fresh, fresh_noise=fresh_noise)
    np.testing.assert_array_equal(weights(tmp_path, None, fresh_noise=False), learned)
    np.testing.assert_array_equal(weights(tmp_path, fresh, clean=OTHER_CLEAN, fresh_noise=fresh_noise), learned)
    assert (weights(tmp_path, fresh, noisy=OTHER_NOISY, fresh_noise=fresh_noise) != learned).any()


def test_a_model_with_fresh_noise_learns_from_clean_images_with_the_given_noise(tmp_path: Path) -> None:
    learned = weights(tmp_path, FRESH, fresh_noise=True)
    np.testing.assert_array_equal(weights(tmp_path, FRESH, noisy=OTHER_NOISY, fresh_noise=True), learned)
    assert (weights(tmp_path, FRESH, clean=OTHER_CLEAN, fresh_noise=True) != learned).any()
    for changed in (FreshNoise(DRAW, 0.6), FreshNoise(DRAW.model_copy(update={"seed": 6}), 0.5)):
        assert (weights(tmp_path, changed, fresh_noise=True) != learned).any()


@pytest.mark.parametrize("fresh_noise", [False, True])
def test_history_is_scored_on_the_noisy_copy(fresh_noise: bool, tmp_path: Path) -> None:
    """On ``curve_images`` training images and all validation images, also for a model with fresh noise."""
    model, history = classifier(tmp_path, FRESH, fresh_noise=fresh_noise, epochs=2)
    assert [(row["epoch"], row["split"]) for row in history] == [
        (epoch, name) for epoch in (1, 2) for name in ("train", "validation")
    ]
    for row, part in zip(history[-2:], (NOISY["train"].first(50), NOISY["validation"]), strict=True):
        probabilities = models.predict(model, part.images).astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)  # float32 probabilities sum to 1 only roughly
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(part.labels, probabilities.argmax(axis=1)))
        assert row["loss"] == pytest.approx(metrics.log_loss(part.labels, probabilities, labels=range(10)), rel=1e-5)


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        (None, "float32", "float32"),
        (None, "mixed_bfloat16", "mixed_bfloat16"),
        ("float32", "mixed_bfloat16", "float32"),
        ("mixed_bfloat16", "float32", "mixed_bfloat16"),
    ],
)
def test_a_model_has_its_own_precision_or_that_of_train(
    own: str | None, shared: str, expected: str, tmp_path: Path
) -> None:
    model, _ = classifier(tmp_path, None, train=settings(shared), precision=own)
    assert model.get_layer("dense_0").dtype_policy.name == expected
    assert model.get_layer("probabilities").dtype_policy.name == "float32"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 211}, r"batch_size: found 211\. Expected at most the 210 training images$"),
        ({"optimizer": "sgd", "learning_rate": 1e30}, r"learning_rate: found 1e\+30\. .*after epoch 1 the loss is NaN"),
    ],
)
def test_a_setting_that_does_not_work_is_named_with_its_section(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"^params\.yaml: models\.tiny\.{message}"):
        classifier(tmp_path, None, **changes)


def test_a_setting_of_the_autoencoder_is_named_with_its_section(tmp_path: Path) -> None:
    changed = {**SETTINGS, "batch_size": 211, "encoder": [6], "decoder": [], "seed": 0}
    network = AutoencoderParams.model_validate(changed)
    with pytest.raises(UserError, match=r"^params\.yaml: autoencoder\.batch_size: found 211\. .*at most the 210"):
        autoencoder.train(network, settings(), COMPUTE, CLEAN, NOISY, FRESH, tmp_path / "checkpoint.npz")


def test_progress_outside_a_terminal_is_a_line_per_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, history = classifier(tmp_path, None, epochs=2)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    assert all(re.search(r", \d+\.\d\d s$", line) for line in lines)
    assert [line.rpartition(", ")[0] for line in lines] == [
        f"epoch {epoch}/2: "
        + ", ".join(
            f"{row['split']} accuracy {row['accuracy']:.4f} loss {row['loss']:.4f}"
            for row in history
            if row["epoch"] == epoch
        )
        for epoch in (1, 2)
    ]
