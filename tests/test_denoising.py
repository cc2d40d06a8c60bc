"""What denoising does to images and to accuracy, and what its autoencoder learns from."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn import metrics

from noisy_mnist.data import copies
from noisy_mnist.data.noise import BLOCK, blocks
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import SPLITS, Split
from noisy_mnist.denoising import autoencoder, levels, quality
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import models
from noisy_mnist.learning.backend import keras
from noisy_mnist.learning.checkpoints import Row
from noisy_mnist.learning.params import ComputeParams, TrainParams
from noisy_mnist.learning.training import FreshNoise


@pytest.fixture
def pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return increasingly noisy copies of five images, and the images, all in [0, 1]."""
    rng = np.random.default_rng(0)
    clean = rng.random((5, 28, 28), dtype=np.float32)
    added = rng.normal(size=clean.shape) * np.linspace(0.1, 0.9, 5)[:, None, None]
    return (clean + added).clip(0, 1).astype(np.float32), clean


def test_psnr_is_that_of_the_mean_square_over_all_images(
    pair: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    images, clean = pair
    expected = -10 * np.log10(np.mean((images.astype(np.float64) - clean) ** 2))
    assert quality.psnr(images, clean) == pytest.approx(expected)
    assert quality.psnr(clean, clean) is None


def test_ssim_is_the_mean_over_images_one_by_one(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    images, clean = pair
    one_by_one = [structural_similarity(x, y, data_range=1) for x, y in zip(clean, images, strict=True)]
    assert quality.ssim(images, clean) == pytest.approx(np.mean(one_by_one), abs=1e-5)
    assert quality.ssim(clean, clean) == pytest.approx(1)


def test_gain_is_the_mean_of_paired_differences_with_its_normal_interval() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300, dtype=np.uint8)
    before = rng.dirichlet(np.ones(10), 300).astype(np.float32)
    after = (before + 0.3 * np.eye(10, dtype=np.float32)[labels]).astype(np.float32)
    difference = (after.argmax(axis=1) == labels).astype(int) - (before.argmax(axis=1) == labels)
    low, high = stats.norm.interval(0.95, difference.mean(), stats.sem(difference))
    assert quality.gain(before, after, labels) == pytest.approx(((high + low) / 2, (high - low) / 2))
    assert quality.gain(after, before, labels)[0] == pytest.approx(-difference.mean())
    assert quality.gain(before, before, labels) == (0, 0)


def test_noisy_copies_have_the_noise_that_blocks_draws() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BLOCK + 3, 28, 28), dtype=np.uint8)
    clean = Split(images, rng.integers(0, 10, len(images), dtype=np.uint8))
    draw = quality.salt_and_pepper(4)
    drawn = {name: copies.noisy(clean, name, draw, 0.5) for name in SPLITS}
    for position, (name, copy) in enumerate(drawn.items()):
        expected = np.concatenate(list(blocks(images, "salt_and_pepper", 0.5, False, 4, position)))
        np.testing.assert_array_equal(copy.images, expected, name)
        assert copy.images.dtype == np.float16
        np.testing.assert_array_equal(copy.labels, clean.labels)
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert (drawn[one].images != drawn[other].images).mean() > 0.4


def test_noise_of_the_denoising_study_is_salt_and_pepper() -> None:
    assert quality.salt_and_pepper(7).model_dump() == {"kind": "salt_and_pepper", "clip": False, "seed": 7}


class Inverting:
    """An autoencoder that returns 1 minus each pixel."""

    def predict_on_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the images inverted."""
        return 1 - images


class ByBrightness:
    """A classifier that takes the mean of an image, in tenths, as its digit."""

    def predict_on_batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities."""
        digits = (images.mean(axis=(1, 2)) * 10).astype(int).clip(0, 9)
        return (np.eye(10, dtype=np.float32) * np.float32(0.9) + np.float32(0.01))[digits]


