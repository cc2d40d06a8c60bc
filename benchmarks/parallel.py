"""Many workers: the real graph, tiny, on 1 and 2 of them; sleeping stages on 1 to 16 against the ideal makespan."""

import sys
import tempfile
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.measure import Results, command, in_turn, ratios, result
from tools import quickstart, workspace

SLEEPERS, SLEEP = 48, 10.0  # stages that sleep, and their seconds
WORKERS = (1, 2, 4, 8, 16)


def main() -> Results:
    """Return the speed-up on two workers, and the efficiency on each number of workers with sleeping stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, quickstart.CHANGES)
        command([sys.executable, "-m", "dvc", "repro", "download"], folder)
        one, two = in_turn(*(partial(real, folder, workers) for workers in (1, 2)), n=3)
    found: Results = {"parallel.speedup_2": ratios(one, two)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sleeping(folder)
        for workers in WORKERS:
            ideal = SLEEP * -(-SLEEPERS // workers)
            found[f"parallel.efficiency_{workers}"] = result([ideal / real(folder, workers)], "share")
    return found


def real(folder: Path, workers: int) -> float:
    """Return the seconds of a run of all stages."""
    command(["git", "clean", "-dfxq", "--exclude", ".venv"], folder)
    return command([sys.executable, "-m", "tools.parallel", "--workers", str(workers)], folder).seconds


def sleeping(folder: Path) -> None:
    """Make a project whose graph is ``SLEEPERS`` stages that depend on one, and one that depends on them all."""
    workspace.create(folder, {})
    items = list(range(SLEEPERS))
    stages = {
        "first": {"cmd": "mkdir -p data && echo 0 > data/first", "deps": ["params.yaml"], "outs": ["data/first"]},
        "sleep": {
            "matrix": {"item": items},
            "cmd": f"sleep {SLEEP} && mkdir -p data/slept && echo 0 > data/slept/${{item.item}}",
            "deps": ["data/first"],
            "outs": ["data/slept/${item.item}"],
        },
        "last": {"cmd": "echo 0 > data/last", "deps": ["data/slept"], "outs": ["data/last"]},
    }
    YAML().dump({"stages": stages}, folder / "dvc.yaml")
