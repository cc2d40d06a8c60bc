"""Models: the nets of the literature, and files that are equal for equal models."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from ruamel.yaml import YAML

from noisy_mnist import models
from noisy_mnist.errors import UserError
from noisy_mnist.params.models import ModelParams
from noisy_mnist.params.study import Params
from noisy_mnist.params.train import ComputeParams
from tools.workspace import ROOT

STUDY = Params.model_validate(YAML(typ="safe").load(ROOT / "params.yaml"))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Set TensorFlow up as the stages do."""
    models.set_up(ComputeParams(threads=1))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mlp", 669_706),  # keras-io mnist_mlp
        ("cnn", 1_199_882),  # keras-io mnist_cnn
        ("mlp_wide", (784 + 1) * 2048 + 2049 * 2048 + 2049 * 10),
    ],
)
def test_number_of_parameters(name: str, parameters: int) -> None:
    assert models.build(STUDY.models[name], "float32").count_params() == parameters


@pytest.mark.parametrize("name", STUDY.models)
def test_every_model_gives_probabilities(name: str) -> None:
    images = np.random.default_rng(0).random((7, 28, 28)).astype(np.float16)
    for precision in ("float32", "mixed_bfloat16"):
        probabilities = models.predict(models.build(STUDY.models[name], precision), images)
        assert probabilities.shape == (7, 10)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_models_of_the_same_net_differ_in_what_their_names_say() -> None:
    fixed, fresh = (STUDY.models[name].model_dump() for name in ("mlp", "mlp_fresh"))
    assert fixed | {"fresh_noise": True} == fresh


def built(seed: int) -> keras.Model:
    """Return the small ConvNet with weights from a seed."""
    keras.utils.set_random_seed(seed)
    layers = [{"conv": 4, "kernel": 3, "batch_norm": True}, {"pool": 2}, {"dropout": 0.5}, {"dense": 8}]
    return models.build(
        ModelParams.model_validate(
            {"layers": layers, "optimizer": "adam", "learning_rate": 0.1, "batch_size": 1, "epochs": 1}
        ),
        "float32",
    )


def test_equal_models_give_equal_bytes_and_load_again(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        models.save(built(seed), tmp_path / f"{name}.keras")
    first, second, other = ((tmp_path / f"{name}.keras").read_bytes() for name in "abc")
    assert first == second
    assert first != other
    images = np.random.default_rng(0).random((1203, 28, 28)).astype(np.float32)
    loaded = models.load(tmp_path / "a.keras")
    np.testing.assert_array_equal(models.predict(loaded, images), models.predict(built(0), images))
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


def test_cosine_schedule_ends_at_zero() -> None:
    constant = STUDY.models["mlp"]
    cosine = constant.model_copy(update={"schedule": "cosine"})
    rate = models.optimizer(cosine, steps=100)._learning_rate
    assert float(rate(0)) == pytest.approx(constant.learning_rate)
    assert float(rate(50)) == pytest.approx(constant.learning_rate / 2)
    assert float(rate(100)) == pytest.approx(0, abs=1e-9)
    assert float(models.optimizer(constant, 100).learning_rate) == pytest.approx(constant.learning_rate)
