"""One tiny finished graph, run once by ``make repro`` and copied by each test that changes it."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import workspace
from tools.git import environment

TINY_MODEL = {
    "layers": [{"dense": 16}, {"dropout": 0.2}],
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 64,
    "epochs": 2,
}
TINY_CNN = {**TINY_MODEL, "layers": [{"conv": 4, "kernel": 3, "pool": 4, "batch_norm": True}], "fresh_noise": True}
TINY = {
    "data.dataset": "digits",
    "grid.scales": [0, 0.5],
    "grid.models": ["tiny", "tiny_fresh"],
    "grid.seeds": [0],
    "train.curve_images": 100,
    "models.tiny": TINY_MODEL,
    "models.tiny_fresh": TINY_CNN,
    "models.tiny_decay": {**TINY_MODEL, "layers": [{"dense": 8}]},
    "weight_decay.model": "tiny_decay",
    "weight_decay.factors": [0.001],
    "weight_decay.seeds": [0],
    "autoencoder.encoder": [16, 8],
    "autoencoder.decoder": [16],
    "autoencoder.epochs": 2,
    "denoise.classifier": "tiny_fresh",
    "denoise.levels": 5,
    "denoise.control_levels": [0.5],
    "synthesize.digits": 10,
    "figures.scale": 0.5,
}


# The test files that take minutes, longest first. Started last, one of them would still run when all others are done.
SLOW = ("interruptions", "pipeline", "engine", "results", "publish", "graph")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow files first."""
    order = {f"test_{name}": position for position, name in enumerate(SLOW)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def dvc(folder: Path, *arguments: str, status: int | None = 0) -> str:
    """Run dvc in ``folder``, check its exit status unless that is None, return what it printed to both streams."""
    return run_in(folder, ["dvc", *arguments], status)


def run_in(folder: Path, command: list[str], status: int | None) -> str:
    """Run any command in ``folder``, as ``dvc`` does."""
    pipe, environment = subprocess.PIPE, program_environment()
    run = subprocess.run(command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, check=False)
    output = run.stdout.decode()
    assert status is None or run.returncode == status, output
    return output


def program_environment() -> dict[str, str]:
    """Return the environment variables, with the folder of this Python first in PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**environment(), "PATH": path}


def tool(folder: Path, module: str, *arguments: str, status: int = 0) -> str:
    """Run a module of ``tools`` in ``folder``, check its exit status, return what it printed to both streams."""
    return run_in(folder, [sys.executable, "-m", f"tools.{module}", *arguments], status)


def ran(output: str) -> set[str]:
    """Return the names of the stages that dvc says it ran."""
    return set(re.findall(r"Running stage '([^']+)'", output))


def shown(output: str) -> set[str]:
    """Return the stages that make repro says have succeeded."""
    return set(re.findall(r"^\d+/\d+ (\S+): (?:\d+ s|from the run cache), \d+ to go$", output, re.MULTILINE))


def failed(output: str) -> set[str]:
    """Return the names of the stages that dvc says it could not run."""
    return {name for line in re.findall(r"failed to reproduce (.*)", output) for name in re.findall(r"'([^']+)'", line)}


def git(folder: Path, *arguments: str) -> str:
    """Run git in ``folder`` with a test author and return what it printed."""
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *author, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def tensorflow_set_up() -> None:
    """Set TensorFlow up as the stages do. Once a process has used TensorFlow, no test can."""
    from noisy_mnist.learning import backend  # takes seconds, and most tests do not need it

    backend.set_up(threads=1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace whose tiny graph has run and is committed. All test processes share it: do not change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "finished"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            workspace.create(folder, TINY)
            tool(folder, "repro")
            git(folder, "add", "--all")
            git(folder, "commit", "--quiet", "--message", "Tiny graph")
            git(folder, "branch", "--move", "main")
            (folder / ".git/info/exclude").write_text("done\n")
            (folder / "done").touch()
    return folder


@pytest.fixture
def tiny(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished workspace that a test may change."""
    return shutil.copytree(finished, tmp_path / "tiny", symlinks=True)


@pytest.fixture
def change(tiny: Path) -> Callable[..., None]:
    """Return a function that sets dotted keys in the copy's params.yaml."""
    return lambda changes: workspace.change_params(tiny / "params.yaml", changes)