@pytest.mark.parametrize("level", [0, 0.05, 1 / 3])
def test_a_level_is_scored_on_noisy_and_on_denoised_images(level: float) -> None:
    rng = np.random.default_rng(0)
    labels = (np.arange(120) % 10).astype(np.uint8)
    brightness = labels * 20 + rng.integers(0, 40, 120)  # sometimes the digit, sometimes not
    test = Split(np.broadcast_to(brightness[:, None, None], (120, 28, 28)).astype(np.uint8), labels)
    draw = quality.salt_and_pepper(3)
    rows, gain, images = levels.compare(level, test, draw, Inverting(), ByBrightness())

    noisy = copies.noisy(test, "test", draw, level).images
    expected = [noisy, 1 - noisy.astype(np.float32)]
    clean = (test.images / 255).astype(np.float16).astype(np.float64)
    right = []
    for row, shown, wanted, name in zip(rows, images, expected, ("noisy", "denoised"), strict=True):
        np.testing.assert_array_equal(shown, wanted)
        found = ByBrightness().predict_on_batch(wanted.astype(np.float32)).argmax(axis=1)
        right.append((found == labels).astype(int))
        assert list(row) == ["level", "images", "accuracy", "macro_recall", "psnr", "ssim", "n"]
        assert (row["level"], row["images"], row["n"]) == (f"{level:g}", name, 120)
        assert row["accuracy"] == metrics.accuracy_score(labels, found)
        assert row["macro_recall"] == pytest.approx(metrics.recall_score(labels, found, average="macro"))
        pairs = zip(clean, wanted.astype(np.float64), strict=True)
        one_by_one = [structural_similarity(x, y, data_range=1) for x, y in pairs]
        assert row["ssim"] == pytest.approx(np.mean(one_by_one), abs=1e-4)
        if level or name == "denoised":
            wanted_psnr = peak_signal_noise_ratio(clean, wanted.astype(np.float64), data_range=1)
            assert row["psnr"] == pytest.approx(wanted_psnr, rel=1e-5)
        else:
            assert row["psnr"] is None  # these are the clean images
    assert right[0].mean() > 0.2
    difference = right[1] - right[0]
    assert list(gain) == ["level", "gain", "ci95"]
    assert gain["level"] == f"{level:g}"
    assert gain["gain"] == pytest.approx(difference.mean())
    low, high = stats.norm.interval(0.95, difference.mean(), stats.sem(difference))
    assert gain["ci95"] == pytest.approx((high - low) / 2)


RNG = np.random.default_rng(1)
CLEAN = {
    name: Split(RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.zeros(count, np.uint8))
    for name, count in (("train", 80), ("validation", 30))
}
DRAW = NoiseParams(kind="salt_and_pepper", clip=False, seed=2)
NOISY = {name: copies.noisy(part, name, DRAW, 0.3) for name, part in CLEAN.items()}


def trained(
    folder: Path,
    clean: dict[str, Split] = CLEAN,
    noisy: dict[str, Split] = NOISY,
    fresh: FreshNoise | None = None,
) -> tuple[keras.Model, list[Row]]:
    """Train a small autoencoder anew for two epochs and return it with its history."""
    settings = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 20, "epochs": 2, "seed": 0}
    params = AutoencoderParams.model_validate({**settings, "encoder": [12, 6], "decoder": [12]})
    train = TrainParams(precision="float32", curve_images=50)
    checkpoint = folder / "checkpoint.npz"
    checkpoint.unlink(missing_ok=True)
    return autoencoder.train(params, train, ComputeParams(threads=1), clean, noisy, fresh, checkpoint)


def weights(*given: Path, **changes: object) -> NDArray[np.float32]:
    """Return all weights of an autoencoder after two epochs."""
    return np.concatenate([part.ravel() for part in trained(*given, **changes)[0].get_weights()])


@pytest.mark.usefixtures("tensorflow_set_up")
@pytest.mark.parametrize("fresh", [None, FreshNoise(DRAW, 0.3)])
def test_autoencoder_learns_from_clean_images_and_fresh_noise_alone(fresh: FreshNoise | None, tmp_path: Path) -> None:
    learned = weights(tmp_path, fresh=fresh)
    others = {name: Split(255 - part.images, part.labels) for name, part in CLEAN.items()}
    np.testing.assert_array_equal(weights(tmp_path, noisy=others, fresh=fresh), learned)
    np.testing.assert_array_equal(weights(tmp_path, clean={**others, "train": CLEAN["train"]}, fresh=fresh), learned)
    assert (weights(tmp_path, clean={**CLEAN, "train": others["train"]}, fresh=fresh) != learned).any()
    assert (weights(tmp_path, fresh=FreshNoise(DRAW, 0.4)) != learned).any()


@pytest.mark.usefixtures("tensorflow_set_up")
def test_history_of_the_autoencoder_is_scored_on_the_noisy_images(tmp_path: Path) -> None:
    model, history = trained(tmp_path, fresh=FreshNoise(DRAW, 0.3))
    assert [(row["epoch"], row["split"]) for row in history] == [
        (epoch, name) for epoch in (1, 2) for name in ("train", "validation")
    ]
    for row, count in zip(history[-2:], (50, 30), strict=True):
        assert list(row) == ["epoch", "split", "loss"]
        clean, noisy = (part[row["split"]].images[:count] for part in (CLEAN, NOISY))
        restored = models.predict(model, noisy)
        assert row["loss"] == pytest.approx(float(keras.losses.BinaryCrossentropy()(clean / 255, restored)), rel=1e-5)
