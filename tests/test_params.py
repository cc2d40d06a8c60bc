"""Every mistake in params.yaml is refused before anything runs, with its key, its value and what is allowed.

The file is kept in the form that DVC writes, so that one changed value is one changed line.
"""

import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from noisy_mnist import study
from noisy_mnist.core import params
from noisy_mnist.core.errors import UserError
from noisy_mnist.core.params import Scale, Seed
from noisy_mnist.data import noise
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.datasets.params import DataParams
from noisy_mnist.learning.params import LAYERS, Conv, Dense, Dropout, ModelParams, OptimizerParams, Precision
from tools import workspace

OWN = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
LINES = OWN.splitlines(keepends=True)
MODELS = list(YAML(typ="safe").load(OWN)["models"])
REMOVED = "<removed>"
LAYER = "{dense: 512}, {conv: 32, kernel: 3, pool: 2} or {dropout: 0.5}"
OPTIMIZERS = ("adam", "rmsprop", "sgd", "adadelta")
PRECISIONS = ("float32", "mixed_bfloat16")
SECTIONS = [name for name in study.Params.model_fields if name != "models"]
DATASETS = ("mnist", "fashion_mnist", "kmnist", "digits")

Refused = Callable[..., str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder and return it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def text_refused(folder: Path) -> Refused:
    """Return a function that writes a text as params.yaml and returns the message it is refused with."""

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
    """Write the project's params.yaml with changes; ``grid.scales[1]`` is the key of an entry of a list."""
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


def place(key: str) -> tuple[int, int]:
    """Return the first line of a key in the project's params.yaml and the one after its last, blank lines left out."""
    start, end = -1, len(LINES)
    for depth, part in enumerate(key.split(".")):
        indent = "  " * depth
        start = next(at for at in range(start + 1, end) if re.match(rf"{indent}{part}:\s", LINES[at]))
        inside = re.compile(rf"{indent}[ -]")  # DVC does not indent the items of a list
        end = next((at for at in range(start + 1, end) if not inside.match(LINES[at])), end)
    return start, end


def plain(data: Any) -> Any:
    """Return a copy in which no two keys share a list or mapping, so that a change of one changes no other."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    return [plain(value) for value in data] if isinstance(data, list) else data


def test_own_file_is_accepted(folder: Path) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    checked = study.check()
    own = plain(YAML(typ="safe").load(OWN))
    assert checked.grid.scales == own["grid"]["scales"]
    assert set(checked.models) == set(own["models"])
    assert checked.model_dump(exclude_unset=True) == own


def test_each_section_has_a_type_of_its_own_with_exactly_its_keys() -> None:
    own = YAML(typ="safe").load(OWN)
    kinds = {name: field.annotation for name, field in study.Params.model_fields.items() if name != "models"}
    assert set(own) == {*kinds, "models"}
    assert len(set(kinds.values())) == len(kinds)
    for name, kind in kinds.items():
        assert kind is not None
        assert issubclass(kind, params.Section)
        assert set(own[name]) == set(kind.model_fields)
    assert get_args(study.Params.model_fields["models"].annotation)[1] is ModelParams
    required = {name for name, field in ModelParams.model_fields.items() if field.is_required()}
    for model in own["models"].values():
        assert required <= set(model) <= set(ModelParams.model_fields)


def values(data: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that is not a mapping, with its dotted key; a list counts as one value."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from values(value, f"{key}.{name}" if key else name)
    else:
        yield key, data


VALUES = dict(values(YAML(typ="safe").load(OWN)))
TRIED = [key for key in VALUES if not key.startswith("models.") or key.split(".")[1] in ("mlp", "cnn_bn", MODELS[-1])]
LISTS = [key for key in TRIED if isinstance(VALUES[key], list)]
SCALARS = [key for key in TRIED if key not in LISTS]
NEW_MODEL = {"layers": [{"conv": 8, "kernel": 5, "pool": 2}, {"dense": 16}], "optimizer": "sgd", "epochs": 3}

Change = Callable[[dict[str, Any]], str]


@pytest.fixture(params=["DVC", "change_params"])
def changed(request: pytest.FixtureRequest, folder: Path) -> Change:
    """Return a function that changes keys of a copy of the project's params.yaml and returns the new text.

    DVC does it with the code of ``dvc exp run -S``.
    """

    def change(changes: dict[str, Any]) -> str:
        path = folder / "params.yaml"
        path.write_text(OWN, encoding="utf-8")
        if request.param == "DVC":
            apply_overrides(path, [f"{'' if key in VALUES else '+'}{key}={hydra(new)}" for key, new in changes.items()])
        else:
            workspace.change_params(path, changes)
        return path.read_text(encoding="utf-8")

    return change


def hydra(value: Any) -> str:
    """Return a value as it is written after ``dvc exp run -S key=``."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{hydra(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(hydra, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def written(value: Any, indent: str) -> list[str]:
    """Return the lines of a list or mapping in block form, written out by hand, not by a YAML library."""
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            nested = isinstance(inner, dict | list)
            lines += [f"{indent}{key}:" + ("" if nested else f" {hydra(inner)}") + "\n"]
            lines += written(inner, indent if isinstance(inner, list) else indent + "  ") if nested else []
        return lines
    items = [written(item, "  ") if isinstance(item, dict) else [f"  {hydra(item)}\n"] for item in value]
    return [f"{indent}{'- ' if not at else '  '}{line[2:]}" for lines in items for at, line in enumerate(lines)]


def test_without_a_change_every_byte_stays(changed: Change) -> None:
    assert changed({}) == OWN
    assert changed({key: value for key, value in VALUES.items() if not isinstance(value, list)}) == OWN


@pytest.mark.parametrize("key", SCALARS)
def test_changed_scalar_is_one_changed_line(changed: Change, key: str) -> None:
    value = VALUES[key]
    new = not value if isinstance(value, bool) else "other" if isinstance(value, str) else value + 7
    at, end = place(key)
    assert end == at + 1
    found = changed({key: new}).splitlines(keepends=True)
    assert [*found[:at], LINES[at], *found[at + 1 :]] == LINES
    before, after = (lines[at].split("#") for lines in (LINES, found))
    assert after[0].rstrip() == f"{before[0].split(':')[0]}: {hydra(new)}"
    assert after[1:] == before[1:]


@pytest.mark.parametrize(
    ("key", "change"),
    [
        (key, change)
        for key in LISTS
        for change in ("one item", "fewer", "more", "other")
        if change != "fewer" or len(VALUES[key]) > 1  # an empty list is written as []
    ],
)
def test_changed_list_changes_only_the_lines_of_that_list(changed: Change, key: str, change: str) -> None:
    items = VALUES[key]
    further = {"dense": 7} if isinstance(items[0], dict) else "other" if isinstance(items[0], str) else 7
    new = {"one item": [*items[:-1], further], "fewer": items[:-1], "more": [*items, further], "other": [further]}
    start, end = place(key)
    indent = re.match(" *", LINES[start])
    assert indent is not None
    expected = [*LINES[: start + 1], *written(new[change], indent[0]), *LINES[end:]]
    assert changed({key: new[change]}) == "".join(expected)


@pytest.mark.parametrize("key", ["models.mlp.fresh_noise", "models.cnn.kernel_l2"])
def test_added_value_is_one_added_line(changed: Change, key: str) -> None:
    _, end = place(key.rpartition(".")[0])
    name = key.rpartition(".")[2]
    assert changed({key: 1}) == "".join([*LINES[:end], f"    {name}: 1\n", *LINES[end:]])


def test_added_model_is_added_lines(changed: Change) -> None:
    lines = changed({"models.tiny": NEW_MODEL}).splitlines(keepends=True)
    at = lines.index("  tiny:\n")
    added = written({"tiny": NEW_MODEL}, "  ")
    assert lines[at : at + len(added)] == added
    assert lines[:at] + lines[at + len(added) :] == LINES
    assert place("models")[1] <= at <= place("weight_decay")[0]


def test_several_changes_are_the_sum_of_their_lines(changed: Change) -> None:
    scalar, (start, end) = place("noise.seed")[0], place("grid.seeds")
    found = changed({"noise.seed": 8, "grid.seeds": [4, 5]})
    assert found.splitlines()[scalar].startswith("  seed: 8")
    lines = found.splitlines(keepends=True)
    assert lines[:scalar] + lines[scalar + 1 :] == [
        *LINES[:scalar],
        *LINES[scalar + 1 : start + 1],
        "  - 4\n",
        "  - 5\n",
        *LINES[end:],
    ]


def test_no_list_is_longer_than_ten() -> None:
    """Each item is a line of the file: evenly spaced values are given as a count instead."""
    assert all(len(value) <= 10 for value in VALUES.values() if isinstance(value, list))


COMMENTS = " ".join(line.partition("#")[2].strip() for line in LINES)
# The defaults that comments give.
DEFAULTS = [
    (Conv, "kernel", r"defaults: kernel (\w+),"),
    (Conv, "stride", r"stride (\w+),"),
    (Conv, "pool", r"pool (\w+),"),
    (Conv, "batch_norm", r"batch_norm (\w+)\)"),
    (OptimizerParams, "schedule", r"schedule: (\w+) \(default\)"),
    (ModelParams, "fresh_noise", r"fresh_noise: [^()]*\(default (\w+)\)"),
    (ModelParams, "standardise", r"standardise: [^()]*\(default (\w+)\)"),
    (ModelParams, "kernel_l2", r"kernel_l2, activity_l2: [^()]*\(default (\w+)\)"),
    (ModelParams, "activity_l2", r"kernel_l2, activity_l2: [^()]*\(default (\w+)\)"),
]


@pytest.mark.parametrize(("section", "key", "pattern"), DEFAULTS)
def test_default_in_a_comment_is_correct(section: type[params.Section], key: str, pattern: str) -> None:
    (found,) = re.findall(pattern, COMMENTS)
    assert found == str(section.model_fields[key].default).lower()


def test_every_default_is_in_a_comment() -> None:
    sections = [study.Params.model_fields[name].annotation for name in SECTIONS]
    known = {
        key
        for section in (*sections, *LAYERS.values(), ModelParams)
        for key, field in section.model_fields.items()  # type: ignore[union-attr]
        if not field.is_required()
    }
    assert known - {"precision"} == {key for _, key, _ in DEFAULTS}
    assert ModelParams.model_fields["precision"].default is None  # that of `train`, as the comment says
    assert "precision: see train" in COMMENTS


@pytest.mark.parametrize(
    ("key", "pattern", "choices"),
    [
        (
            "data.dataset",
            r"# (\w+), (\w+), (\w+), or (\w+) \(",
            get_args(DataParams.model_fields["dataset"].annotation),
        ),
        ("noise.kind", r"(\w+) \(scale: ", tuple(noise.KINDS)),
        ("train.precision", r"# (\w+), or (\w+)", get_args(Precision)),
        ("models", r"optimizer: (\w+), (\w+), (\w+), (\w+)\.", OPTIMIZERS),
        ("models", r"schedule: (\w+) \(default\), or (\w+)", ("constant", "cosine")),
        ("models", r"layers: (\w+) \(.* and (\w+) \(filters.*; (\w+) \(", tuple(LAYERS)),
    ],
)
def test_comment_names_all_choices(key: str, pattern: str, choices: tuple[str, ...]) -> None:
    line = LINES[place(key)[0]]
    # A pattern has a group for each choice, or one that matches them all.
    found = re.findall(pattern, line if "#" in line else COMMENTS)
    assert found in (list(choices), [choices])


@pytest.mark.parametrize("key", ["synthesize.digits", "figures.digits"])
def test_range_in_a_comment_is_what_is_accepted(folder: Path, refused: Refused, key: str) -> None:
    ((low, high),) = re.findall(r"(\d+) to (\d+)", LINES[place(key)[0]])
    for value in (int(low), int(high)):
        write(folder, {key: value})
        study.check()
    for value in (int(low) - 1, int(high) + 1):
        assert f"found {value}" in refused({key: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"grid.scales": [0, 1]},
        {"grid.scales": [1, 0, 1e-6]},
        {"grid.scales": [0, 1, 1000]},
        {"noise.kind": "salt_and_pepper", "grid.scales": [0, 1]},
        {"noise.seed": 2**32 - 1},
        {"split.validation": 0.999},
        {"grid.seeds": [3, 0, 2**32 - 1]},
        {"grid.models": ["cnn"], "denoise.classifier": "cnn"},
        {"grid.seeds": [5, 2], "denoise.seed": 2},
        {"compute.threads": 1024},
        {"train.curve_images": 2**31},
        {"models.mlp.layers": []},
        {"models.mlp.layers": [{"conv": 1, "kernel": 28}, {"dense": 1}]},
        {"models.mlp.layers": [{"conv": 1, "kernel": 1, "pool": 28}, {"dropout": 0}, {"dense": 1}]},
        {"models.mlp.learning_rate": 1},
        {"models.mlp.precision": None},
        {"models.mlp.kernel_l2": 0, "models.mlp.activity_l2": 0.0},
        {"models.mlp.kernel_l2": 1e-6, "models.mlp.activity_l2": 10},
        {"weight_decay.factors": [1, 1e-6]},
        {"weight_decay.penalties": ["activity"], "weight_decay.seeds": [2**32 - 1]},
        {"weight_decay.model": "cnn_bn"},
        {"denoise.level": 0},
        {"denoise.level": 1, "autoencoder.seed": 2**32 - 1},
        {"autoencoder.encoder": [1], "autoencoder.decoder": []},
        {"autoencoder.schedule": REMOVED},
        {"denoise.levels": 2, "denoise.control_levels": [0, 1]},
        {"denoise.levels": 3, "denoise.control_levels": [0.5]},
        {"denoise.levels": 7, "denoise.control_levels": [0.166667, 0.5]},
        {"denoise.levels": 1001, "denoise.control_levels": [0.001, 0.25, 0.999]},
        {"synthesize.digits": 10, "synthesize.seed": 2**32 - 1},
        {"synthesize.digits": 2000},
        {"models.a1_" + "b" * 37: {"layers": [], "optimizer": "sgd", "learning_rate": 1, "batch_size": 1, "epochs": 1}},
    ],
    ids=str,
)
def test_values_within_the_bounds_are_accepted(folder: Path, changes: dict[str, Any]) -> None:
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
        *(("grid.scales[1]", value, ()) for value in NOT_SCALES),
        ("grid.scales[1]", -1, ("0",)),
        ("grid.scales", [], ("at least 1",)),
        ("grid.scales", None, ("list",)),
        ("grid.scales", "0", ("list",)),
        ("grid.scales", {"a": 0}, ("list",)),
        ("grid.scales", [0.1, 1], ("hold 0",)),
        ("grid.scales", [0, 1, 0.5, 1], ("once",)),
        ("grid.scales", [0, 1, 1.0], ("once",)),
        ("grid.scales[0]", 0.0, ZERO),
        ("grid.scales[0]", -0.0, ZERO),
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
        *((section, value, ()) for section in (*SECTIONS, "models") for value in (None, [], 5)),
        ("grid.models", [], ("at least 1",)),
        ("grid.models", None, ("list",)),
        ("grid.models", "mlp", ("list",)),
        ("grid.models[0]", 3, ("string",)),
        ("grid.models", ["mlp", "cnn", "mlp"], ("once",)),
        ("grid.seeds", [], ("at least 1",)),
        ("grid.seeds", None, ("list",)),
        ("grid.seeds", [0, 0], ("once",)),
        *(("grid.seeds[0]", value, ()) for value in NOT_SEEDS),
        *(("compute.threads", value, ()) for value in (*NOT_COUNTS, 2.0)),
        ("compute.threads", 1025, ("less than or equal to 1024",)),
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
        *(("models.cnn.layers[1].pool", value, ()) for value in (*NOT_COUNTS, 29)),
        *(("models.cnn.layers[1].stride", value, ()) for value in (*NOT_COUNTS, 29)),
        ("models.cnn.standardise", "yes", ("boolean",)),
        ("models.cnn_bn.layers[0].batch_norm", "yes", ("boolean",)),
        ("weight_decay.model", None, ("string",)),
        ("weight_decay.penalties", [], ("at least 1",)),
        ("weight_decay.penalties", "kernel", ("list",)),
        ("weight_decay.penalties", ["kernel", "kernel"], ("once",)),
        *(("weight_decay.penalties[1]", value, ("'kernel' or 'activity'",)) for value in ("weights", 2, None)),
        ("weight_decay.factors", [], ("at least 1",)),
        ("weight_decay.factors", None, ("list",)),
        ("weight_decay.factors", [1e-6, 0.000001], ("once",)),
        ("weight_decay.factors", [1, 1.0], ("once",)),
        *(("weight_decay.factors[0]", value, ("greater than 0",)) for value in (0, 0.0, -0.0)),
        *(("weight_decay.factors[1]", value, ()) for value in NOT_SCALES),
        ("weight_decay.seeds", [], ("at least 1",)),
        ("weight_decay.seeds", [0, 1, 0], ("once",)),
        *(("weight_decay.seeds[0]", value, ()) for value in NOT_SEEDS),
        *(("denoise.level", value, ()) for value in NOT_LEVELS),
        ("denoise.level", 1.001, ("less than or equal to 1",)),
        ("denoise.level", -0.001, ("greater than or equal to 0",)),
        ("denoise.level", 0.0, ZERO),
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
        *(("denoise.levels", value, ()) for value in (*NOT_COUNTS, 2.0, [], [0, 0.5, 1], {"a": 2})),
        *(("denoise.levels", value, ("greater than or equal to 2",)) for value in (1, 0, -1)),
        ("denoise.levels", 1002, ("less than or equal to 1001",)),
        *(("denoise.control_levels[3]", value, ()) for value in NOT_LEVELS),
        *(("denoise.control_levels[0]", value, ZERO) for value in (0.0, -0.0)),
        ("denoise.control_levels", [], ("at least 1",)),
        ("denoise.control_levels", None, ("list",)),
        ("denoise.control_levels", 4, ("list",)),
        ("denoise.control_levels", [0.4, 0.2], ("once", "lowest to the highest")),
        ("denoise.control_levels", [0.4, 0.4], ("once", "lowest to the highest")),
        ("denoise.control_levels", [0.2, 1, 1.0], ("once", "lowest to the highest")),
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
def test_wrong_value_gets_one_line_with_key_value_and_what_is_allowed(
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
        ({"noise.kind": "salt_and_pepper", "grid.scales": [0, 0.5, 1.5]}, ("grid.scales", "1.5", "between 0 and 1")),
        ({"grid.scales": [0, 1e6]}, ("grid.scales", "1000000.0", "between 0 and 1000")),
        ({"grid.models": ["mlp", "resnet"]}, ("grid.models", "'resnet'", "cnn_bn, ", "mlp_wide")),
        ({"weight_decay.model": "resnet"}, ("weight_decay.model", "'resnet'", "cnn_bn, ", "mlp_wide")),
        ({"denoise.classifier": "cnn_sgd"}, ("denoise.classifier", "'cnn_sgd'", "grid.models: ['mlp', ")),
        ({"grid.models": ["cnn"]}, ("denoise.classifier", "'cnn_fresh'", "grid.models: ['cnn']")),
        ({"denoise.seed": 3}, ("denoise.seed", "3", "grid.seeds: [0, 1, 2]")),
        ({"grid.seeds": [1, 2]}, ("denoise.seed", "0", "grid.seeds: [1, 2]")),
        (
            {"denoise.control_levels": [0.2, 0.33]},
            ("denoise.control_levels", "0.33", "denoise.levels", "0, 0.05, 0.1, "),
        ),
        ({"denoise.levels": 3}, ("denoise.control_levels", "0.2", "denoise.levels", "0, 0.5, 1")),
        (
            {"denoise.levels": 7, "denoise.control_levels": [0.1667]},
            ("denoise.control_levels", "0.1667", "denoise.levels", "0, 0.166667, 0.333333, 0.5, "),
        ),
        ({"figures.scale": 0.123}, ("figures.scale", "0.123", "grid.scales: [0, ")),
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


CONV, POOL, DENSE = {"conv": 8, "kernel": 3}, {"conv": 8, "kernel": 1, "pool": 2}, {"dense": 8}


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
        "noise.scales",
        "train.models",
        "train.threads",
        "compute.gpus",
        "grid.scale",
        "models.mlp.layer",
        "models.cnn.layers[0].dilation",
        "models.mlp.layers[0].kernel",
        "models.mlp.layers[0].conv",
        "models.mlp.l2",
        "weight_decay.scales",
        "autoencoder.layers",
        "autoencoder.level",
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
        "models",
        *SECTIONS,
        "data.dataset",
        *(f"split.{key}" for key in ("validation", "seed")),
        *(f"noise.{key}" for key in ("kind", "clip", "seed")),
        *(f"train.{key}" for key in ("precision", "curve_images")),
        "compute.threads",
        *(f"models.mlp.{key}" for key in ("layers", "optimizer", "learning_rate", "batch_size", "epochs")),
        *(f"weight_decay.{key}" for key in ("model", "penalties", "factors", "seeds")),
        *(f"autoencoder.{key}" for key in ("encoder", "decoder", "optimizer", "learning_rate")),
        *(f"autoencoder.{key}" for key in ("batch_size", "epochs", "seed")),
        *(f"denoise.{key}" for key in ("classifier", "seed", "level", "levels", "control_levels")),
        *(f"synthesize.{key}" for key in ("digits", "seed")),
        *(f"figures.{key}" for key in ("scale", "digits")),
        *(f"grid.{key}" for key in ("models", "scales", "seeds")),
    ],
)
def test_missing_key_is_named(refused: Refused, key: str) -> None:
    assert refused({key: REMOVED}) == f"params.yaml: {key} is missing"


