"""The exact posterior: brute force over all training images, posteriors known by hand, and its ends."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats
from sklearn.neighbors import KNeighborsClassifier

from noisy_mnist import posterior
from noisy_mnist.core.errors import UserError
from noisy_mnist.data import noise
from noisy_mnist.data.splits import Split

# Each kind of noise, clipped or not where that differs.
KINDS = [("gaussian", False), ("gaussian", True), ("salt_and_pepper", False)]


def similar(count: int) -> Split:
    """Return images that differ so little from each other that noise hides which is which, some pixels 0 or 255."""
    rng = np.random.default_rng(0)
    base = rng.integers(-60, 316, (28, 28))
    images = (base + rng.integers(-20, 21, (count, 28, 28))).clip(0, 255).astype(np.uint8)
    return Split(images, rng.integers(0, 10, count, dtype=np.uint8))


def noisy_copy(images: NDArray[np.uint8], kind: str, scale: float, clip: bool = False) -> NDArray[np.float16]:
    """Return the images with noise."""
    return noise.add(images, kind, scale, clip, np.random.default_rng(1))


def log_likelihood(z: NDArray[np.float64], x: NDArray[np.float64], kind: str, scale: float, clip: bool) -> float:
    """Return log p(z | x) of two images, in float64."""
    if kind == "salt_and_pepper":
        return float(stats.bernoulli.logpmf((z >= 0.5) != (x >= 0.5), scale / 2).sum())
    logs = stats.norm.logpdf(z, x, scale)
    if clip:
        logs = np.where(z <= 0, stats.norm.logcdf(0, x, scale), logs)
        logs = np.where(z >= 1, stats.norm.logsf(1, x, scale), logs)
    return float(logs.sum())


@pytest.mark.parametrize(("kind", "clip"), KINDS)
@pytest.mark.parametrize("scale", [0.2, 0.5, 0.9])
def test_posterior_equals_brute_force(kind: str, clip: bool, scale: float) -> None:
    prior = similar(40)
    noisy = noisy_copy(prior.images[:8], kind, scale, clip)
    logs = [[log_likelihood(z, x, kind, scale, clip) for x in prior.images / 255] for z in noisy.astype(np.float64)]
    by_image = special.softmax(np.array(logs), axis=1)
    expected = np.stack([by_image[:, prior.labels == digit].sum(axis=1) for digit in range(10)], axis=1)
    np.testing.assert_allclose(posterior.posterior(noisy, prior, kind, scale, clip), expected, atol=1e-3)
    if scale == 0.9:
        assert (expected.max(axis=1) < 0.9).any()  # else the largest term alone would do


@pytest.mark.parametrize("extra", [0, 1, 4])
def test_posterior_of_two_images_that_differ_in_one_pixel_is_known(extra: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8).repeat(2 + extra, axis=0)
    images[0, 9, 9], images[1:, 9, 9] = 0, 255
    prior = Split(images, np.array([3] + [7] * (1 + extra), np.uint8))
    z = np.linspace(-2, 3, 21)  # in steps that float16 holds
    noisy = np.random.default_rng(1).random((21, 28, 28)).astype(np.float16)
    noisy[:, 9, 9] = z
    shift, scale = np.log(1 + extra), 0.5
    inside = (z - 0.5) / scale**2
    tail = stats.norm.logcdf(0) - stats.norm.logcdf(-1 / scale)  # of a clipped pixel, for the end it stands at
    clipped = np.select([z <= 0, z >= 1], [-tail, tail], inside)
    flipped = np.where(z >= 0.5, 1, -1) * np.log((1 - scale / 2) / (scale / 2))
    for (kind, clip), log_odds in zip(KINDS, (inside, clipped, flipped), strict=True):
        found = posterior.posterior(noisy, prior, kind, scale, clip)
        np.testing.assert_allclose(found[:, 7], special.expit(log_odds + shift), atol=1e-4)
        np.testing.assert_allclose(found[:, 3] + found[:, 7], 1, atol=1e-6)


@pytest.mark.parametrize(("kind", "clip"), KINDS)
@pytest.mark.parametrize("scale", [0, 1e-3])
def test_vanishing_noise_gives_the_label_of_the_nearest_image(kind: str, clip: bool, scale: float) -> None:
    prior = similar(50)
    noisy = noisy_copy(prior.images, kind, 0.1 if kind == "salt_and_pepper" else 2, clip)
    seen, known = noisy.reshape(50, -1).astype(np.float64), prior.images.reshape(50, -1) / 255
    if kind == "salt_and_pepper":
        seen, known = seen >= 0.5, known >= 0.5
    nearest = KNeighborsClassifier(1).fit(known, prior.labels).predict(seen)
    found = posterior.posterior(noisy, prior, kind, scale, clip)
    np.testing.assert_allclose(found, np.eye(10)[nearest], atol=1e-3)


def test_salt_and_pepper_of_every_pixel_leaves_the_shares_of_the_classes() -> None:
    prior = similar(60)
    shares = np.bincount(prior.labels, minlength=10) / 60
    found = posterior.posterior(noisy_copy(prior.images[:5], "salt_and_pepper", 1), prior, "salt_and_pepper", 1, False)
    np.testing.assert_allclose(found, [shares] * 5, atol=1e-6)


@pytest.mark.parametrize(("kind", "clip"), KINDS)
@pytest.mark.parametrize("pixel", [-50, 0, 0.5, 1, 50])
@pytest.mark.parametrize("scale", [0, 0.1, 1])
def test_rows_sum_to_1_however_far_the_image_is(kind: str, clip: bool, pixel: float, scale: float) -> None:
    noisy = np.full((2, 28, 28), pixel, np.float16)
    found = posterior.posterior(noisy.clip(0, 1) if clip else noisy, similar(30), kind, scale, clip)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("kind", "clip"), KINDS)
def test_posterior_is_as_often_right_as_it_says(kind: str, clip: bool) -> None:
    """The noise that is drawn is the noise that is assumed: else it would be too sure of itself, or not enough."""
    prior = similar(20)
    images, labels = prior.images.repeat(100, axis=0), prior.labels.repeat(100)
    found = posterior.posterior(noisy_copy(images, kind, 0.8, clip), prior, kind, 0.8, clip).astype(np.float64)
    surprise = (found.argmax(axis=1) == labels) - found.max(axis=1)
    assert abs(surprise.mean()) < 5 * surprise.std() / np.sqrt(len(labels))  # five standard errors
    assert 0.2 < found.max(axis=1).mean() < 0.98


@pytest.mark.parametrize(("kind", "clip"), KINDS)
def test_blocks_give_the_same_as_images_one_at_a_time(kind: str, clip: bool) -> None:
    prior = similar(20)
    noisy = noisy_copy(np.resize(prior.images, (posterior.BLOCK + 3, 28, 28)), kind, 0.8, clip)
    found = posterior.posterior(noisy, prior, kind, 0.8, clip)
    assert found.shape == (posterior.BLOCK + 3, 10)
    for position in (0, posterior.BLOCK - 1, posterior.BLOCK, posterior.BLOCK + 2):
        alone = posterior.posterior(noisy[position : position + 1], prior, kind, 0.8, clip)
        np.testing.assert_allclose(found[position], alone[0], atol=1e-4)


def test_every_kind_of_noise_has_a_likelihood() -> None:
    assert set(posterior.KNOWN) == set(noise.KINDS) == {kind for kind, _ in KINDS}


def test_a_kind_without_likelihood_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="poisson: expected one of gaussian, salt_and_pepper"):
        posterior.posterior(np.zeros((1, 28, 28), np.float16), similar(2), "poisson", 1, False)
