"""Training: the same bytes each time, the same bytes after a kill, and what an epoch is made of."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisy_mnist.core.errors import UserError
from noisy_mnist.data import copies
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import Split
from noisy_mnist.denoising import autoencoder
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import backend, models, training
from noisy_mnist.learning.backend import keras
from noisy_mnist.learning.checkpoints import Row
from noisy_mnist.learning.params import ModelParams

pytestmark = pytest.mark.usefixtures("tensorflow_set_up")
MLP = [{"dense": 12}, {"dropout": 0.3}, {"dense": 8}, {"dropout": 0.2}]
CNN = [{"conv": 3, "kernel": 5, "pool": 4, "batch_norm": True}, {"dropout": 0.5}]
SETTINGS = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 20, "epochs": 4}
DRAW = NoiseParams(kind="gaussian", clip=False, seed=5)
RNG = np.random.default_rng(0)
CLEAN = Split(RNG.integers(0, 256, (210, 28, 28), dtype=np.uint8), RNG.integers(0, 10, 210).astype(np.uint8))
NOISY = copies.noisy(CLEAN, "train", DRAW, 0)
CURVE = {"train": training.labelled(NOISY.first(50)), "validation": training.labelled(NOISY.first(30))}
IMAGE_CURVE = {
    "train": training.Examples(NOISY.images[:50], CLEAN.images[:50]),
    "validation": training.Examples(NOISY.images[:30], CLEAN.images[:30]),
}


def job(layers: list[dict[str, Any]], fresh: float | None = None, **changes: Any) -> training.Training:
    """Return a training on 210 images, on fresh noise of a scale if one is given."""
    settings = {**SETTINGS, "layers": layers} | changes
    seed = settings.pop("seed", 0)
    precision = settings.pop("precision", "float32")
    model = ModelParams.model_validate(settings)
    build = partial(models.classifier, model, precision)
    if fresh is None:
        return training.Training(model, build, precision, 1, seed, training.labelled(NOISY), None)
    drawn = training.FreshNoise(DRAW, fresh)
    return training.Training(model, build, precision, 1, seed, training.labelled(CLEAN), drawn)


def autoencoder_job(level: float, **changes: Any) -> training.Training:
    """Return a training of a small autoencoder on the same images with fresh salt and pepper."""
    network = autoencoder_params(**changes)
    fresh = training.FreshNoise(DRAW.model_copy(update={"kind": "salt_and_pepper"}), level)
    pairs = training.Examples(CLEAN.images, CLEAN.images)
    build = partial(autoencoder.build, network, "float32")
    return training.Training(network, build, "float32", 1, network.seed, pairs, fresh)


def autoencoder_params(**changes: Any) -> AutoencoderParams:
    """Return the params of a small autoencoder."""
    return AutoencoderParams.model_validate({**SETTINGS, "encoder": [12, 6], "decoder": [12], "seed": 0, **changes})


def fit(task: training.Training, folder: Path, kill_after: int = 0) -> tuple[list[np.ndarray], list[Row]]:
    """Train and return weights and history; with ``kill_after``, die after that epoch and resume in a second call."""
    checkpoint = folder / "checkpoint.npz"
    curve = CURVE if task.examples.targets.ndim == 1 else IMAGE_CURVE
    trained = []

    def report(rows: list[Row]) -> None:
        """Record the epoch, and die if it is ``kill_after``."""
        trained.append(rows[0]["epoch"])
        if trained == list(range(1, kill_after + 1)):
            raise KeyboardInterrupt

    if kill_after:
        with pytest.raises(KeyboardInterrupt):
            training.fit(task, curve, checkpoint, report)
        keras.utils.set_random_seed(999)  # another process has another random state
    model, history = training.fit(task, curve, checkpoint, report)
    assert trained == [row["epoch"] for row in history if row["split"] == "train"]  # no epoch was trained twice
    return model.get_weights(), history


def assert_equal(one: tuple[Any, Any], other: tuple[Any, Any]) -> None:
    """Assert that two results of ``fit`` are equal, bit for bit."""
    for left, right in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(left, right)
    assert one[1] == other[1]


JOBS = {
    "mlp": job(MLP),
    "mlp on fresh noise, rmsprop": job(MLP, fresh=0.5, optimizer="rmsprop"),
    "convnet, cosine, bfloat16": job(CNN, fresh=1.0, schedule="cosine", precision="mixed_bfloat16"),
    "convnet, adadelta": job(CNN, optimizer="adadelta"),
    "autoencoder": autoencoder_job(0.4),
}


@pytest.mark.parametrize("name", JOBS)
def test_killed_training_ends_with_the_weights_of_one_that_was_not(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "straight").mkdir()
    (tmp_path / "killed").mkdir()
    straight = fit(JOBS[name], tmp_path / "straight")
    assert "resuming" not in capsys.readouterr().err
    assert_equal(straight, fit(JOBS[name], tmp_path / "killed", kill_after=2))
    assert f"resuming from epoch 2 of 4, in {tmp_path / 'killed/checkpoint.npz'}\n" in capsys.readouterr().err
    assert [row["epoch"] for row in straight[1]] == [1, 1, 2, 2, 3, 3, 4, 4]
    scored = ["loss"] if name == "autoencoder" else ["accuracy", "loss"]
    assert all(list(row) == ["epoch", "split", *scored] for row in straight[1])


def test_fresh_noise_of_scale_zero_is_the_fixed_copy(tmp_path: Path) -> None:
    (tmp_path / "fixed").mkdir()
    (tmp_path / "fresh").mkdir()
    assert_equal(fit(job(MLP), tmp_path / "fixed"), fit(job(MLP, fresh=0), tmp_path / "fresh"))


def test_other_seed_gives_other_weights(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = fit(job(MLP), tmp_path / "a"), fit(job(MLP, seed=1), tmp_path / "b")
    assert any((left != right).any() for left, right in zip(one[0], other[0], strict=True))


def test_each_penalty_gives_other_weights(tmp_path: Path) -> None:
    kernels = []
    for name, penalty in (("none", {}), ("kernel", {"kernel_l2": 0.1}), ("activity", {"activity_l2": 0.1})):
        (tmp_path / name).mkdir()
        weights, _ = fit(job(MLP, epochs=1, **penalty), tmp_path / name)
        kernels.append(weights[0].tobytes())
    assert len(set(kernels)) == 3


def test_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    """A result that dvc could not record, as when its lock was held elsewhere, is back at once."""
    straight = fit(job(MLP), tmp_path)
    trained: list[list[Row]] = []
    model, history = training.fit(job(MLP), CURVE, tmp_path / "checkpoint.npz", trained.append)
    assert_equal((model.get_weights(), history), straight)
    assert not trained


def test_training_that_diverges_says_so_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    task = job(MLP, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(training.SettingError, match=r"^learning_rate: found 1e\+30\. .*after epoch 1 the loss is NaN"):
        fit(task, tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists()


def test_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "straight").mkdir()
    expected = fit(job(MLP, learning_rate=0.02), tmp_path / "straight")
    fit(job(MLP), tmp_path)
    assert_equal(fit(job(MLP, learning_rate=0.02), tmp_path), expected)


def test_checkpoint_of_another_gpu_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    task, fingerprints = job(MLP), set()
    for gpus in ([], ["NVIDIA H100"], ["NVIDIA H200"]):
        monkeypatch.setattr(backend, "gpus", lambda gpus=gpus: gpus)
        fingerprints.add(task.fingerprint(CURVE))
    assert len(fingerprints) == 3


@pytest.mark.parametrize("task", [job(MLP), autoencoder_job(0.4, epochs=1)], ids=["classifier", "autoencoder"])
def test_damaged_checkpoint_is_named(task: training.Training, tmp_path: Path) -> None:
    fit(task, tmp_path)
    checkpoint = tmp_path / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"checkpoint\.npz is damaged.*delete it"):
        fit(task, tmp_path)


def test_epoch_holds_every_example_once_in_an_order_of_its_own() -> None:
    task = job(MLP)
    orders = []
    for epoch in (1, 2, 1):
        images, labels = (np.concatenate(part) for part in zip(*training.examples(task, epoch), strict=True))
        keys = [image.tobytes() for image in images]
        assert sorted(keys) == sorted(image.astype(np.float32).tobytes() for image in NOISY.images)
        by_image = dict(zip(keys, labels, strict=True))
        for image, label in zip(NOISY.images, NOISY.labels, strict=True):
            assert by_image[image.astype(np.float32).tobytes()] == label
        orders.append(keys)
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]


@pytest.mark.parametrize("level", [0, 0.4])
def test_autoencoder_learns_to_turn_noisy_images_into_their_own_clean_ones(level: float) -> None:
    noisy, targets = (np.concatenate(part) for part in zip(*training.examples(autoencoder_job(level), 1), strict=True))
    assert noisy.dtype == targets.dtype == np.float32
    assert 0 <= targets.min() < targets.max() <= 1
    clean = [(image.astype(np.float32) / 255).tobytes() for image in CLEAN.images]
    assert sorted(target.tobytes() for target in targets) == sorted(clean)
    assert [target.tobytes() for target in targets] != clean  # in an order of their own
    replaced = noisy != targets.astype(np.float16)
    assert set(np.unique(noisy[replaced])) <= {0, 1}
    assert replaced.mean() == pytest.approx(level, abs=0.01)


def test_fresh_noise_differs_between_epochs_and_seeds() -> None:
    black = Split(np.zeros_like(CLEAN.images), CLEAN.labels)  # only noise is left, whatever the order of the examples

    def drawn(seed: int, epoch: int) -> bytes:
        """Return all noise of an epoch."""
        task = dataclasses.replace(job(MLP, fresh=1.0, seed=seed), examples=training.labelled(black))
        return b"".join(images.tobytes() for images, _ in training.examples(task, epoch))

    assert len({drawn(0, 1), drawn(0, 2), drawn(0, 3), drawn(1, 1)}) == 4
    assert drawn(0, 1) == drawn(0, 1)


def test_batches_are_whole_and_the_rest_is_left_out() -> None:
    task = job(MLP)
    ((images, labels),) = training.batches(task, 1)
    assert images.shape == (task.steps, 20, 28, 28) == (10, 20, 28, 28)
    assert labels.shape == (10, 20)


@pytest.mark.parametrize("task", [job(MLP, batch_size=211), autoencoder_job(0.4, batch_size=211)])
def test_batch_larger_than_the_data_is_refused(task: training.Training, tmp_path: Path) -> None:
    with pytest.raises(
        training.SettingError, match=r"^batch_size: found 211\. Expected at most the 210 training images$"
    ):
        fit(task, tmp_path)
    assert dataclasses.replace(task, settings=task.settings.model_copy(update={"batch_size": 210})).steps == 1


def test_dropout_masks_depend_on_seed_layer_and_epoch() -> None:
    model = job(MLP).build()
    states = set()
    for seed, epoch in ((0, 1), (0, 2), (1, 1)):
        training.seed_dropout(model, seed, epoch)
        states |= {tuple(layer.seed_generator.state.numpy()) for layer in model.layers if "dropout" in layer.name}
    assert len(states) == 6