def test_all_problems_are_named_at_once(refused: Refused) -> None:
    message = refused({"noise.seed": -1, "compute.threads": 0, "models.mlp.epochs": 0, "split.seed": REMOVED, "zoo": 1})
    assert len(message.splitlines()) == 5
    for key in ("noise.seed", "compute.threads", "models.mlp.epochs", "split.seed", "zoo"):
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


@pytest.mark.parametrize("name", ["denoised", "posterior"])
def test_model_named_as_another_method_of_the_comparison_is_refused(refused: Refused, name: str) -> None:
    models = plain(YAML(typ="safe").load(OWN))["models"]
    message = refused({"models": {**models, name: models["mlp"]}})
    assert message == f"params.yaml: models: found '{name}'. Expected a name that no other method has"


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
        pytest.param(OWN.replace("dataset: mnist", "dataset: 2020-99-99"), id="not a date"),
        pytest.param(OWN.replace("dataset: mnist", "dataset: !!int mnist"), id="not an integer"),
        pytest.param(OWN.replace("dataset: mnist", "dataset: !!float mnist"), id="not a number"),
        pytest.param("[" * 500, id="deep"),
        pytest.param("\x00", id="null byte"),
        pytest.param(OWN.encode("utf-16"), id="UTF-16"),
        pytest.param(b"noise: \xff\n", id="not UTF-8"),
        pytest.param("é: 1".encode("latin-1"), id="Latin-1"),
    ],
)
def test_file_that_is_not_yaml_is_refused(text_refused: Refused, text: str | bytes) -> None:
    assert text_refused(text).startswith("params.yaml is not valid YAML: ")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("  clip: false", "  clip: false\n  clip: true", "clip"),
        ("\nsplit:", "\ndata: {dataset: digits}\n\nsplit:", "data"),
        ("    optimizer: rmsprop", "    optimizer: rmsprop\n    optimizer: sgd", "optimizer"),
    ],
)
def test_duplicate_key_is_refused(text_refused: Refused, old: str, new: str, key: str) -> None:
    assert OWN.count(old) == 1
    message = text_refused(OWN.replace(old, new))
    assert message.startswith("params.yaml is not valid YAML: ")
    assert f'duplicate key "{key}"' in message


