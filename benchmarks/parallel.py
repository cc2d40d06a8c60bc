"""Many workers: the real graph, tiny, on 1 and 2 of them; sleeping stages on 1 to 16 against the ideal makespan."""

import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.measure import Results, command, in_turn, ratios, result
from tools import quickstart, workspace

ROUNDS, SLEEP = 3, 60  # stages that sleep, for each worker, and their seconds: short beside a real training
WORKERS = (1, 2, 4, 8, 16)


def main() -> Results:
    """Return the speed-up on two workers, and the efficiency on each number of workers with sleeping stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, quickstart.CHANGES)
        one, two = in_turn(*(partial(real, folder, workers) for workers in (1, 2)), n=3)
    found: Results = {"parallel.speedup_2": ratios(one, two)}
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as name:
            sleeping(Path(name), ROUNDS * workers)
            found[f"parallel.efficiency_{workers}"] = result([ROUNDS * SLEEP / real(Path(name), workers)], "share")
    return found


def real(folder: Path, workers: int) -> float:
    """Return the seconds of a run of all stages, as if none had ever run."""
    (folder / "dvc.lock").unlink(missing_ok=True)
    for results in ("data", "models", "backups", "metrics", "plots", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(folder / results, ignore_errors=True)
    return command([sys.executable, "-m", "tools.parallel", "--workers", str(workers)], folder).seconds


def sleeping(folder: Path, sleepers: int) -> None:
    """Make a project whose graph is stages that sleep and depend on one stage, and one that depends on them all."""
    workspace.create(folder, {})
    stages = {
        "first": {"cmd": "mkdir -p data && echo 0 > data/first", "deps": ["params.yaml"], "outs": ["data/first"]},
        "sleep": {
            "matrix": {"item": list(range(sleepers))},
            "cmd": f"sleep {SLEEP} && mkdir -p data/slept && echo 0 > data/slept/${{item.item}}",
            "deps": ["data/first"],
            "outs": ["data/slept/${item.item}"],
        },
        "last": {"cmd": "echo 0 > data/last", "deps": ["data/slept"], "outs": ["data/last"]},
    }
    YAML().dump({"stages": stages}, folder / "dvc.yaml")
