"""Training on a GPU, in each precision, against all cores of the same machine."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import training
from benchmarks.measure import REPETITIONS, Results, command, gpu, ratios, result
from benchmarks.training import FLOAT32, Cost, Net
from noisy_mnist.errors import UserError

EPOCHS = 3
VISIBLE = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"


@dataclass(frozen=True)
class Round:
    """The same network trained on all cores, in float32, and on the GPU in each precision."""

    cores: Cost
    card: dict[str, Cost]


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
            yield {name: found for case in net.precisions for name, found in compared(case, rounds).items()}


def trained(folder: Path, net: Net, seed: int) -> Round:
    """Train a network by all ways."""
    training.configure(folder, net, FLOAT32)
    round = Round(training.ours(folder, net, seed), {})
    for case, precision in net.precisions.items():
        training.configure(folder, net, precision)
        round.card[case] = training.ours(folder, net, seed, {})
    return round


def compared(case: str, rounds: list[Round]) -> Results:
    """Return the results of one precision of a network; the cores compute in float32."""
    cores, card = [round.cores for round in rounds], [round.card[case] for round in rounds]
    epochs = [cost.epoch for cost in card]
    gains = [100 * (mine.accuracy - other.accuracy) for mine, other in zip(card, cores, strict=True)]
    return {
        f"gpu.{case}.epoch_seconds": result(epochs, "s"),
        f"gpu.{case}.other_seconds": result([cost.whole - EPOCHS * cost.epoch for cost in card], "s"),
        f"gpu.{case}.speedup": ratios([cost.epoch for cost in cores], epochs),
        f"gpu.{case}.accuracy_gain": result(gains, "points"),
    }