def test_duplicate_key_beside_a_merge_is_refused(text_refused: Refused) -> None:
    message = text_refused("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n  x: 3\n")
    assert 'duplicate key "x"' in message


@pytest.mark.parametrize(
    ("key", "items"),
    [
        ("grid.scales", ["0", "0.1", "0.10"]),
        ("grid.scales", ["0", "1e-1", "0.1"]),
        ("weight_decay.factors", ["0.5", "1e-6", "0.0000010"]),
        ("denoise.control_levels", ["0.2", "0.20"]),
    ],
)
@pytest.mark.parametrize("form", ["[{}]", "\n  - {}"])
def test_numbers_written_differently_but_equal_are_refused(
    text_refused: Refused, key: str, items: list[str], form: str
) -> None:
    start, end = place(key)
    name = key.split(".")[1]
    written = form.format((", " if form == "[{}]" else "\n  - ").join(items))
    message = text_refused("".join([*LINES[:start], f"  {name}: {written}\n", *LINES[end:]]))
    assert message.startswith(f"params.yaml: {key}: found {[float(item) if float(item) else 0 for item in items]}. ")
    assert "once" in message


def test_scales_factors_and_levels_stay_as_they_are_written(folder: Path) -> None:
    """DVC names stages by them: 1 and 1.0 name two different stages."""
    scales = {"grid.scales": [0, 1, 2.0], "weight_decay.factors": [1e-6, 1, 2.0]}
    write(folder, {**scales, "denoise.level": 1.0, "denoise.levels": 3, "denoise.control_levels": [0, 0.5, 1.0]})
    checked = study.check()
    assert str(checked.grid.scales) == "[0, 1, 2.0]"
    assert str(checked.weight_decay.factors) == "[1e-06, 1, 2.0]"
    assert (str(checked.denoise.level), str(checked.denoise.control_levels)) == ("1.0", "[0, 0.5, 1.0]")
    assert str(params.read(list[Scale], "grid.scales")) == "[0, 1, 2.0]"


