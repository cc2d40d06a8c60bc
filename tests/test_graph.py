"""dvc.yaml compared with the code, and the stages that each key of params.yaml reaches."""

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from noisy_mnist.learning.params import ModelParams
from tests.conftest import dvc, failed, ran
from tools.workspace import ROOT

DVC_YAML = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = DVC_YAML["stages"]
# The layers of the library, and then its single modules: each imports only itself and those before it.
LAYERS = ("core", "data", "datasets", "learning", "denoising", "reporting", "posterior", "synthesis", "study")
RUN_STAGES = ("train", "evaluate")
RUNS = [f"{model}-{scale}-0" for model in ("tiny", "tiny_fresh") for scale in ("0", "0.5")]


def module_file(name: str) -> Path | None:
    """Return the project's file of a dotted module name, or None if it has none."""
    base = ROOT.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


def imported_names(path: Path) -> Iterator[str]:
    """Yield the dotted names of all that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_files(path: Path) -> set[Path]:
    """Return the project's files that run when ``path`` is imported, itself included."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += [file for name in imported_names(current) if (file := module_file(name))]
    return found


def unit(path: Path) -> str | None:
    """Return the dependency that covers a code file: its layer's folder, or the file itself if it is in none."""
    parts = path.relative_to(ROOT).parts
    if parts in (("noisy_mnist", "__init__.py"), ("stages", "__init__.py")):
        return None  # holds no code, as a test checks
    return "/".join(parts[:2])


def is_code(dep: str) -> bool:
    return dep.startswith(("noisy_mnist/", "stages/"))


def script(stage: str) -> Path:
    """Return the file that a stage runs: the control of weight decay runs that of weight decay."""
    return ROOT / "stages" / f"{'weight_decay' if stage == 'weight_decay_control' else stage}.py"


