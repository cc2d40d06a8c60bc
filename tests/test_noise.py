"""Properties of the noise: its distribution, its bounds, and what its random numbers depend on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from noisy_mnist.data import noise
from noisy_mnist.data.noise import BLOCK

N = 3 * BLOCK + 7


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Return random grey images (N, 28, 28)."""
    return np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)


def draw(images: NDArray[np.uint8], kind: str, scale: float, clip: bool = False, **key: int) -> NDArray[np.float64]:
    """Return all noisy images as float64, so that their differences are exact."""
    key = {"seed": 0, "split": 0} | key
    return np.concatenate(list(noise.blocks(images, kind, scale, clip, **key))).astype(np.float64)


@pytest.mark.parametrize("kind", noise.KINDS)
def test_scale_zero_is_the_clean_image(images: NDArray[np.uint8], kind: str) -> None:
    np.testing.assert_array_equal(draw(images, kind, 0), (images / np.float32(255)).astype(np.float16))


@pytest.mark.parametrize("scale", [0.1, 0.5, 4])
def test_gaussian_has_mean_zero_and_the_scale_as_deviation(images: NDArray[np.uint8], scale: float) -> None:
    added = draw(images, "gaussian", scale) - images / 255
    count = added.size
    assert abs(added.mean()) < 5 * scale / np.sqrt(count)  # five standard errors
    assert added.var() == pytest.approx(scale**2, rel=5 * np.sqrt(2 / count) + 1e-5)
    assert ((added / scale) ** 4).mean() == pytest.approx(3, rel=0.02)  # a normal distribution's kurtosis


def test_gaussian_draws_each_pixel_by_itself(images: NDArray[np.uint8]) -> None:
    added = (draw(images, "gaussian", 1) - images / 255).reshape(N, -1)
    assert added.std(axis=1).min() > 0.85  # one number for a whole image would give 0
    for lag in (1, 28):
        pairs = np.corrcoef(added[:, :-lag].ravel(), added[:, lag:].ravel())[0, 1]
        assert abs(pairs) < 5 / np.sqrt(added.size)
    between_images = np.corrcoef(added[:-1].ravel(), added[1:].ravel())[0, 1]
    assert abs(between_images) < 5 / np.sqrt(added.size)


def test_one_draw_serves_every_scale(images: NDArray[np.uint8]) -> None:
    clean = images / 255
    small, large = (draw(images, "gaussian", scale) - clean for scale in (0.5, 2))
    np.testing.assert_allclose(small * 4, large, atol=0.02)  # float16 rounds values near 8 by up to 0.004
    few, many = (draw(images, "salt_and_pepper", scale) for scale in (0.2, 0.6))
    replaced = few != clean.astype(np.float32).astype(np.float16)
    np.testing.assert_array_equal(few[replaced], many[replaced])


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.4, 0.95, 1.0])
def test_salt_and_pepper_replaces_the_given_share_of_pixels(scale: float) -> None:
    grey = np.full((N, 28, 28), 100, np.uint8)
    noisy = draw(grey, "salt_and_pepper", scale)
    replaced = noisy != noisy.dtype.type(np.float16(np.float32(100) / np.float32(255)))
    assert abs(replaced.mean() - scale) <= 5 * np.sqrt(scale * (1 - scale) / noisy.size)  # exact at 0 and at 1
    assert set(np.unique(noisy[replaced])) <= {0.0, 1.0}
    drawn = np.concatenate(
        [
            noise.generator(0, 0, block).integers(0, 2**32, (len(grey[start : start + BLOCK]), 28, 28), dtype=np.uint32)
            for block, start in enumerate(range(0, N, BLOCK))
        ]
    )
    np.testing.assert_array_equal(replaced, drawn // 2 < round(scale * 2**31))
    np.testing.assert_array_equal(noisy[replaced], (drawn % 2)[replaced])
    if scale:
        salt = noisy[replaced].mean()
        assert abs(salt - 0.5) < 5 * np.sqrt(0.25 / replaced.sum())


@pytest.mark.parametrize("kind", noise.KINDS)
def test_clip_bounds(images: NDArray[np.uint8], kind: str) -> None:
    free, clipped = (draw(images, kind, 1, clip) for clip in (False, True))
    np.testing.assert_array_equal(clipped, free.clip(0, 1))


@pytest.mark.parametrize("kind", noise.KINDS)
def test_same_key_same_bytes_and_other_key_other_draw(images: NDArray[np.uint8], kind: str) -> None:
    first = draw(images, kind, 1)
    np.testing.assert_array_equal(first, draw(images, kind, 1))
    for other in ({"seed": 1}, {"split": 1}):
        assert (draw(images, kind, 1, **other) != first).mean() > 0.4


@pytest.mark.parametrize("kind", noise.KINDS)
def test_draw_depends_on_position_only(images: NDArray[np.uint8], kind: str) -> None:
    """Neither appended images nor other images before it change the draw at a position."""
    short = BLOCK + 3
    np.testing.assert_array_equal(draw(images[:short], kind, 0.5), draw(images, kind, 0.5)[:short])
    others = images.copy()
    others[: N // 2] = 0
    np.testing.assert_array_equal(draw(others, kind, 0.5)[N // 2 :], draw(images, kind, 0.5)[N // 2 :])


def test_rounding_to_the_stored_type_is_as_documented() -> None:
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32) * 4
    error = np.abs(values - values.astype(noise.STORED).astype(np.float32))
    assert (error <= np.abs(values) * 2.0**-11 + 2.0**-25).all()
    assert len(np.unique((np.arange(256) / np.float32(255)).astype(noise.STORED))) == 256
