"""Models: the nets of the literature, penalties as in their formulas, and files that are equal for equal models."""

import itertools
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from noisy_mnist.core.errors import UserError
from noisy_mnist.denoising import autoencoder
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import models
from noisy_mnist.learning.backend import keras, tf
from noisy_mnist.learning.params import ModelParams
from noisy_mnist.study import Params
from tools.workspace import ROOT

pytestmark = pytest.mark.usefixtures("tensorflow_set_up")
STUDY = Params.model_validate(YAML(typ="safe").load(ROOT / "params.yaml"))


@pytest.fixture
def whole_float32() -> Iterator[None]:
    """Let a GPU multiply with all 23 fraction bits of float32: by default it uses 10 of them (TF32)."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(True)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mlp", 669_706),  # keras-io mnist_mlp
        ("cnn", 1_199_882),  # keras-io mnist_cnn
        ("mlp_wide", (784 + 1) * 2048 + 2049 * 2048 + 2049 * 10),
    ],
)
def test_number_of_parameters(name: str, parameters: int) -> None:
    assert models.classifier(STUDY.models[name], "float32").count_params() == parameters


@pytest.mark.parametrize("name", STUDY.models)
def test_every_model_gives_probabilities(name: str) -> None:
    images = np.random.default_rng(0).random((7, 28, 28)).astype(np.float16)
    for precision in ("float32", "mixed_bfloat16"):
        probabilities = models.predict(models.classifier(STUDY.models[name], precision), images)
        assert probabilities.shape == (7, 10)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_models_of_the_same_net_differ_in_what_their_names_say() -> None:
    fixed, fresh = (STUDY.models[name].model_dump() for name in ("mlp", "mlp_fresh"))
    assert fixed | {"fresh_noise": True} == fresh
    assert fresh | {"standardise": True} == STUDY.models["mlp_standardised"].model_dump()
    fixed, fresh = (STUDY.models[name].model_dump() for name in ("cnn", "cnn_fresh"))
    assert fixed | {"fresh_noise": True} == fresh


FIT = {"optimizer": "adam", "learning_rate": 0.1, "batch_size": 1, "epochs": 1}
LAYERS = [{"conv": 4, "kernel": 3, "pool": 2, "batch_norm": True}, {"dropout": 0.5}, {"dense": 8}]


def built(seed: int, layers: list[dict[str, int]] = LAYERS, **penalties: float) -> keras.Model:
    """Return the small ConvNet, or one of other layers, with weights from a seed."""
    keras.utils.set_random_seed(seed)
    return models.classifier(ModelParams.model_validate({**FIT, "layers": layers, **penalties}), "float32")


def test_pool_before_relu_is_pool_after_it() -> None:
    images = np.random.default_rng(0).normal(size=(5, 28, 28)).astype(np.float32)
    model = built(0, [{"conv": 4, "kernel": 3, "pool": 2}])
    convolved = model.get_layer("conv_0")(images[..., np.newaxis])
    after = keras.layers.MaxPooling2D(2)(keras.layers.ReLU()(convolved))
    last = model.get_layer("probabilities")
    np.testing.assert_allclose(models.predict(model, images), last(keras.layers.Flatten()(after)), rtol=1e-5)


def test_a_stride_of_2_keeps_every_other_position() -> None:
    images = np.random.default_rng(0).normal(size=(5, 28, 28)).astype(np.float32)[..., np.newaxis]
    every, other = built(0, [{"conv": 4, "kernel": 3}]), built(0, [{"conv": 4, "kernel": 3, "stride": 2}])
    expected = every.get_layer("conv_0")(images)[:, ::2, ::2]
    np.testing.assert_allclose(other.get_layer("conv_0")(images), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", [26, 27, 28])
@pytest.mark.parametrize("stride", [1, 2, 27, 28])
@pytest.mark.parametrize("pool", [1, 2, 3])
def test_what_is_left_of_the_image_is_what_keras_leaves(side: int, stride: int, pool: int) -> None:
    conv = {"conv": 1, "kernel": side, "stride": stride, "pool": pool}
    image = keras.layers.Conv2D(1, side, stride)(np.zeros((1, 28, 28, 1), np.float32))
    left = image.shape[1] // pool
    if left:
        assert built(0, [conv]).get_layer("flatten").output.shape == (None, left**2)
    else:
        with pytest.raises(ValueError, match="nothing is left"):
            built(0, [conv])


def test_a_network_that_standardises_equals_a_plain_one_on_standardised_images(tmp_path: Path) -> None:
    params = ModelParams.model_validate({**FIT, "layers": LAYERS, "standardise": True})
    keras.utils.set_random_seed(0)
    model, plain = models.classifier(params, "float32", 0.5, 4.0), built(0)
    plain.set_weights(model.get_weights())
    images = np.random.default_rng(0).normal(0.5, 4.0, (5, 28, 28)).astype(np.float32)
    expected = models.predict(plain, (images - np.float32(0.5)) / np.float32(4))
    np.testing.assert_allclose(models.predict(model, images), expected, rtol=1e-4)
    models.save(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(
        models.predict(models.load(tmp_path / "model.keras"), images), models.predict(model, images)
    )


def built_autoencoder(seed: int, precision: str = "float32") -> keras.Model:
    """Return an autoencoder 784-128-96-128-784 with weights from a seed."""
    keras.utils.set_random_seed(seed)
    params = AutoencoderParams.model_validate({**FIT, "encoder": [128, 96], "decoder": [128], "seed": 0})
    return autoencoder.build(params, precision)


@pytest.mark.parametrize(("kernel", "activity"), [(0, 0), (0.3, 0), (0, 0.2), (0.3, 0.2)])
@pytest.mark.parametrize("layers", [[], LAYERS, [{"conv": 3, "kernel": 5}, *LAYERS, {"dropout": 0.5}, {"dense": 6}]])
def test_penalties_equal_a_direct_computation(layers: list[dict[str, int]], kernel: float, activity: float) -> None:
    model = built(0, layers, kernel_l2=kernel, activity_l2=activity)
    model.set_weights([np.where(weights == 0, 0.1, weights) for weights in model.get_weights()])  # biases begin at 0
    images = np.random.default_rng(0).random((7, 28, 28)).astype(np.float32)
    model(images)
    losses = [float(loss) for loss in model.losses]

    # A kernel has two dimensions or more, a bias and the weights of batch norm have one.
    kernels = [weights for weights in model.get_weights() if weights.ndim > 1]
    assert len(kernels) == len([layer for layer in layers if layer.keys() & {"conv", "dense"}]) + 1
    activations, values = [], images
    for layer in model.layers:
        values = np.asarray(layer(values))
        if layer.name.startswith(("relu", "dense")):
            activations.append(np.maximum(values, 0))
    expected = kernel * sum(float((weights**2).sum()) for weights in kernels)
    expected += activity * sum(float((values**2).sum(dtype=float)) for values in activations) / len(images)
    assert sum(losses) == pytest.approx(expected, rel=1e-5)
    assert len(losses) == (len(kernels) if kernel else 0) + (len(activations) if activity else 0)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.usefixtures("whole_float32")
def test_autoencoder_is_its_two_parts_and_gives_images(precision: str) -> None:
    model = built_autoencoder(0, precision)
    sizes = [784, 128, 96, 128, 784]
    assert model.count_params() == sum((n + 1) * m for n, m in itertools.pairwise(sizes))
    images = (np.random.default_rng(0).normal(size=(603, 28, 28)) * 20).astype(np.float16)
    restored = models.predict(model, images)
    assert restored.shape == images.shape
    assert restored.dtype == np.float32
    assert 0 <= restored.min() < 0.1 < 0.9 < restored.max() <= 1
    codes = model.get_layer("encoder")(images.astype(np.float32))
    assert codes.shape == (603, 96)
    # Processors with bfloat16 round differently for another batch size: 8 bits are 0.02 of the range here.
    close = {"rtol": 1e-4, "atol": 1e-6} if precision == "float32" else {"rtol": 0.0, "atol": 0.02}
    np.testing.assert_allclose(model.get_layer("decoder")(codes), restored, **close)


def test_autoencoder_can_have_a_code_and_nothing_else() -> None:
    params = AutoencoderParams.model_validate({**FIT, "encoder": [5], "decoder": [], "seed": 0})
    assert autoencoder.build(params, "float32").count_params() == 785 * 5 + 6 * 784


@pytest.mark.parametrize("build", [built, built_autoencoder])
def test_equal_models_give_equal_bytes_and_load_again(build: Callable[[int], keras.Model], tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        models.save(build(seed), tmp_path / f"{name}.keras")
    first, second, other = ((tmp_path / f"{name}.keras").read_bytes() for name in "abc")
    assert first == second
    assert first != other
    images = np.random.default_rng(0).random((1203, 28, 28)).astype(np.float32)
    loaded = models.load(tmp_path / "a.keras")
    np.testing.assert_array_equal(models.predict(loaded, images), models.predict(build(0), images))
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {info.date_time for info in archive.infolist()} == {models.ZIP_EPOCH}
        assert json.loads(archive.read("metadata.json"))["date_saved"].startswith("1980-01-01")


def test_predictions_do_not_depend_on_the_batch() -> None:
    images = np.random.default_rng(1).random((models.PREDICT_BATCH + 1, 28, 28)).astype(np.float16)
    model = built(0)
    together = models.predict(model, images)
    np.testing.assert_allclose(together[-1:], models.predict(model, images[-1:]), rtol=1e-5)


def test_file_with_code_inside_is_refused(tmp_path: Path) -> None:
    layer = keras.layers.Lambda(lambda value: value + 1)
    model = keras.Sequential([keras.Input((2,)), layer])
    models.save(model, tmp_path / "code.keras")
    with pytest.raises(UserError, match=r"(?s)code\.keras holds no model.*unsafe.*delete it"):
        models.load(tmp_path / "code.keras")


def test_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.keras"
    with pytest.raises(UserError, match=rf"{re.escape(str(path))} not found: run .*'dvc repro'"):
        models.load(path)


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "changed"])
def test_file_that_is_not_a_model_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.keras"
    models.save(built(0), path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes(byte ^ 255 for byte in whole[middle : middle + 9]) + whole[middle + 9 :]
    contents = {"truncated": whole[:-200], "text": b"no model\n", "empty": b"", "changed": changed}
    path.write_bytes(contents[damage])
    with pytest.raises(UserError, match=rf"(?s){re.escape(str(path))} holds no model.*delete it and run 'dvc repro'"):
        models.load(path)


def test_cosine_schedule_ends_at_zero() -> None:
    constant = STUDY.models["mlp"]
    cosine = constant.model_copy(update={"schedule": "cosine"})
    rate = models.optimizer(cosine, steps=100)._learning_rate
    assert float(rate(0)) == pytest.approx(constant.learning_rate)
    assert float(rate(50)) == pytest.approx(constant.learning_rate / 2)
    assert float(rate(100)) == pytest.approx(0, abs=1e-9)
    assert float(models.optimizer(constant, 100).learning_rate) == pytest.approx(constant.learning_rate)
