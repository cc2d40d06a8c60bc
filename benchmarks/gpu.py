"""Training on a GPU: an epoch there against all cores of its machine, against plain Keras on it, and four at once."""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import training
from benchmarks.measure import CPU_ONLY, REPETITIONS, Results, command, gpu, ratios, result
from benchmarks.training import FLOAT32, Cost, Net
from noisy_mnist.errors import UserError

EPOCHS = 4
VISIBLE = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
AT_ONCE = 4  # trainings that share the GPU


@dataclass(frozen=True)
class Round:
    """The same network trained on all cores, as a notebook does, and here on the GPU, alone and with others."""

    cores: Cost
    plain: Cost
    alone: dict[str, Cost]
    together: dict[str, list[Cost]]


def main() -> Iterator[Results]:
    """Train each network by all ways in turn, with a seed of its own in each round.

    Raises UserError if TensorFlow cannot use the GPU that is there.
    """
    if not gpu():
        print("gpu is left out: the machine has none that nvidia-smi names", flush=True)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training.prepare(folder)
        if not int(command([sys.executable, "-c", VISIBLE], folder).lines[-1][1]):
            asked = "install 'tensorflow[and-cuda]', as README says"
            raise UserError(f"the machine has {gpu()}, but TensorFlow does not find what it needs to use it: {asked}")
        for net in training.NETS:
            short = replace(net, epochs=EPOCHS)
            rounds = [trained(folder, short, seed) for seed in range(REPETITIONS)]
            for case in net.precisions:
                yield compared(case, rounds)


def trained(folder: Path, net: Net, seed: int) -> Round:
    """Train a network by all ways."""
    training.configure(folder, net, FLOAT32)
    round = Round(training.ours(folder, net, seed, CPU_ONLY), training.plain(folder, net, seed), {}, {})
    others = range(seed + REPETITIONS, seed + REPETITIONS + AT_ONCE)
    for case, precision in net.precisions.items():
        training.configure(folder, net, precision)
        round.alone[case] = training.ours(folder, net, seed)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            round.together[case] = list(pool.map(partial(training.ours, folder, net), others))
    return round


def compared(case: str, rounds: list[Round]) -> Results:
    """Return the results of one precision of a network; cores and plain Keras compute in float32."""
    alone = [round.alone[case] for round in rounds]
    epochs = [cost.epoch for cost in alone]
    cores, plain = [round.cores for round in rounds], [round.plain for round in rounds]
    shared = [statistics.median(cost.epoch for cost in round.together[case]) for round in rounds]
    return {
        f"gpu.{case}.epoch_seconds": result(epochs, "s"),
        f"gpu.{case}.other_seconds": result([cost.whole - EPOCHS * cost.epoch for cost in alone], "s"),
        f"gpu.{case}.speedup": ratios([cost.epoch for cost in cores], epochs),
        f"gpu.{case}.ratio": ratios([cost.epoch for cost in plain], epochs),
        f"gpu.{case}.together_{AT_ONCE}": ratios([AT_ONCE * epoch for epoch in epochs], shared),
        f"gpu.{case}.accuracy_gain": result(
            [100 * (mine.accuracy - other.accuracy) for mine, other in zip(alone, cores, strict=True)], "points"
        ),
    }
