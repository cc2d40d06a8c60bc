"""Training on a GPU, in each precision, against the same training on the CPU of the same machine."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from benchmarks import training_speed
from benchmarks.measure import REPETITIONS, Result, Results, command, ratios, result
from benchmarks.training_speed import FLOAT32, Cost, Net
from tools import workspace

EPOCHS = 3  # the first is left out; the time of an epoch is the median of the others
# Prints the name of the first GPU, nothing if there is none.
NAME = """
import tensorflow as tf
gpus = tf.config.list_physical_devices("GPU")
print(tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "")
"""


@dataclass(frozen=True)
class Round:
    """The same network trained on the CPU, in float32, and on the GPU in each precision."""

    cpu: Cost
    gpu: dict[str, Cost]


def main() -> Iterator[Results]:
    """Train each network in every way in turn, with a new seed in each round."""
    if not card():
        print("gpu is left out: TensorFlow finds none, see docs/clusters.md", flush=True)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training_speed.prepare(folder)
        for net in training_speed.NETS:
            short = replace(net, epochs=EPOCHS)
            rounds = [trained(folder, short, seed) for seed in range(REPETITIONS)]
            for case in net.precisions:
                yield compared(case, rounds)


@cache
def card() -> str:
    """Return the name of the first GPU that TensorFlow can use, nothing if there is none."""
    return command([sys.executable, "-c", NAME], workspace.ROOT, gpu=True).lines[-1][1]


def trained(folder: Path, net: Net, seed: int) -> Round:
    """Train a network in every way."""
    training_speed.configure(folder, net, FLOAT32)
    round = Round(training_speed.ours(folder, net, seed), {})
    for case, precision in net.precisions.items():
        training_speed.configure(folder, net, precision)
        round.gpu[case] = training_speed.ours(folder, net, seed, gpu=True)
    return round


def compared(case: str, rounds: list[Round]) -> Results:
    """Return the results of one precision of a network; the CPU computes in float32."""
    cpu, gpu = [round.cpu for round in rounds], [round.gpu[case] for round in rounds]
    epochs = [cost.epoch for cost in gpu]
    return {
        f"gpu.{case}.epoch_seconds": result(epochs, "s"),
        f"gpu.{case}.other_seconds": other(gpu),
        f"gpu.{case}.cpu_other_seconds": other(cpu),
        f"gpu.{case}.speedup": ratios([cost.epoch for cost in cpu], epochs),
        f"gpu.{case}.accuracy_gain": training_speed.accuracy_gain(gpu, cpu),
    }


def other(costs: list[Cost]) -> Result:
    """Return the seconds outside the epochs, plus the extra time of the first epoch."""
    return result([cost.whole - EPOCHS * cost.epoch for cost in costs], "s")
