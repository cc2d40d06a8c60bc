"""Every mistake in params.yaml is refused before anything runs, with its key, its value and what is allowed."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from noisy_mnist import params
from noisy_mnist.errors import UserError
from noisy_mnist.params import study
from noisy_mnist.params.data import SplitParams
from noisy_mnist.params.denoise import AutoencoderNoise, ControlLevels, DenoiseParams, Levels, SynthesizeParams
from noisy_mnist.params.models import AutoencoderParams, Conv, Dense, Dropout, ModelParams, Pool
from noisy_mnist.params.noise import DrawParams, NoiseParams
from noisy_mnist.params.train import ComputeParams, FitParams
from noisy_mnist.params.weight_decay import WeightDecayGrid

OWN = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
REMOVED = "<removed>"
LAYER = "{dense: 512}, {conv: 32, kernel: 3}, {pool: 2} or {dropout: 0.5}"
OPTIMIZERS = ("adam", "rmsprop", "sgd", "adadelta")
PRECISIONS = ("float32", "mixed_bfloat16")
STUDIES = ("weight_decay", "autoencoder", "denoise", "synthesize")
DATASETS = ("mnist", "fashion_mnist", "kmnist", "digits")

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder and return it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def text_refused(folder: Path) -> Refused:
    """Return a function that makes a text the params.yaml and returns the message it is refused with."""

    def refuse(text: str | bytes) -> str:
        (folder / "params.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UserError) as caught:
            study.check()
        return str(caught.value)

    return refuse


@pytest.fixture
def refused(folder: Path) -> Refused:
    """Return a function that changes keys of the project's params.yaml and returns the message it is refused with."""

    def refuse(changes: dict[str, Any]) -> str:
        write(folder, changes)
        with pytest.raises(UserError) as caught:
            study.check()
        return str(caught.value)

    return refuse


def write(folder: Path, changes: dict[str, Any]) -> None:
    """Write the project's params.yaml with changes; ``noise.scales[1]`` is the key of an entry of a list."""
    data = plain(YAML(typ="safe").load(OWN))
    for key, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key)]
        section = data
        for part in parents:
            section = section[part]
        if value is REMOVED:
            del section[last]
        else:
            section[last] = copy.deepcopy(value)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(data, file)