def keys_read(stage: str) -> set[str]:
    """Return the keys of params.yaml that a stage asks for in its calls ``params.read(<kind>, <key>)``."""
    keys = set()
    for node in ast.walk(ast.parse(script(stage).read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "params.read":
            model = STAGES[stage]["cmd"].split()[3:4]  # the first argument of a stage that reads an entry of models
            keys.add(ast.unparse(node.args[1]).removeprefix("f").strip("'").replace("{name}", "".join(model)))
    return keys


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_exactly_the_layers_imported(stage: str) -> None:
    declared = {dep for dep in STAGES[stage]["deps"] if is_code(dep)}
    assert declared == {unit(file) for file in imported_files(script(stage))} - {None}


def test_each_layer_imports_only_those_before_it() -> None:
    folder = ROOT / "noisy_mnist"
    assert {path.stem for path in folder.iterdir() if path.name not in ("__init__.py", "__pycache__")} == set(LAYERS)
    for position, layer in enumerate(LAYERS):
        allowed = {f"noisy_mnist.{name}" for name in LAYERS[: position + 1]} | {"noisy_mnist"}
        for path in [folder / f"{layer}.py"] if (folder / f"{layer}.py").exists() else (folder / layer).glob("*.py"):
            names = {name for name in imported_names(path) if module_file(name)}
            assert {".".join(name.split(".")[:2]) for name in names} <= allowed, path


def test_packages_hold_no_code_of_their_own() -> None:
    for path in [*ROOT.glob("noisy_mnist/**/__init__.py"), ROOT / "stages/__init__.py"]:
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_exactly_the_keys_read(stage: str) -> None:
    """The check stage depends on the whole file; all others name their sections."""
    declared = set(STAGES[stage].get("params", []))
    assert declared == keys_read(stage)
    assert ("params.yaml" in STAGES[stage]["deps"]) == (stage == "check")


def test_params_are_whole_sections() -> None:
    """Except ``grid.scales``, at which every model is tested: a new seed or model must not rerun all evaluations."""
    loose = {key for body in STAGES.values() for key in body.get("params", []) if "." in key}
    assert {key for key in loose if not key.startswith("models.${")} == {"grid.scales"}


def test_params_are_read_in_no_other_way() -> None:
    for path in [*ROOT.glob("stages/*.py"), *ROOT.glob("noisy_mnist/**/*.py")]:
        text = path.read_text()
        if path.name not in ("params.py", "study.py"):
            assert not re.search(r"params\.load|YAML\(|open\(.params", text), path


def test_each_stage_has_its_module_and_each_module_its_stage() -> None:
    assert set(ROOT.glob("stages/*.py")) == {script(stage) for stage in (*STAGES, "__init__")}
    for stage, body in STAGES.items():
        assert body["cmd"].split()[:3] == ["python", "-m", f"stages.{script(stage).stem}"]
        assert body["desc"].endswith(".")


def test_no_axis_is_a_param_of_its_own_matrix() -> None:
    for name, body in STAGES.items():
        axes = {axis.strip("${}") for axis in body.get("matrix", {}).values()}
        meant = {"grid.scales"} if name == "evaluate" else set()  # a new scale is a new test for every model
        assert axes & set(body.get("params", [])) == meant


def changed(folder: Path) -> set[str]:
    """Return the stages whose own command, params or dependencies changed; those downstream are left out."""
    with Repo(str(folder)) as repo:
        return {name.rpartition("dvc.yaml:")[2] for name in repo.status()}


def test_the_chart_in_the_readme_is_the_graph() -> None:
    chart = re.search(r"flowchart LR\n(.+?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert chart
    shown = set()
    for line in chart[1].splitlines():
        groups = [group.split(" & ") for group in line.strip().split(" --> ")]
        shown |= {edge for before, after in pairwise(groups) for edge in product(before, after)}
    with Repo(str(ROOT)) as repo:
        edges = {(before.name, after.name) for after, before in repo.index.graph.edges}
    assert shown == {(before.partition("@")[0], after.partition("@")[0]) for before, after in edges}


def leaves(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of all values that are not mappings."""
    for key, entry in value.items():
        if isinstance(entry, dict):
            yield from leaves(entry, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def runs(stage: str, *only: str) -> set[str]:
    """Return the names of one stage's runs in the tiny grid, or only those of one model."""
    return {f"{stage}@{run}" for run in RUNS if not only or run.startswith(f"{only[0]}-")}


def by_scale(*stages: str) -> set[str]:
    """Return the names of the runs in the tiny grid, for stages that run once per scale."""
    return {f"{stage}@{scale}" for stage in stages for scale in ("0", "0.5")}


EVERY_NOISE = by_scale("noise")
PENALISED = {"weight_decay@kernel-0.001-0", "weight_decay@activity-0.001-0", "weight_decay_control@0"}
CONTROL = {"denoise_control@0.5"}
AUTOENCODERS = {"autoencoder"} | by_scale("denoise_scale")
CLASSIFIED = {"denoise", "synthesize"} | by_scale("denoise_scale")
DRAWN = EVERY_NOISE | runs("evaluate") | by_scale("posterior") | {"figures"}
TRAINED = runs("train") | PENALISED | CONTROL | AUTOENCODERS
# For each key: a new value, and the stages that it reaches directly, but for `check`, which reads the whole file.
REACH: dict[str, tuple[Any, set[str]]] = {
    "data.dataset": ("mnist", {"download", "figures"}),
    "split.validation": (0.2, {"split"}),
    "split.seed": (1, {"split"}),
    "noise.kind": ("salt_and_pepper", DRAWN),
    "noise.clip": (True, DRAWN),
    "noise.seed": (1, DRAWN | CONTROL | {"autoencoder", "denoise"}),
    "train.precision": ("mixed_bfloat16", TRAINED),
    "train.curve_images": (99, TRAINED),
    "compute.threads": (2, TRAINED | runs("evaluate") | CLASSIFIED),
    "weight_decay.model": ("tiny_fresh", PENALISED | {"summarize"}),
    "autoencoder.encoder": ([8], AUTOENCODERS),
    "autoencoder.decoder": ([], AUTOENCODERS),
    "autoencoder.optimizer": ("sgd", AUTOENCODERS),
    "autoencoder.learning_rate": (0.5, AUTOENCODERS),
    "autoencoder.schedule": ("cosine", AUTOENCODERS),
    "autoencoder.batch_size": (32, AUTOENCODERS),
    "autoencoder.epochs": (1, AUTOENCODERS),
    "autoencoder.seed": (1, AUTOENCODERS),
    "denoise.classifier": ("tiny", CLASSIFIED | CONTROL | {"summarize"}),
    "denoise.seed": (7, CLASSIFIED | CONTROL | {"summarize"}),
    "denoise.level": (0.3, {"autoencoder", "summarize"}),
    "denoise.levels": (3, {"denoise", "summarize"}),
    "synthesize.digits": (11, {"synthesize"}),
    "synthesize.seed": (1, {"synthesize"}),
    "figures.scale": (0, {"figures"}),
    "figures.digits": (3, {"figures"}),
    # One entry is added to an axis: a scale, a seed, a model, a factor, a level. Of the penalties, one is removed.
    "grid.scales": (
        [0, 0.5, 0.25],
        {"noise@0.25", "posterior@0.25", "denoise_scale@0.25", *runs("evaluate"), "summarize"}
        | {f"{stage}@{model}-0.25-0" for stage in RUN_STAGES for model in ("tiny", "tiny_fresh")},
    ),
    "grid.seeds": ([0, 7], {"summarize"} | {f"{stage}@{run[:-2]}-7" for stage in RUN_STAGES for run in RUNS}),
    "grid.models": (
        ["tiny", "tiny_fresh", "mlp"],
        {"summarize"} | {f"{stage}@mlp-{scale}-0" for stage in RUN_STAGES for scale in ("0", "0.5")},
    ),
    "weight_decay.penalties": (["kernel"], {"summarize"}),
    "weight_decay.factors": (
        [0.001, 1e-6],
        {"weight_decay@kernel-1e-06-0", "weight_decay@activity-1e-06-0", "summarize"},
    ),
    "weight_decay.seeds": ([0, 7], {"summarize"} | {f"{run[:-1]}7" for run in PENALISED}),
    "denoise.control_levels": ([0.25, 0.5], {"denoise_control@0.25", "summarize"}),
}
REMOVED: dict[str, tuple[Any, set[str]]] = {
    "grid.scales": ([0], {"evaluate@tiny-0-0", "evaluate@tiny_fresh-0-0", "summarize"}),
    "grid.models": (["tiny"], {"summarize"}),
}
MODEL_VALUES: dict[str, Any] = {
    "layers": [{"dense": 8}],
    "kernel_l2": 0.1,
    "activity_l2": 0.1,
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "schedule": "cosine",
    "batch_size": 32,
    "epochs": 1,
    "fresh_noise": False,
    "standardise": True,
    "precision": "mixed_bfloat16",
}


def test_every_key_has_its_case() -> None:
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    keys = {key for key in leaves(params) if not key.startswith("models.")}
    assert keys == set(REACH)
    assert set(MODEL_VALUES) == set(ModelParams.model_fields)


def test_there_is_nothing_to_do_in_a_finished_workspace(finished: Path) -> None:
    assert changed(finished) == set()


@pytest.mark.parametrize("key", REACH)
def test_a_changed_key_reaches_its_stages_and_no_others(tiny: Path, change: Callable[..., None], key: str) -> None:
    value, reached = REACH[key]
    change({key: value})
    assert changed(tiny) == {"check", *reached}


@pytest.mark.parametrize("key", REMOVED)
def test_removing_an_entry_reruns_only_stages_that_gather(tiny: Path, change: Callable[..., None], key: str) -> None:
    value, reached = REMOVED[key]
    change({key: value})
    assert changed(tiny) == {"check", *reached}


@pytest.mark.parametrize("key", MODEL_VALUES)
def test_a_key_of_a_model_reaches_its_runs_only(tiny: Path, change: Callable[..., None], key: str) -> None:
    change({f"models.tiny_fresh.{key}": MODEL_VALUES[key]})
    assert changed(tiny) == {"check", *runs("train", "tiny_fresh"), *CONTROL}


def test_a_model_outside_the_study_reaches_nothing(tiny: Path, change: Callable[..., None]) -> None:
    change({"models.mlp.epochs": 1})
    assert changed(tiny) == {"check"}


def test_a_clone_without_cache_finds_the_same_changes(tiny: Path, change: Callable[..., None], tmp_path: Path) -> None:
    for missing in ("data", "models", ".dvc/cache"):
        (tiny / missing).rename(tmp_path / missing.replace("/", "-"))
    asked = ("repro", "--allow-missing", "--dry", "--keep-going")
    assert "Running stage" not in dvc(tiny, *asked)
    change({"models.tiny.epochs": 3, "models.tiny_decay.epochs": 3})
    output = dvc(tiny, *asked, status=255)  # what would run lacks its input here, so dvc names it as failed
    assert ran(output) == {"check"}
    assert failed(output) == runs("train", "tiny") | PENALISED


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "noise.py~", ".noise.py.swp", "._noise.py"])
@pytest.mark.parametrize("folder", ["noisy_mnist/data", "data/clean", "data/history"])
def test_files_of_desktops_and_editors_change_nothing(tiny: Path, folder: str, name: str) -> None:
    (tiny / folder / name).write_text("dropped")
    assert changed(tiny) == set()


@pytest.mark.parametrize("name", [".ipynb_checkpoints", "__pycache__", ".idea", ".vscode"])
@pytest.mark.parametrize("folder", ["noisy_mnist/data", "data/clean", "data/history"])
def test_folders_of_tools_change_nothing(tiny: Path, folder: str, name: str) -> None:
    (tiny / folder / name).mkdir(exist_ok=True)  # Python may have created __pycache__ here
    (tiny / folder / name / "file").write_text("dropped")
    assert changed(tiny) == set()


def test_an_edit_of_a_layer_reaches_the_stages_that_import_it(tiny: Path) -> None:
    with (tiny / "noisy_mnist/reporting/charts.py").open("a") as file:
        file.write("# edited\n")
    assert changed(tiny) == {"check", "summarize", "figures"}


def test_other_noise_params_rerun_no_training_at_scale_0(tiny: Path, change: Callable[..., None]) -> None:
    """At scale 0 there is no noise: the images keep their bytes, so nothing is trained on them again."""
    change({"noise.clip": True})
    before = {path: path.read_bytes() for path in (tiny / "data/noisy/0").iterdir()}
    shutil.rmtree(tiny / "data/noisy/0")
    dvc(tiny, "repro", "noise")
    assert {path: path.read_bytes() for path in (tiny / "data/noisy/0").iterdir()} == before
    reached = {name for name in changed(tiny) if name.startswith(("train", "denoise_scale"))}
    assert reached == {"train@tiny-0.5-0", "train@tiny_fresh-0.5-0", "denoise_scale@0.5"}
