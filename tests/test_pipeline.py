"""The graph as its users run it: again, on a branch and with wrong params; and its committed results."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo

from noisy_mnist.core import tables
from tests.conftest import dvc, failed, git, ran, run_in, shown, tool
from tests.test_graph import STAGES
from tools import git as tools_git
from tools.workspace import ROOT


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the bytes of all files in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_results_have_the_promised_names(finished: Path) -> None:
    summary = json.loads((finished / "metrics/summary.json").read_text())
    assert list(summary) == ["accuracy", "posterior", "weight_decay", "denoise", "new_digits"]
    assert {model: list(by_scale) for model, by_scale in summary["accuracy"].items()} == {
        "tiny": ["0", "0.5"],
        "tiny_fresh": ["0", "0.5"],
    }
    assert list(summary["posterior"]) == ["0", "0.5"]
    assert {name: list(found) for name, found in summary["weight_decay"].items()} == {
        "kernel": ["factor", "test_accuracy"],
        "activity": ["factor", "test_accuracy"],
    }
    assert list(summary["denoise"]) == ["helps_from", "helps_to", "autoencoder_validation_loss"]
    assert list(summary["new_digits"]) == ["intended"]
    scores = (finished / "metrics/scores.csv").read_text().partition("\n")[0]
    assert scores == "study,model,scale,split,score,mean,std,n,ci95"
    headers = {path.name: path.read_text().partition("\n")[0] for path in (finished / "plots").glob("*.csv")}
    assert headers["accuracy_by_scale.csv"] == "model,scale,seed,split,accuracy,loss"
    assert headers["curves.csv"] == "model,scale,seed,epoch,split,accuracy,loss"
    assert headers["transfer.csv"] == "model,train_scale,test_scale,seed,accuracy"
    assert headers["posterior.csv"] == "scale,accuracy"
    assert headers["comparison.csv"] == "method,scale,accuracy,ci95,above_posterior"
    assert headers["weight_decay.csv"] == "penalty,factor,seed,validation_accuracy,test_accuracy"
    assert headers["denoise.csv"].startswith("level,images,accuracy,macro_recall")
    assert list(tables.read_csv(finished / "plots/denoise.csv")["images"].unique()) == ["noisy", "denoised"]
    assert (finished / "plots/curves.csv").read_text().splitlines()[1].startswith("tiny,0,0,1,train,")


def test_run_leaves_git_clean_but_for_its_results(finished: Path) -> None:
    tracked = git(finished, "ls-files").splitlines()
    assert not [name for name in tracked if name.startswith(("data/", "models/", "checkpoints/"))]
    ignored = ["quickstart/dvc.lock", "quickstart-mnist/a", "data/raw", "models/mlp", "checkpoints/mlp", "dvc_plots/a"]
    assert git(ROOT, "check-ignore", *ignored).splitlines() == ignored


def test_checkpoints_are_gone_when_training_is_done(finished: Path) -> None:
    assert not list(finished.glob("checkpoints/**/*.npz"))


def test_settings_from_outside_the_project_change_no_byte(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings of Keras, TensorFlow, oneDNN and Matplotlib, for a stage in a process of its own and in a fork."""
    (tmp_path / ".keras").mkdir()
    keras = {"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "jax"}
    (tmp_path / ".keras/keras.json").write_text(json.dumps(keras))
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nlines.linewidth: 9\n")
    outside = {
        "HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "none",
        "MATPLOTLIBRC": str(tmp_path),
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    }
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    outputs = [tiny / "models/tiny_fresh/0.5-0.keras", tiny / "data/history/tiny_fresh/0.5-0.csv"]
    figures = sorted(tiny.glob("plots/figures/*.png"))
    before = [path.read_bytes() for path in [*outputs, *figures]]

    for path in [*outputs, *figures]:
        path.unlink()
    ignored = "which would change results: KERAS_BACKEND, KERAS_MAX_EPOCHS, ONEDNN_MAX_CPU_ISA, TF_ENABLE_ONEDNN_OPTS"
    assert ignored in run_in(tiny, [sys.executable, "-m", "stages.train", "tiny_fresh", "0.5", "0"], 0)
    run_in(tiny, [sys.executable, "-m", "stages.figures"], 0)
    assert [path.read_bytes() for path in [*outputs, *figures]] == before

    for path in outputs:
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()  # as DVC's cache names it
        (tiny / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()
        path.unlink()
    output = tool(tiny, "repro", "train@tiny_fresh-0.5-0")
    assert re.search(r"train@tiny_fresh-0\.5-0: \d+ s", output)
    assert ignored in output  # the fork server says so; a process of its own would say it in its log
    assert [path.read_bytes() for path in outputs] == before[:2]


def test_training_killed_midway_ends_with_the_same_bytes(tiny: Path, change: Callable[..., None]) -> None:
    """SIGKILL to the stage itself, twice; the third run resumes and finishes."""
    change({"models.tiny_fresh.epochs": 12})
    outputs = [tiny / "models/tiny_fresh/0.5-0.keras", tiny / "data/history/tiny_fresh/0.5-0.csv"]
    command = [sys.executable, "-m", "stages.train", "tiny_fresh", "0.5", "0"]
    assert subprocess.run(command, cwd=tiny, check=False).returncode == 0
    straight = [path.read_bytes() for path in outputs]
    for path in [*outputs, tiny / "checkpoints/history/tiny_fresh/0.5-0.npz"]:
        path.unlink()
    for _ in range(2):
        with subprocess.Popen(command, cwd=tiny, stderr=subprocess.PIPE, text=True) as stage:
            assert stage.stderr
            next(line for line in stage.stderr if line.startswith("epoch"))
            stage.kill()
        assert not outputs[0].exists()
    resumed = subprocess.run(command, cwd=tiny, stderr=subprocess.PIPE, text=True, check=True).stderr
    assert "epoch 1/12" not in resumed
    assert [path.read_bytes() for path in outputs] == straight


@pytest.mark.parametrize("stage", STAGES)
def test_declared_dependencies_are_enough(finished: Path, tmp_path: Path, stage: str) -> None:
    """Each stage runs once, in a folder with only params.yaml and its dependencies."""
    with Repo(str(finished)) as repo:
        instance = next(found for found in repo.index.stages if re.fullmatch(rf"{stage}(@.*)?", found.name))
        needed = [
            Path(dep.fs_path).relative_to(finished) for dep in instance.deps if not isinstance(dep, ParamsDependency)
        ]
    for path in {Path("params.yaml"), *needed}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (finished / path).is_dir() else shutil.copy
        copy(finished / path, tmp_path / path)
    command = [sys.executable, *instance.cmd.split()[1:]]
    environment = {**tools_git.environment(), "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for out in instance.outs:
        assert (tmp_path / Path(out.fs_path).relative_to(finished)).exists()


def test_forced_run_of_dvc_leaves_the_lock_file_as_the_engine_wrote_it(tiny: Path) -> None:
    before = (tiny / "dvc.lock").read_bytes()
    results = contents(tiny / "plots") | contents(tiny / "metrics")
    assert not list(tiny.glob("checkpoints/**/*.npz"))  # otherwise nothing would be trained again
    dvc(tiny, "repro", "--force")
    assert (tiny / "dvc.lock").read_bytes() == before
    assert contents(tiny / "plots") | contents(tiny / "metrics") == results


def test_two_threads_give_the_same_bytes_each_time(tiny: Path, change: Callable[..., None]) -> None:
    one = {path: path.read_bytes() for path in (tiny / "models").glob("tiny*/0.5-0.keras")}
    change({"compute.threads": 2})
    names = ["train@tiny-0.5-0", "train@tiny_fresh-0.5-0"]
    assert ran(dvc(tiny, "repro", "--single-item", *names)) == set(names)
    first = {path: path.read_bytes() for path in one}
    shutil.rmtree(tiny / "checkpoints")
    assert ran(dvc(tiny, "repro", "--force", "--single-item", *names)) == set(names)
    assert {path: path.read_bytes() for path in one} == first
    mlp = tiny / "models/tiny/0.5-0.keras"
    assert first[mlp] == one[mlp]  # this holds for MLPs; for ConvNets it depends on the processor


def test_branch_with_a_wider_model_and_one_more_scale(tiny: Path, change: Callable[..., None]) -> None:
    noisy = contents(tiny / "data/noisy")
    git(tiny, "checkout", "--quiet", "-b", "wide")
    change({"models.tiny.layers": [{"dense": 64}], "grid.scales": [0, 0.25, 0.5]})
    output = tool(tiny, "repro")
    new = {"tiny-0-0", "tiny-0.25-0", "tiny-0.5-0", "tiny_fresh-0.25-0"}
    tested = new | {"tiny_fresh-0-0", "tiny_fresh-0.5-0"}  # all models, at the new scale too
    assert shown(output) == {"check", "summarize", "figures", *(f"evaluate@{run}" for run in tested)} | {
        *(f"train@{run}" for run in new),
        *(f"{stage}@0.25" for stage in ("noise", "posterior", "denoise_scale")),
    }
    assert noisy.items() <= contents(tiny / "data/noisy").items()
    git(tiny, "add", "--all")
    git(tiny, "commit", "--quiet", "--message", "Wide")

    metrics = json.loads(dvc(tiny, "metrics", "diff", "main", "--json"))["metrics/summary.json"]
    assert set(metrics) >= {"accuracy.tiny.0", "accuracy.tiny.0.25"}
    assert "accuracy.tiny_fresh.0.5" not in metrics
    assert "accuracy.tiny.0.25" in dvc(tiny, "metrics", "diff", "main")

    plots = json.loads(dvc(tiny, "plots", "diff", "main", "--json"))["data"]
    for name in ("accuracy_by_scale", "curves", "transfer"):
        (drawn,) = plots[f"plots/{name}.csv"]
        points = drawn["content"]["data"]["values"]
        scales = {(point["rev"], point.get("scale", point.get("test_scale"))) for point in points}
        assert scales == {("main", "0"), ("main", "0.5")} | {("workspace", scale) for scale in ("0", "0.25", "0.5")}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grid.scales": [0, -1]}, ["grid.scales[1]", "-1", "greater than or equal to 0"]),
        ({"grid.scales": [0, 0.1, 0.10]}, ["grid.scales", "each entry once"]),
        ({"grid.models": []}, ["grid.models", "at least 1"]),
        ({"grid.models": ["tiny", "nothing"]}, ["grid.models", "'nothing'", "Expected keys of models"]),
        ({"denoise.classifier": "mlp"}, ["denoise.classifier", "'mlp'", "Expected one of grid.models"]),
        ({"denoise.levels": 1}, ["denoise.levels", "1", "greater than or equal to 2"]),
        ({"weight_decay.factors": []}, ["weight_decay.factors", "at least 1"]),
        ({"weight_decay.seeds": []}, ["weight_decay.seeds", "at least 1"]),
    ],
)
def test_wrong_params_are_refused_before_anything_runs(
    tiny: Path, change: Callable[..., None], changes: dict[str, object], said: list[str]
) -> None:
    change(changes)
    output = dvc(tiny, "repro", status=255)
    assert ran(output) == {"check"}, output
    assert "Traceback" not in output
    for part in said:
        assert part in output


def test_committed_results_are_those_of_the_committed_code(tmp_path: Path) -> None:
    """In a clone without data there is nothing to run: an edit without a run fails here."""
    for name in git(ROOT, "ls-files").splitlines():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    output = dvc(tmp_path, "repro", "--allow-missing", "--dry", "--keep-going", status=None)
    assert not ran(output) | failed(output)
