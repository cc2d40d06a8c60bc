"""Shared by all benchmarks: results with their spread, ratios measured in turn, and the cost of a command."""

import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from noisy_mnist.core.errors import UserError
from tools import git

REPETITIONS = 5
CPU_ONLY = {"CUDA_VISIBLE_DEVICES": "-1"}  # hides GPUs from TensorFlow
BFLOAT16 = "avx512_bf16"  # Linux's name of the processor feature for it


@dataclass(frozen=True)
class Result:
    """A median with the smallest and the largest of n measurements."""

    value: float
    low: float
    high: float
    n: int
    unit: str

    def rounded(self) -> dict[str, float | int | str]:
        """Return it as plain data, with four digits."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {**{name: float(f"{number:.4g}") for name, number in numbers.items()}, "n": self.n, "unit": self.unit}


Results = dict[str, Result]


def result(samples: Sequence[float], unit: str) -> Result:
    """Return the median of measurements with its spread."""
    return Result(statistics.median(samples), min(samples), max(samples), len(samples), unit)


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(*works: Callable[[], float], n: int = REPETITIONS) -> list[list[float]]:
    """Return n measurements of each work, made in alternation."""
    rounds = [[work() for work in works] for _ in range(n)]
    return [list(samples) for samples in zip(*rounds, strict=True)]


def ratios(one: Sequence[float], other: Sequence[float], unit: str = "ratio") -> Result:
    """Return one / other, pair by pair."""
    return result([a / b for a, b in zip(one, other, strict=True)], unit)


@dataclass(frozen=True)
class Run:
    """A command that has run: its cost, and the lines that it wrote, each with the second when it came.

    seconds: from its start to its end. cpu_seconds: user and system time of the command and of all descendants that
    were waited for; other work on the machine hardly affects it.
    """

    seconds: float
    cpu_seconds: float
    lines: list[tuple[float, str]]


def command(arguments: Sequence[str], folder: Path, gpu: bool = False) -> Run:
    """Run a command in a folder and return its cost. Raises UserError if it fails.

    gpu: whether it may use one. Only one command may run at a time: the CPU seconds are of all child processes.
    """
    began, used = time.perf_counter(), cpu_of_children()
    environment = git.environment() | ({} if gpu else CPU_ONLY)
    with subprocess.Popen(
        arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        lines = [(time.perf_counter() - began, line.rstrip()) for line in process.stdout or []]
    took = time.perf_counter() - began
    if process.returncode:
        last = "\n".join(line for _, line in lines[-8:])
        raise UserError(f"'{' '.join(arguments)}' ended with status {process.returncode}:\n{last}")
    return Run(took, cpu_of_children() - used, lines)


def cpu_of_children() -> float:
    """Return the CPU seconds, user and system, of all child processes that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def folder_on_disk() -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder beside DVC's own: /tmp may be in memory."""
    disk = Path(".dvc/tmp").resolve()
    disk.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=disk)


def cpu_info() -> str:
    """Return what Linux reports about the processor, nothing elsewhere."""
    return Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
