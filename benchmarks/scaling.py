"""Many workers: a tiny real graph with ``dvc repro`` and on 2 workers; one with sleeping trainings on 1 to 16."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import stubs
from benchmarks.measure import REPETITIONS, Results, command, in_turn, ratios, result
from tools import quickstart, workspace

SLEEP = 240  # seconds of each training: slightly less than the study's average when two run at a time
WORKERS = (1, 2, 4, 8, 16)
REPEATED = (2, 16)  # the others are measured once: each takes more than SLEEP


def two() -> Iterator[Results]:
    """Yield the speed-up of two workers over ``dvc repro``."""
    alone, both = in_turn(partial(real, [*stubs.DVC, "repro"]), partial(real, parallel(2)))
    yield {"parallel.repro_seconds": result(alone, "s"), "parallel.speedup_2": ratios(alone, both)}


def many() -> Iterator[Results]:
    """Yield the efficiency of each number of workers, which share this machine's cores.

    This is weak scaling: there are as many trainings as workers, so the ideal makespan is that of one training, if all
    else took no time. The efficiency is the ideal makespan as a share of the measured one.
    """
    for workers in WORKERS:
        times = [asleep(workers) for _ in range(REPETITIONS if workers in REPEATED else 1)]
        yield {f"parallel.efficiency_{workers}": result([SLEEP / time for time in times], "share")}


def parallel(workers: int) -> list[str]:
    """Return the command that runs a graph on a number of workers."""
    return [*stubs.ENGINE, "--workers", str(workers)]


def real(arguments: Sequence[str]) -> float:
    """Return the seconds of the quickstart's study at two scales, from scratch."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, {**quickstart.CHANGES, "grid.scales": [0, 1]})
        return command(arguments, folder).seconds


def asleep(workers: int) -> float:
    """Return the seconds of the study's graph with trainings that sleep."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubs.create(folder, grid(workers), training=SLEEP)
        return command(parallel(workers), folder).seconds


def grid(workers: int) -> dict[str, Any]:
    """Return the params, by dotted key, of a graph with as many seeds, and so trainings, as workers."""
    return {
        **stubs.ONE_MODEL,
        "grid.scales": [0],
        "grid.seeds": list(range(workers)),
        "weight_decay.factors": [1e-3],
        "weight_decay.seeds": [0],
    }
