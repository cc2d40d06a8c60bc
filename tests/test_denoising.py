"""What denoising does to images and to accuracy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from skimage.metrics import structural_similarity

from noisy_mnist import denoising, noise
from noisy_mnist.splits import SPLITS, Split


@pytest.fixture
def pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return five images and noisier and noisier copies of them, all in [0, 1]."""
    rng = np.random.default_rng(0)
    clean = rng.random((5, 28, 28), dtype=np.float32)
    added = rng.normal(size=clean.shape) * np.linspace(0.1, 0.9, 5)[:, None, None]
    return (clean + added).clip(0, 1).astype(np.float32), clean


def test_psnr_is_that_of_the_mean_square_over_all_images(
    pair: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    images, clean = pair
    expected = -10 * np.log10(np.mean((images.astype(np.float64) - clean) ** 2))
    assert denoising.psnr(images, clean) == pytest.approx(expected)
    assert denoising.psnr(clean, clean) is None


def test_ssim_is_the_mean_over_images_one_by_one(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    images, clean = pair
    one_by_one = [structural_similarity(x, y, data_range=1) for x, y in zip(clean, images, strict=True)]
    assert denoising.ssim(images, clean) == pytest.approx(np.mean(one_by_one), abs=1e-5)
    assert denoising.ssim(clean, clean) == pytest.approx(1)


def test_gain_is_the_mean_of_paired_differences_with_its_normal_interval() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300, dtype=np.uint8)
    before = rng.dirichlet(np.ones(10), 300).astype(np.float32)
    after = (before + 0.3 * np.eye(10, dtype=np.float32)[labels]).astype(np.float32)
    difference = (after.argmax(axis=1) == labels).astype(int) - (before.argmax(axis=1) == labels)
    low, high = stats.norm.interval(0.95, difference.mean(), stats.sem(difference))
    assert denoising.gain(before, after, labels) == pytest.approx(((high + low) / 2, (high - low) / 2))
    assert denoising.gain(after, before, labels)[0] == pytest.approx(-difference.mean())
    assert denoising.gain(before, before, labels) == (0, 0)


def test_noisy_copies_are_those_of_the_noise_on_files() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (noise.BLOCK + 3, 28, 28), dtype=np.uint8)
    clean = Split(images, rng.integers(0, 10, len(images), dtype=np.uint8))
    draw = denoising.salt_and_pepper(4)
    copies = {name: denoising.noisy_copy(clean, name, draw, 0.5) for name in SPLITS}
    for position, (name, copy) in enumerate(copies.items()):
        expected = np.concatenate(list(noise.blocks(images, "salt_and_pepper", 0.5, False, 4, position)))
        np.testing.assert_array_equal(copy.images, expected, name)
        assert copy.images.dtype == np.float16
        np.testing.assert_array_equal(copy.labels, clean.labels)
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert (copies[one].images != copies[other].images).mean() > 0.4


def test_noise_of_the_denoising_study_is_salt_and_pepper() -> None:
    assert denoising.salt_and_pepper(7).model_dump() == {"kind": "salt_and_pepper", "clip": False, "seed": 7}
