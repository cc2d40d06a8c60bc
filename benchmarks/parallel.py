"""Many workers: the real graph, tiny, on 1 and 2 of them; sleeping stages on 1 to 16 against the ideal makespan."""

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.growth import DVC
from benchmarks.measure import REPETITIONS, Results, command, in_turn, ratios, result
from tools import quickstart, workspace

ROUNDS, SLEEP = 3, 60  # stages that sleep, for each worker, and their seconds: short beside a real training
WORKERS = (1, 2, 4, 8, 16)


def main() -> Results:
    """Return the speed-up on two workers against ``dvc repro``, and the efficiency of each number of workers."""
    alone, two = in_turn(partial(real, [*DVC, "repro"]), partial(real, parallel(2)))
    found: Results = {"parallel.repro_seconds": result(alone, "s"), "parallel.speedup_2": ratios(alone, two)}
    for workers in WORKERS:
        times = [asleep(workers) for _ in range(REPETITIONS if workers == max(WORKERS) else 1)]
        found[f"parallel.efficiency_{workers}"] = result([ROUNDS * SLEEP / time for time in times], "share")
    return found


def parallel(workers: int) -> list[str]:
    """Return the command that runs a graph on a number of workers."""
    return [sys.executable, "-m", "tools.parallel", "--workers", str(workers)]


def real(words: Sequence[str]) -> float:
    """Return the seconds of the quickstart's study, none of which has run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, quickstart.CHANGES)
        return command(words, folder).seconds


def asleep(workers: int) -> float:
    """Return the seconds of a graph of sleeping stages, ROUNDS for each worker."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sleeping(folder, ROUNDS * workers)
        return command(parallel(workers), folder).seconds


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