def plain(data: Any) -> Any:
    """Return a copy in which no two keys share a list or mapping, so that a change of one changes no other."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    return [plain(value) for value in data] if isinstance(data, list) else data


def test_own_file_is_accepted(folder: Path) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    checked = study.check()
    own = plain(YAML(typ="safe").load(OWN))
    assert checked.noise.scales == own["noise"]["scales"]
    assert set(checked.models) == set(own["models"])
    assert checked.model_dump(exclude_unset=True) == own


@pytest.mark.parametrize(
    "changes",
    [
        {"noise.scales": [0, 1]},
        {"noise.scales": [1, 0, 1e-6]},
        {"noise.kind": "salt_and_pepper", "noise.scales": [0, 1]},
        {"noise.seed": 2**32 - 1},
        {"split.validation": 0.999},
        {"train.seeds": [3, 0, 2**32 - 1]},
        {"train.models": ["cnn"], "denoise.classifier": "cnn"},
        {"train.seeds": [5, 2], "denoise.seed": 2},
        {"models.mlp.layers": []},
        {"models.mlp.layers": [{"conv": 1, "kernel": 28}, {"dense": 1}]},
        {"models.mlp.layers": [{"pool": 28}, {"conv": 1, "kernel": 1}, {"dropout": 0}, {"dense": 1}]},
        {"models.mlp.learning_rate": 1},
        {"models.mlp.precision": None},
        {"models.mlp.kernel_l2": 0, "models.mlp.activity_l2": 0.0},
        {"models.mlp.kernel_l2": 1e-6, "models.mlp.activity_l2": 10},
        {"weight_decay.factors": [1, 0]},
        {"weight_decay.penalties": ["activity"], "weight_decay.seeds": [2**32 - 1]},
        {"weight_decay.model": "cnn_bn"},
        {"autoencoder.level": 0},
        {"autoencoder.level": 1, "autoencoder.seed": 2**32 - 1},
        {"autoencoder.encoder": [1], "autoencoder.decoder": []},
        {"autoencoder.schedule": REMOVED},
        {"denoise.levels": [0, 1], "denoise.control_levels": [0, 1]},
        {"denoise.levels": [1e-6, 0.5], "denoise.control_levels": [0.5]},
        {"synthesize.digits": 10, "synthesize.seed": 2**32 - 1},
        {"synthesize.digits": 2000},
        {"models.a1_" + "b" * 37: {"layers": [], "optimizer": "sgd", "learning_rate": 1, "batch_size": 1, "epochs": 1}},
    ],
    ids=str,
)
def test_what_lies_within_the_bounds_is_accepted(folder: Path, changes: dict[str, Any]) -> None:
    write(folder, changes)
    study.check()


NOT_SCALES = [-0.001, float("nan"), float("inf"), float("-inf"), "0.5", True, None, [1], {"a": 1}]
NOT_SEEDS = [1.5, 1.0, -1, 2**32, "0", True, None, [0]]
NOT_COUNTS = [0, -1, 1.5, "2", True, None]
NOT_SHARES = [-0.1, 1.5, "0.5", True, None, float("nan")]
NOT_LEVELS = [*NOT_SCALES, 1.001]
ZERO = ("Expected 0 written as 0",)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        *(("noise.scales[1]", value, ()) for value in NOT_SCALES),
        ("noise.scales[1]", -1, ("0",)),
        ("noise.scales", [], ("at least 1",)),
        ("noise.scales", None, ("list",)),
        ("noise.scales", "0", ("list",)),
        ("noise.scales", {"a": 0}, ("list",)),
        ("noise.scales", [0.1, 1], ("0",)),
        ("noise.scales", [0, 1, 0.5, 1], ("once",)),
        ("noise.scales", [0, 1, 1.0], ("once",)),
        ("noise.scales[0]", 0.0, ZERO),
        ("noise.scales[0]", -0.0, ZERO),
        ("noise.kind", "gausian", ("gaussian", "salt_and_pepper")),
        ("noise.kind", None, ("string",)),
        ("noise.clip", "no", ("boolean",)),
        ("noise.clip", 1, ("boolean",)),
        *(("noise.seed", value, ()) for value in NOT_SEEDS),
        *(("split.seed", value, ()) for value in NOT_SEEDS),
        *(("split.validation", value, ()) for value in NOT_SHARES),
        ("split.validation", 0, ("greater than 0",)),
        ("split.validation", 1, ("less than 1",)),
        ("data.dataset", "cifar", DATASETS),
        ("data.dataset", None, DATASETS),
        ("data", None, ()),
        ("noise", [], ()),
        ("models", [], ()),
        ("train.models", [], ("at least 1",)),
        ("train.models", None, ("list",)),
        ("train.models", "mlp", ("list",)),
        ("train.models[0]", 3, ("string",)),
        ("train.models", ["mlp", "cnn", "mlp"], ("once",)),
        ("train.seeds", [], ("at least 1",)),
        ("train.seeds", None, ("list",)),
        ("train.seeds", [0, 0], ("once",)),
        *(("train.seeds[0]", value, ()) for value in NOT_SEEDS),
        *(("train.threads", value, ()) for value in NOT_COUNTS),
        *(("train.curve_images", value, ()) for value in NOT_COUNTS),
        ("train.precision", "float16", PRECISIONS),
        ("train.precision", None, PRECISIONS),
        ("models.mlp", None, ()),
        ("models.mlp", 5, ()),
        ("models.mlp.optimizer", "adamw", OPTIMIZERS),
        ("models.mlp.optimizer", None, OPTIMIZERS),
        ("models.mlp.schedule", "linear", ("constant", "cosine")),
        ("models.mlp.precision", "half", PRECISIONS),
        ("models.mlp.fresh_noise", "yes", ("boolean",)),
        *(("models.mlp.batch_size", value, ()) for value in NOT_COUNTS),
        *(("models.mlp.epochs", value, ()) for value in NOT_COUNTS),
        *((f"models.mlp.{key}_l2", value, ()) for key in ("kernel", "activity") for value in NOT_SCALES),
        ("models.mlp.kernel_l2", -1e-6, ("greater than or equal to 0",)),
        *(("models.mlp.learning_rate", value, ()) for value in (-1, "1e-3", True, None, float("inf"))),
        ("models.mlp.learning_rate", 0, ("greater than 0",)),
        ("models.mlp.layers", None, ("list",)),
        ("models.mlp.layers", {"dense": 512}, ("list",)),
        ("models.mlp.layers", "dense", ("list",)),
        *(("models.mlp.layers[0]", value, (LAYER,)) for value in (5, 0, 1.5, True, False, None, "", "dense", "lstm")),
        *(("models.mlp.layers[0]", value, (LAYER,)) for value in ([], ["dense"], [{"dense": 5}], {}, {1: 2})),
        *(("models.mlp.layers[0]", value, (LAYER,)) for value in ({"lstm": 5}, {"Dense": 512}, {"kernel": 3})),
        *(("models.mlp.layers[0].dense", value, ()) for value in NOT_COUNTS),
        *(("models.mlp.layers[1].dropout", value, ()) for value in NOT_SHARES),
        ("models.mlp.layers[1].dropout", 1, ("less than 1",)),
        *(("models.cnn.layers[0].conv", value, ()) for value in NOT_COUNTS),
        *(("models.cnn.layers[0].kernel", value, ()) for value in (*NOT_COUNTS, 29)),
        *(("models.cnn.layers[2].pool", value, ()) for value in (*NOT_COUNTS, 1, 29)),
        ("models.cnn_bn.layers[0].batch_norm", "yes", ("boolean",)),
        *((section, value, ()) for section in STUDIES for value in (None, [], 5)),
        ("weight_decay.model", None, ("string",)),
        ("weight_decay.penalties", [], ("at least 1",)),
        ("weight_decay.penalties", "kernel", ("list",)),
        ("weight_decay.penalties", ["kernel", "kernel"], ("once",)),
        *(("weight_decay.penalties[1]", value, ("'kernel' or 'activity'",)) for value in ("weights", 2, None)),
        ("weight_decay.factors", [], ("at least 1",)),
        ("weight_decay.factors", None, ("list",)),
        ("weight_decay.factors", [1e-6, 1e-5], ("0, the control",)),
        ("weight_decay.factors", [0], ("at least one other",)),
        ("weight_decay.factors", [0, 1e-6, 0.000001], ("once",)),
        ("weight_decay.factors", [0, 1, 1.0], ("once",)),
        ("weight_decay.factors[0]", 0.0, ZERO),
        ("weight_decay.factors[0]", -0.0, ZERO),
        *(("weight_decay.factors[1]", value, ()) for value in NOT_SCALES),
        ("weight_decay.seeds", [], ("at least 1",)),
        ("weight_decay.seeds", [0, 1, 0], ("once",)),
        *(("weight_decay.seeds[0]", value, ()) for value in NOT_SEEDS),
        *(("autoencoder.level", value, ()) for value in NOT_LEVELS),
        ("autoencoder.level", 1.001, ("less than or equal to 1",)),
        ("autoencoder.level", -0.001, ("greater than or equal to 0",)),
        ("autoencoder.level", 0.0, ZERO),
        ("autoencoder.encoder", [], ("at least 1",)),
        *((f"autoencoder.{part}", 128, ("list",)) for part in ("encoder", "decoder")),
        *((f"autoencoder.{part}[0]", value, ()) for part in ("encoder", "decoder") for value in (*NOT_COUNTS, 2.0)),
        ("autoencoder.optimizer", "adamw", OPTIMIZERS),
        ("autoencoder.learning_rate", 0, ("greater than 0",)),
        ("autoencoder.schedule", "linear", ("constant", "cosine")),
        *(("autoencoder.batch_size", value, ()) for value in NOT_COUNTS),
        *(("autoencoder.epochs", value, ()) for value in NOT_COUNTS),
        *(("autoencoder.seed", value, ()) for value in NOT_SEEDS),
        ("denoise.classifier", None, ("string",)),
        *(("denoise.seed", value, ()) for value in NOT_SEEDS),
        *(("denoise.levels[20]", value, ()) for value in NOT_LEVELS),
        *(("denoise.control_levels[3]", value, ()) for value in NOT_LEVELS),
        *((f"denoise.{key}[0]", value, ZERO) for key in ("levels", "control_levels") for value in (0.0, -0.0)),
        ("denoise.levels", [], ("at least 2",)),
        ("denoise.levels", [0.2], ("at least 2",)),
        ("denoise.levels", None, ("list",)),
        ("denoise.levels", [0, 0.4, 0.2, 0.6, 0.8], ("once", "lowest to the highest")),
        ("denoise.levels", [0.2, 0.4, 0.4, 0.6, 0.8], ("once", "lowest to the highest")),
        ("denoise.levels", [0.2, 0.4, 0.6, 0.8, 1, 1.0], ("once", "lowest to the highest")),
        ("denoise.control_levels", [], ("at least 1",)),
        ("denoise.control_levels", [0.4, 0.2], ("once", "lowest to the highest")),
        ("denoise.control_levels", [0.4, 0.4], ("once", "lowest to the highest")),
        *(("synthesize.digits", value, ()) for value in NOT_COUNTS),
        ("synthesize.digits", 9, ("10",)),
        ("synthesize.digits", 2001, ("2000",)),
        *(("synthesize.seed", value, ()) for value in NOT_SEEDS),
        ("figures.digits", 0, ("1",)),
        ("figures.digits", 21, ("20",)),
        *(("figures.scale", value, ()) for value in NOT_SCALES),
        ("figures.scale", 0.0, ZERO),
    ],
    ids=str,
)
def test_wrong_value_is_one_line_with_key_value_and_what_is_allowed(
    refused: Refused, key: str, value: object, allowed: tuple[str, ...]
) -> None:
    message = refused({key: value})
    start = f"params.yaml: {key}: found {value!r}. "
    assert message.startswith(start)
    assert len(message) > len(start) + 10
    assert "\n" not in message
    for word in allowed:
        assert word in message.removeprefix(start)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise.kind": "salt_and_pepper", "noise.scales": [0, 0.5, 1.5]}, ("noise.scales", "1.5", "between 0 and 1")),
        ({"noise.scales": [0, 1e6]}, ("noise.scales", "1000000.0", "between 0 and 1000")),
        ({"train.models": ["mlp", "resnet"]}, ("train.models", "'resnet'", "cnn_bn, ", "mlp_wide")),
        ({"weight_decay.model": "resnet"}, ("weight_decay.model", "'resnet'", "cnn_bn, ", "mlp_wide")),
        ({"denoise.classifier": "cnn_sgd"}, ("denoise.classifier", "'cnn_sgd'", "train.models: ['mlp', ")),
        ({"train.models": ["cnn"]}, ("denoise.classifier", "'cnn_fresh'", "train.models: ['cnn']")),
        ({"denoise.seed": 3}, ("denoise.seed", "3", "train.seeds: [0, 1, 2]")),
        ({"train.seeds": [1, 2]}, ("denoise.seed", "0", "train.seeds: [1, 2]")),
        ({"denoise.control_levels": [0.2, 0.33]}, ("denoise.control_levels", "0.33", "denoise.levels: [0, 0.05, ")),
        ({"denoise.levels": [0.2, 0.4]}, ("denoise.control_levels", "0.6", "denoise.levels: [0.2, 0.4]")),
        ({"figures.scale": 0.123}, ("figures.scale", "0.123", "[0, ")),
    ],
    ids=str,
)
def test_keys_that_contradict_each_other_are_named(
    refused: Refused, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    message = refused(changes)
    assert message.startswith(f"params.yaml: {words[0]}: found {words[1]}. ")
    assert "\n" not in message
    for word in words:
        assert word in message


CONV, POOL, DENSE = {"conv": 8, "kernel": 3}, {"pool": 2}, {"dense": 8}


@pytest.mark.parametrize(
    ("layers", "position", "reason"),
    [
        ([POOL] * 5, 4, "nothing is left"),
        ([POOL, POOL, {"conv": 1, "kernel": 8}], 2, "nothing is left"),
        ([{"conv": 1, "kernel": 28}, POOL], 1, "nothing is left"),
        ([CONV] * 14, 13, "nothing is left"),
        ([DENSE, CONV], 1, "before the first dense"),
        ([CONV, DENSE, {"dropout": 0.5}, POOL], 3, "before the first dense"),
    ],
)
def test_layers_that_do_not_fit_are_named(
    refused: Refused, layers: list[dict[str, int]], position: int, reason: str
) -> None:
    message = refused({"models.mlp.layers": layers})
    assert message.startswith(f"params.yaml: models.mlp.layers[{position}]: ")
    assert reason in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "key",
    [
        "nois",
        "data.data_set",
        "split.share",
        "noise.scale",
        "train.model",
        "models.mlp.layer",
        "models.cnn.layers[0].stride",
        "models.mlp.layers[0].kernel",
        "models.mlp.layers[0].conv",
        "models.mlp.l2",
        "weight_decay.scales",
        "autoencoder.layers",
        "denoise.control",
        "synthesize.count",
        "figures.scales",
    ],
)
def test_unknown_key_is_named(refused: Refused, key: str) -> None:
    message = refused({key: 1})
    assert message.startswith(f"params.yaml: {key} is not a known key")
    assert "\n" not in message


@pytest.mark.parametrize(
    "key",
    [
        "noise",
        "models",
        "data.dataset",
        "split.seed",
        "noise.scales",
        "train.precision",
        "models.mlp.optimizer",
        "models.cnn.layers[0].kernel",
        *STUDIES,
        *(f"weight_decay.{key}" for key in ("model", "penalties", "factors", "seeds")),
        *(f"autoencoder.{key}" for key in ("level", "encoder", "decoder", "optimizer", "learning_rate")),
        *(f"autoencoder.{key}" for key in ("batch_size", "epochs", "seed")),
        *(f"denoise.{key}" for key in ("classifier", "seed", "levels", "control_levels")),
        *(f"synthesize.{key}" for key in ("digits", "seed")),
        "figures.digits",
    ],
)
def test_missing_key_is_named(refused: Refused, key: str) -> None:
    assert refused({key: REMOVED}) == f"params.yaml: {key} is missing"


def test_all_problems_are_named_at_once(refused: Refused) -> None:
    message = refused({"noise.seed": -1, "train.threads": 0, "models.mlp.epochs": 0, "split.seed": REMOVED, "zoo": 1})
    assert len(message.splitlines()) == 5
    for key in ("noise.seed", "train.threads", "models.mlp.epochs", "split.seed", "zoo"):
        assert f"params.yaml: {key}" in message


@pytest.mark.parametrize(
    "name",
    [
        "a; rm -rf /",
        "$(x)",
        "`x`",
        "../x",
        "a/b",
        "a b",
        "a'b",
        'a"b',
        "a*",
        "a|b",
        "a-b",
        "a\nb",
        "a\n",
        "-a",
        "_a",
        "1a",
        "A",
        "é",
        "",
        "a" * 41,
        7,
        None,
        True,
    ],
    ids=repr,
)
def test_model_name_that_a_shell_or_folder_could_misread_is_refused(refused: Refused, name: object) -> None:
    models = plain(YAML(typ="safe").load(OWN))["models"]
    message = refused({"models": {**models, name: models["mlp"]}})
    start = f"params.yaml: models: found {name!r}. "
    assert message.startswith(start)
    assert len(message) > len(start) + 10
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "found"), [("", "NoneType"), ("null", "NoneType"), ("[1]", "list"), ("5", "int"), ("noise", "str")]
)
def test_file_that_holds_no_mapping_is_refused(text_refused: Refused, text: str, found: str) -> None:
    message = text_refused(text)
    assert message.startswith("params.yaml must hold a mapping")
    assert found in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("noise: [", id="list without an end"),
        pytest.param("noise:\n  kind: a\n kind: b\n", id="indentation"),
        pytest.param("noise:\tx: y", id="tab"),
        pytest.param("a: 1\n---\nb: 2\n", id="two documents"),
        pytest.param("a: *unknown\n", id="alias without an anchor"),
        pytest.param("a: !!python/object/apply:os.system [false]\n", id="call"),
        pytest.param(OWN.replace("dataset: mnist", "dataset: 2020-99-99"), id="no date"),
        pytest.param(OWN.replace("dataset: mnist", "dataset: !!int mnist"), id="no integer"),
        pytest.param(OWN.replace("dataset: mnist", "dataset: !!float mnist"), id="no number"),
        pytest.param("[" * 500, id="deep"),
        pytest.param("\x00", id="null byte"),
        pytest.param(OWN.encode("utf-16"), id="UTF-16"),
        pytest.param(b"noise: \xff\n", id="no UTF-8"),
        pytest.param("é: 1".encode("latin-1"), id="Latin-1"),
    ],
)
def test_file_that_is_no_yaml_is_refused(text_refused: Refused, text: str | bytes) -> None:
    assert text_refused(text).startswith("params.yaml is not valid YAML: ")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("  clip: false", "  clip: false\n  clip: true", "clip"),
        ("\nsplit:", "\ndata: {dataset: digits}\n\nsplit:", "data"),
        ("    optimizer: rmsprop", "    optimizer: rmsprop\n    optimizer: sgd", "optimizer"),
    ],
)
def test_key_that_stands_twice_is_refused(text_refused: Refused, old: str, new: str, key: str) -> None:
    assert OWN.count(old) == 1
    message = text_refused(OWN.replace(old, new))
    assert message.startswith("params.yaml is not valid YAML: ")
    assert f'duplicate key "{key}"' in message


def test_key_that_stands_twice_beside_a_merge_is_refused(text_refused: Refused) -> None:
    message = text_refused("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n  x: 3\n")
    assert 'duplicate key "x"' in message


@pytest.mark.parametrize(("text", "found"), [("[0, 0.1, 0.10]", "[0, 0.1, 0.1]"), ("[0, 1e-1, 0.1]", "[0, 0.1, 0.1]")])
def test_scales_written_differently_but_equal_are_refused(text_refused: Refused, text: str, found: str) -> None:
    message = text_refused(re.sub(r"scales: \[.*?\]", f"scales: {text}", OWN))
    assert message == f"params.yaml: noise.scales: found {found}. Expected each scale once"


def test_scales_factors_and_levels_stay_as_they_are_written(folder: Path) -> None:
    """DVC names stages by them: 1 and 1.0 are names of two stages."""
    scales = {"noise.scales": [0, 1, 2.0], "weight_decay.factors": [0, 1e-6, 1, 2.0]}
    write(folder, {**scales, "denoise.levels": [0, 0.5, 1], "denoise.control_levels": [0.5, 1.0]})
    checked = study.check()
    assert str(checked.noise.scales) == "[0, 1, 2.0]"
    assert str(checked.weight_decay.factors) == "[0, 1e-06, 1, 2.0]"
    assert (str(checked.denoise.levels), str(checked.denoise.control_levels)) == ("[0, 0.5, 1]", "[0.5, 1.0]")


def test_yaml_is_read_as_dvc_reads_it(folder: Path) -> None:
    """In YAML 1.2, ``1e-6`` is a number and ``yes`` a word; PyYAML's 1.1 has it the other way round."""
    (folder / "params.yaml").write_text("a: 1e-6\nb: yes\nc: 012\n")
    assert params.load() == {"a": 1e-6, "b": "yes", "c": 12}


