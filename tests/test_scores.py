"""Scores against scikit-learn or Keras, or against a direct computation where they have none."""

import numpy as np
import pytest
from sklearn import metrics

from noisy_mnist.learning import scores
from noisy_mnist.learning.backend import keras


@pytest.fixture(params=range(5))
def predictions(request: pytest.FixtureRequest) -> tuple[scores.Probabilities, scores.Labels]:
    """Return random probabilities (300, 10) that favour the label, and labels (300,)."""
    rng = np.random.default_rng(request.param)
    labels = rng.integers(0, 10, 300).astype(np.uint8)
    logits = rng.normal(size=(300, 10)) * 3 + 4 * np.eye(10)[labels] * rng.random((300, 1))
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32), labels


def test_scores_equal_scikit_learn(predictions: tuple[scores.Probabilities, scores.Labels]) -> None:
    probabilities, labels = predictions
    predicted = probabilities.argmax(axis=1)
    report = scores.report(probabilities, labels)
    assert report["n"] == 300
    assert report["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert report["loss"] == pytest.approx(metrics.log_loss(labels, probabilities.astype(float)), rel=1e-5)
    assert report["macro_recall"] == pytest.approx(metrics.recall_score(labels, predicted, average="macro"))
    recalls = scores.recall(scores.confusion(probabilities, labels))
    assert recalls == pytest.approx(metrics.recall_score(labels, predicted, average=None))
    assert report["confusion"] == metrics.confusion_matrix(labels, predicted).tolist()
    one_hot = np.eye(10)[labels]
    by_class = [metrics.brier_score_loss(one_hot[:, c], probabilities[:, c].astype(float)) for c in range(10)]
    assert report["brier"] == pytest.approx(sum(by_class))


def test_calibration_error_equals_a_loop_over_bins(predictions: tuple[scores.Probabilities, scores.Labels]) -> None:
    probabilities, labels = predictions
    expected = 0.0
    for low in range(scores.CALIBRATION_BINS):
        inside = [
            i
            for i in range(len(labels))
            if low / scores.CALIBRATION_BINS < probabilities[i].max() <= (low + 1) / scores.CALIBRATION_BINS
        ]
        if inside:
            correct = np.mean([probabilities[i].argmax() == labels[i] for i in inside])
            confidence = np.mean([float(probabilities[i].max()) for i in inside])
            expected += len(inside) / len(labels) * abs(correct - confidence)
    assert scores.calibration_error(probabilities, labels) == pytest.approx(expected)


def test_certain_predictions() -> None:
    labels = np.arange(10, dtype=np.uint8)
    right = np.eye(10, dtype=np.float32)
    wrong = np.roll(right, 1, axis=1)
    assert scores.calibration_error(right, labels) == 0
    assert scores.calibration_error(wrong, labels) == 1
    assert (scores.brier(right, labels), scores.brier(wrong, labels)) == (0, 2)
    assert scores.loss(right, labels) == 0
    assert scores.loss(wrong, labels) == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_class_without_images_has_no_recall() -> None:
    labels = np.zeros(4, np.uint8)
    recalls = scores.recall(scores.confusion(np.eye(10, dtype=np.float32)[labels], labels))
    assert recalls[0] == 1
    assert np.isnan(recalls[1:]).all()


@pytest.mark.usefixtures("tensorflow_set_up")
@pytest.mark.parametrize("seed", range(3))
def test_pixel_loss_equals_keras_and_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clean = rng.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    restored = rng.random((5, 28, 28)).astype(np.float32)
    loss = scores.pixel_loss(restored, clean)
    of_keras = keras.losses.BinaryCrossentropy()(clean.astype(np.float32) / 255, restored)
    assert loss == pytest.approx(float(of_keras), rel=1e-5)
    # A grey pixel of value y counts as white with weight y and as black with weight 1 - y.
    y, p = clean.ravel() / 255, restored.ravel().astype(float)
    truth, weights = np.repeat([1, 0], y.size), np.concatenate([y, 1 - y])
    assert loss == pytest.approx(metrics.log_loss(truth, np.tile(p, 2), sample_weight=weights))


def test_pixel_loss_of_certain_pixels() -> None:
    clean = np.random.default_rng(0).integers(0, 2, (2, 28, 28), dtype=np.uint8) * np.uint8(255)
    right = (clean / 255).astype(np.float32)
    assert scores.pixel_loss(right, clean) == pytest.approx(0, abs=1e-6)
    assert scores.pixel_loss(1 - right, clean) == pytest.approx(-np.log(1e-7))