def test_yaml_is_read_as_dvc_reads_it(folder: Path) -> None:
    """In YAML 1.2, ``1e-6`` is a number and ``yes`` a word; PyYAML's 1.1 has it the other way round."""
    (folder / "params.yaml").write_text("a: 1e-6\nb: yes\nc: 012\n")
    assert params.load() == {"a": 1e-6, "b": "yes", "c": 12}


def test_missing_file_is_named_with_its_folder(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        study.check()
    assert str(caught.value).startswith(f"params.yaml not found in {folder}")


@pytest.mark.parametrize("section", SECTIONS)
def test_read_gives_the_whole_section(folder: Path, section: str) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    kind = study.Params.model_fields[section].annotation
    assert kind is not None
    found = params.read(kind, section)
    assert type(found) is kind
    assert found.model_dump(exclude_unset=True) == YAML(typ="safe").load(OWN)[section]


@pytest.mark.parametrize("model", MODELS)
def test_read_gives_the_whole_model(folder: Path, model: str) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    found = params.read(ModelParams, f"models.{model}")
    assert found.model_dump(exclude_unset=True) == YAML(typ="safe").load(OWN)["models"][model]


def test_read_gives_typed_layers(folder: Path) -> None:
    write(folder, {"models.mlp.layers": [CONV, POOL, {"dropout": 0.5}, DENSE]})
    assert params.read(ModelParams, "models.mlp").layers == [
        Conv(conv=8, kernel=3),
        Conv(conv=8, kernel=1, pool=2),
        Dropout(dropout=0.5),
        Dense(dense=8),
    ]


def test_read_gives_one_key_of_a_section(folder: Path) -> None:
    write(folder, {"grid": {"scales": [0, 1, 0.5], "seeds": [4], "unknown": None}})
    assert params.read(list[Scale], "grid.scales") == [0, 1, 0.5]
    assert params.read(list[Seed], "grid.seeds") == [4]


def test_read_ignores_mistakes_in_what_its_stage_does_not_read(folder: Path) -> None:
    write(folder, {"grid": None, "nois": 1, "train": REMOVED, "models.mlp.epochs": 0})
    assert params.read(NoiseParams, "noise").kind == "gaussian"
    assert params.read(ModelParams, "models.cnn").epochs > 0


@pytest.mark.parametrize(
    ("changes", "kind", "key", "expected"),
    [
        ({"noise": REMOVED}, NoiseParams, "noise", "params.yaml: noise is missing"),
        ({"models.mlp": REMOVED}, ModelParams, "models.mlp", "params.yaml: models.mlp is missing"),
        ({"models": None}, ModelParams, "models.mlp", "params.yaml: models.mlp is missing"),
        ({"noise.seed": REMOVED}, NoiseParams, "noise", "params.yaml: noise.seed is missing"),
        ({"models.mlp.epochs": REMOVED}, ModelParams, "models.mlp", "params.yaml: models.mlp.epochs is missing"),
        ({"noise": None}, NoiseParams, "noise", "params.yaml: noise: found None. "),
        ({"noise.seed": -1}, NoiseParams, "noise", "params.yaml: noise.seed: found -1. "),
        ({"noise.sed": 1}, NoiseParams, "noise", "params.yaml: noise.sed is not a known key"),
        ({"models.mlp.epoch": 1}, ModelParams, "models.mlp", "params.yaml: models.mlp.epoch is not a known key"),
        (
            {"models.mlp.layers[0].dense": 0},
            ModelParams,
            "models.mlp",
            "params.yaml: models.mlp.layers[0].dense: found 0. ",
        ),
        ({"grid": REMOVED}, list[Scale], "grid.scales", "params.yaml: grid.scales is missing"),
        ({"grid.scales": REMOVED}, list[Scale], "grid.scales", "params.yaml: grid.scales is missing"),
        ({"grid": [0]}, list[Scale], "grid.scales", "params.yaml: grid.scales is missing"),
        ({"grid.scales": None}, list[Scale], "grid.scales", "params.yaml: grid.scales: found None. "),
        *(
            ({"grid.scales[1]": value}, list[Scale], "grid.scales", f"params.yaml: grid.scales[1]: found {value!r}. ")
            for value in (*NOT_SCALES, 0.0)
        ),
    ],
    ids=lambda value: "" if callable(value) or value == list[Scale] else str(value),  # a type's str has its address
)
def test_read_names_the_whole_key(folder: Path, changes: dict[str, Any], kind: Any, key: str, expected: str) -> None:
    write(folder, changes)
    with pytest.raises(UserError) as caught:
        params.read(kind, key)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_sections_cannot_be_changed(folder: Path) -> None:
    (folder / "params.yaml").write_text(OWN, encoding="utf-8")
    with pytest.raises(ValueError, match="frozen"):
        params.read(NoiseParams, "noise").seed = 1