def test_missing_file_is_named_with_its_folder(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        study.check()
    assert str(caught.value).startswith(f"params.yaml not found in {folder}")


@pytest.mark.parametrize(
    ("section", "prefix"),
    [
        (SplitParams, "split"),
        (DrawParams, "noise"),
        (NoiseParams, "noise"),
        (ComputeParams, "train"),
        (FitParams, "train"),
        (ModelParams, "models.cnn_bn"),
        (WeightDecayGrid, "weight_decay"),
        (AutoencoderNoise, "autoencoder"),
        (AutoencoderParams, "autoencoder"),
        (Levels, "denoise"),
        (ControlLevels, "denoise"),
        (DenoiseParams, "denoise"),
        (SynthesizeParams, "synthesize"),
    ],
)
def test_read_gives_the_keys_of_the_section_and_no_others(
    folder: Path, section: type[params.Section], prefix: str
) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    own = YAML(typ="safe").load(OWN)
    for part in prefix.split("."):
        own = own[part]
    expected = {key: value for key, value in own.items() if key in section.model_fields}
    assert params.read(section, prefix).model_dump(exclude_unset=True) == expected


def test_read_gives_typed_layers(folder: Path) -> None:
    write(folder, {"models.mlp.layers": [CONV, POOL, {"dropout": 0.5}, DENSE]})
    assert params.read(ModelParams, "models.mlp").layers == [
        Conv(conv=8, kernel=3),
        Pool(pool=2),
        Dropout(dropout=0.5),
        Dense(dense=8),
    ]


def test_read_is_not_stopped_by_what_its_stage_does_not_read(folder: Path) -> None:
    write(folder, {"noise.scales": None, "noise.unknown": 1, "train": None, "models.mlp.epochs": 0})
    assert params.read(DrawParams, "noise").kind == "gaussian"


@pytest.mark.parametrize(
    ("changes", "prefix", "expected"),
    [
        ({"noise": REMOVED}, "noise", "params.yaml: noise is missing"),
        ({"models.mlp": REMOVED}, "models.mlp", "params.yaml: models.mlp is missing"),
        ({"models": None}, "models.mlp", "params.yaml: models.mlp is missing"),
        ({"noise.seed": REMOVED}, "noise", "params.yaml: noise.seed is missing"),
        ({"models.mlp.epochs": REMOVED}, "models.mlp", "params.yaml: models.mlp.epochs is missing"),
        ({"noise": None}, "noise", "params.yaml: noise: found None. "),
        ({"noise.seed": -1}, "noise", "params.yaml: noise.seed: found -1. "),
        ({"models.mlp.layers[0].dense": 0}, "models.mlp", "params.yaml: models.mlp.layers[0].dense: found 0. "),
    ],
    ids=str,
)
def test_read_names_the_whole_key(folder: Path, changes: dict[str, Any], prefix: str, expected: str) -> None:
    write(folder, changes)
    section = ModelParams if prefix.startswith("models") else DrawParams
    with pytest.raises(UserError) as caught:
        params.read(section, prefix)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_sections_cannot_be_changed(folder: Path) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    with pytest.raises(ValueError, match="frozen"):
        params.read(DrawParams, "noise").seed = 1
