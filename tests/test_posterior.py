"""The exact posterior: brute force over all training images, posteriors known by hand, and limiting cases."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats
from sklearn.neighbors import KNeighborsClassifier

from noisy_mnist import posterior
from noisy_mnist.core.errors import UserError
from noisy_mnist.data import noise
from noisy_mnist.data.splits import Split

Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """A kind of noise, clipped or not, and what is known of it from elsewhere.

    log_likelihood: log p(z | x) of each pixel, from noisy and clean pixels and a scale. log_odds: the same of a white
    pixel minus that of a black one, by hand, from noisy pixels and a scale. seen: what the likelihood takes of a pixel.
    strong: a scale at which images are hard to tell apart.
    """

    kind: str
    clip: bool
    log_likelihood: Callable[[Pixels, Pixels, float], Pixels]
    log_odds: Callable[[Pixels, float], Pixels]
    strong: float
    seen: Callable[[Pixels], Pixels] = lambda pixels: pixels

    def __str__(self) -> str:
        """Return its name in the list of tests."""
        return f"{self.kind}{', clipped' * self.clip}"


def clipped_log_likelihood(z: Pixels, x: Pixels, scale: float) -> Pixels:
    """Return that of normal noise clipped to [0, 1]."""
    ends = stats.norm.logcdf(0, x, scale), stats.norm.logsf(1, x, scale)
    return np.select([z <= 0, z >= 1], ends, stats.norm.logpdf(z, x, scale))


def clipped_log_odds(z: Pixels, scale: float) -> Pixels:
    """Return those of normal noise clipped to [0, 1]: at either end, only the tail beyond it counts."""
    tail = stats.norm.logcdf(0) - stats.norm.logcdf(-1 / scale)
    return np.select([z <= 0, z >= 1], [-tail, tail], (z - 0.5) / scale**2)


REFERENCES = [
    Reference("gaussian", False, stats.norm.logpdf, lambda z, scale: (z - 0.5) / scale**2, strong=2),
    Reference("gaussian", True, clipped_log_likelihood, clipped_log_odds, strong=2),
    Reference(
        "salt_and_pepper",
        False,
        lambda z, x, scale: stats.bernoulli.logpmf((z >= 0.5) != (x >= 0.5), scale / 2),
        lambda z, scale: np.where(z >= 0.5, 1, -1) * np.log((1 - scale / 2) / (scale / 2)),
        strong=0.1,
        seen=lambda pixels: pixels >= 0.5,
    ),
]
each_kind = pytest.mark.parametrize("known", REFERENCES, ids=str)


def similar(count: int) -> Split:
    """Return images so similar that noise hides which is which, with some pixels at 0 or 255."""
    rng = np.random.default_rng(0)
    base = rng.integers(-60, 316, (28, 28))
    images = (base + rng.integers(-20, 21, (count, 28, 28))).clip(0, 255).astype(np.uint8)
    return Split(images, rng.integers(0, 10, count, dtype=np.uint8))


def noisy_copy(images: NDArray[np.uint8], known: Reference, scale: float) -> NDArray[np.float16]:
    """Return the images with noise."""
    return noise.add(images, known.kind, scale, known.clip, np.random.default_rng(1))


def found_posterior(noisy: NDArray[np.float16], prior: Split, known: Reference, scale: float) -> NDArray[np.float32]:
    """Return what the project finds."""
    return posterior.posterior(noisy, prior, known.kind, scale, known.clip)


@each_kind
@pytest.mark.parametrize("scale", [0.2, 0.5, 0.9])
def test_posterior_equals_brute_force(known: Reference, scale: float) -> None:
    prior = similar(40)
    noisy = noisy_copy(prior.images[:8], known, scale)
    pairs = noisy.astype(np.float64)[:, np.newaxis], prior.images / 255
    logs = known.log_likelihood(*pairs, scale).sum(axis=(2, 3))
    by_image = special.softmax(logs, axis=1)
    expected = np.stack([by_image[:, prior.labels == digit].sum(axis=1) for digit in range(10)], axis=1)
    np.testing.assert_allclose(found_posterior(noisy, prior, known, scale), expected, atol=1e-3)
    if scale == 0.9:
        assert (expected.max(axis=1) < 0.9).any()  # else the largest term alone would be enough


@each_kind
@pytest.mark.parametrize("extra", [0, 1, 4])
def test_posterior_of_two_images_that_differ_in_one_pixel_equals_the_formula(known: Reference, extra: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8).repeat(2 + extra, axis=0)
    images[0, 9, 9], images[1:, 9, 9] = 0, 255
    prior = Split(images, np.array([3] + [7] * (1 + extra), np.uint8))
    z = np.linspace(-2, 3, 21)  # in steps that float16 represents exactly
    noisy = np.random.default_rng(1).random((21, 28, 28)).astype(np.float16)
    noisy[:, 9, 9] = z
    found = found_posterior(noisy, prior, known, 0.5)
    np.testing.assert_allclose(found[:, 7], special.expit(known.log_odds(z, 0.5) + np.log(1 + extra)), atol=1e-4)
    np.testing.assert_allclose(found[:, 3] + found[:, 7], 1, atol=1e-6)


@each_kind
@pytest.mark.parametrize("scale", [0, 1e-3])
def test_vanishing_noise_gives_the_label_of_the_nearest_image(known: Reference, scale: float) -> None:
    prior = similar(50)
    noisy = noisy_copy(prior.images, known, known.strong)
    pixels = noisy.reshape(50, -1).astype(np.float64), prior.images.reshape(50, -1) / 255
    seen, clean = map(known.seen, pixels)
    nearest = KNeighborsClassifier(1).fit(clean, prior.labels).predict(seen)
    found = found_posterior(noisy, prior, known, scale)
    np.testing.assert_allclose(found, np.eye(10)[nearest], atol=1e-3)


def test_salt_and_pepper_of_every_pixel_leaves_the_shares_of_the_classes() -> None:
    (known,) = (reference for reference in REFERENCES if reference.kind == "salt_and_pepper")
    prior = similar(60)
    shares = np.bincount(prior.labels, minlength=10) / 60
    found = found_posterior(noisy_copy(prior.images[:5], known, 1), prior, known, 1)
    np.testing.assert_allclose(found, [shares] * 5, atol=1e-6)


@each_kind
@pytest.mark.parametrize("pixel", [-50, 0, 0.5, 1, 50])
@pytest.mark.parametrize("scale", [0, 0.1, 1])
def test_rows_sum_to_1_however_far_the_image_is(known: Reference, pixel: float, scale: float) -> None:
    noisy = np.full((2, 28, 28), pixel, np.float16)
    found = found_posterior(noisy.clip(0, 1) if known.clip else noisy, similar(30), known, scale)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@each_kind
def test_posterior_is_calibrated(known: Reference) -> None:
    """The noise drawn is the noise assumed: otherwise the posterior would be over- or underconfident."""
    prior = similar(20)
    images, labels = prior.images.repeat(100, axis=0), prior.labels.repeat(100)
    found = found_posterior(noisy_copy(images, known, 0.8), prior, known, 0.8).astype(np.float64)
    surprise = (found.argmax(axis=1) == labels) - found.max(axis=1)
    assert abs(surprise.mean()) < 5 * surprise.std() / np.sqrt(len(labels))  # five standard errors
    assert 0.2 < found.max(axis=1).mean() < 0.98


@each_kind
def test_blocks_give_the_same_as_images_one_at_a_time(known: Reference) -> None:
    prior = similar(20)
    noisy = noisy_copy(np.resize(prior.images, (posterior.BLOCK + 3, 28, 28)), known, 0.8)
    found = found_posterior(noisy, prior, known, 0.8)
    assert found.shape == (posterior.BLOCK + 3, 10)
    for position in (0, posterior.BLOCK - 1, posterior.BLOCK, posterior.BLOCK + 2):
        alone = found_posterior(noisy[position : position + 1], prior, known, 0.8)
        np.testing.assert_allclose(found[position], alone[0], atol=1e-4)


def test_every_kind_of_noise_has_a_likelihood() -> None:
    assert set(posterior.KNOWN) == set(noise.KINDS) == {reference.kind for reference in REFERENCES}


def test_a_kind_without_likelihood_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="unheard_of: expected one of gaussian, salt_and_pepper"):
        posterior.posterior(np.zeros((1, 28, 28), np.float16), similar(2), "unheard_of", 1, False)
