"""New codes: their distribution and what they depend on; new digits: their scores."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from noisy_mnist import synthesis
from noisy_mnist.data.splits import Split
from noisy_mnist.synthesis import SynthesizeParams

WIDTH = 4
LABELS = (np.arange(400) % 10).astype(np.uint8)


def codes_of(mean: float) -> NDArray[np.float32]:
    """Return codes (400, 4) of correlated values; each class has its own covariance and a multiple of the mean."""
    rng = np.random.default_rng(0)
    mixes = rng.normal(size=(10, WIDTH, WIDTH))
    drawn = [mixes[digit] @ rng.normal(size=WIDTH) + mean * (digit + 1.0) for digit in LABELS]
    return np.array(drawn, np.float32)


def test_codes_have_the_promised_shape_and_none_is_below_0() -> None:
    codes = synthesis.by_class(codes_of(0), LABELS, 7, 0)
    assert codes.shape == (70, WIDTH)
    assert codes.dtype == np.float32
    assert codes.min() == 0
    assert 0.3 < (codes == 0).mean() < 0.7  # with a mean of 0, half of the values drawn are below 0


def test_same_seed_same_bytes_and_other_seed_other_codes() -> None:
    codes = codes_of(50)
    first = synthesis.by_class(codes, LABELS, 7, 0)
    assert first.tobytes() == synthesis.by_class(codes, LABELS, 7, 0).tobytes()
    assert (synthesis.by_class(codes, LABELS, 7, 1) != first).all()
    np.testing.assert_array_equal(synthesis.noise(WIDTH, 9, 0), synthesis.noise(WIDTH, 9, 0))
    assert (synthesis.noise(WIDTH, 9, 1) != synthesis.noise(WIDTH, 9, 0)).all()


def test_classes_of_equal_codes_have_draws_of_their_own() -> None:
    drawn = synthesis.by_class(codes_of(50)[LABELS == 0].repeat(10, axis=0), LABELS, 7, 0)
    assert len(np.unique(drawn)) == drawn.size


def test_new_codes_have_mean_and_covariance_of_their_own_class() -> None:
    codes, count = codes_of(50), 20_000
    drawn = synthesis.by_class(codes, LABELS, count, 0).astype(np.float64)
    for digit in range(10):
        own = codes[digit == LABELS].astype(np.float64)
        new = drawn[digit * count : (digit + 1) * count]
        covariance = np.cov(own.T)
        variances = np.diag(covariance)
        mean_error = np.abs(new.mean(axis=0) - own.mean(axis=0)) / np.sqrt(variances / count)
        sampling = np.sqrt((np.outer(variances, variances) + covariance**2) / count)  # of a normal sample's covariance
        assert mean_error.max() < 5  # standard errors
        assert (np.abs(np.cov(new.T) - covariance) / sampling).max() < 5


def test_a_class_depends_on_its_own_codes_alone() -> None:
    codes = codes_of(50)
    changed = codes + 9 * (LABELS == 3)[:, None]
    same = (synthesis.by_class(codes, LABELS, 7, 0) == synthesis.by_class(changed, LABELS, 7, 0)).all(axis=1)
    np.testing.assert_array_equal(same, np.arange(70) // 7 != 3)


def test_a_value_that_is_always_0_stays_0() -> None:
    codes = codes_of(50)
    codes[:, 1] = 0
    codes[LABELS == 5, 2] = 0
    drawn = synthesis.by_class(codes, LABELS, 1000, 0)
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(drawn[5000:6000, 2], 0, atol=1e-6)
    assert drawn[:5000, 2].min() > 0


def test_fewer_images_than_values_of_a_code_are_enough() -> None:
    """Their covariance is singular: what is drawn stays in the plane of the images."""
    rng = np.random.default_rng(0)
    codes = rng.uniform(100, 101, (30, 20)).astype(np.float32)
    labels = np.arange(30, dtype=np.uint8) % 10
    drawn = synthesis.by_class(codes, labels, 50, 0).astype(np.float64)
    for digit in range(10):
        own = codes[labels == digit].astype(np.float64)
        both = np.concatenate([own, drawn[digit * 50 : (digit + 1) * 50]]) - own.mean(axis=0)
        assert np.linalg.svd(both, compute_uv=False)[2] < 1e-3


def test_noise_is_standard_normal() -> None:
    drawn = synthesis.noise(20, 5000, 0)
    assert drawn.shape == (5000, 20)
    assert drawn.dtype == np.float32
    assert abs(drawn.mean()) < 5 / np.sqrt(drawn.size)  # five standard errors
    assert drawn.var() == pytest.approx(1, abs=5 * np.sqrt(2 / drawn.size))
    assert (drawn**4).mean() == pytest.approx(3, abs=5 * np.sqrt(96 / drawn.size))
    correlations = np.corrcoef(drawn.T)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(len(drawn))


def test_diversity_is_the_mean_distance_of_pairs_of_a_class() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.random((12, 28, 28)), np.array([2, 7, 7, 2, 7, 2, 9, 9, 7, 7, 7, 2], np.uint8)
    by_class = []
    for digit in (2, 7, 9):
        pairs = itertools.combinations(images[labels == digit], 2)
        by_class.append(np.mean([np.sqrt(((one - other) ** 2).sum()) for one, other in pairs]))
    assert synthesis.diversity(images, labels) == pytest.approx(np.mean(by_class))


def test_diversity_of_copies_is_0_whatever_the_other_classes_look_like() -> None:
    copies = np.random.default_rng(0).random((10, 28, 28)).repeat(3, axis=0)
    assert synthesis.diversity(copies, np.arange(10, dtype=np.uint8).repeat(3)) == 0


def test_codes_are_drawn_by_class_and_as_many_from_noise() -> None:
    codes = codes_of(50)
    found = synthesis.codes(codes, LABELS, SynthesizeParams(digits=12, seed=3))
    assert list(found) == ["new", "from_noise"]
    np.testing.assert_array_equal(found["new"], synthesis.by_class(codes, LABELS, 12, 3))
    np.testing.assert_array_equal(found["from_noise"], synthesis.noise(WIDTH, 120, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_scores_of_new_digits_equal_a_direct_computation(dtype: type[np.number]) -> None:
    rng = np.random.default_rng(0)
    pixels, intended = rng.random((40, 28, 28)), (np.arange(40) % 10).astype(np.uint8)
    images = (pixels * 255 if dtype is np.uint8 else pixels).astype(dtype)
    probabilities = rng.dirichlet(np.ones(10) / 2, 40).astype(np.float32)
    found = synthesis.score("new", Split(images, intended), probabilities)
    assert list(found) == ["images", "n", "intended", "confidence", "diversity"]
    assert (found["images"], found["n"]) == ("new", 40)
    right = [int(np.argmax(row) == digit) for row, digit in zip(probabilities, intended, strict=True)]
    assert found["intended"] == sum(right) / 40
    assert found["confidence"] == pytest.approx(np.mean([max(row) for row in probabilities.astype(float)]))
    seen = images / 255 if dtype is np.uint8 else images.astype(float)  # the distance is that of pixels in [0, 1]
    assert found["diversity"] == pytest.approx(synthesis.diversity(seen, intended), rel=1e-5)
