"""Training on a CPU: a stage against plain Keras, per process and per epoch, and how close each is to its limit."""

import itertools
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from joblib import cpu_count

from benchmarks import stubs
from benchmarks.measure import BFLOAT16, REPETITIONS, Result, Results, command, cpu_info, ratios, result
from noisy_mnist.core import tables
from noisy_mnist.data import splits
from noisy_mnist.learning.params import Conv, Dense, ModelParams
from tools import workspace

SCALE = "0.5"
FLOAT32 = "float32"
SIZE, REPEATS = 2048, 20  # of the matrices whose product gives the limit
PEAK = f"""
import sys, time, tensorflow as tf
a = tf.cast(tf.random.normal(({SIZE}, {SIZE})), sys.argv[1])
(a @ a).numpy()
began = time.perf_counter()
for _ in range({REPEATS}):
    product = a @ a
product.numpy()
print(2 * {SIZE}**3 * {REPEATS} / (time.perf_counter() - began) / 1e9)
"""


@dataclass(frozen=True)
class Net:
    """A network, by its name in the notebook and in ``models``, and how it is trained here.

    threads: per operation, the number that makes one training fastest; plain Keras takes all cores. precisions: by the
    name of the comparison.
    """

    name: str
    epochs: int
    threads: int
    precisions: dict[str, str]


# Three epochs of a ConvNet already take two minutes. The first is left out of the time of an epoch. A second thread
# does not make the MLP faster: independent operations run in parallel anyway.
NETS = [
    Net("mlp", 20, 1, {"mlp": FLOAT32}),
    Net("cnn", 3, cpu_count(), {"cnn_float32": FLOAT32, "cnn_bfloat16": "mixed_bfloat16"}),
]


@dataclass(frozen=True)
class Cost:
    """What one training took: seconds of the process and of an epoch, and its accuracy on the validation images."""

    whole: float
    epoch: float
    accuracy: float


@dataclass(frozen=True)
class Round:
    """The same network trained as in a notebook and, in each precision, as here, right after measuring the limit."""

    plain: Cost
    limits: dict[str, float]  # GFLOP/s
    ours: dict[str, Cost]


def main() -> Iterator[Results]:
    """Train each network in every way in turn, with a new seed in each round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for net in NETS:
            precisions = {
                case: kind for case, kind in net.precisions.items() if kind == FLOAT32 or BFLOAT16 in cpu_info()
            }
            for case in net.precisions.keys() - precisions.keys():
                print(f"train.{case} is left out: the processor does not have {BFLOAT16}", flush=True)
            rounds = [trained(folder, net, precisions, seed) for seed in range(REPETITIONS)]
            work = gflop(net, folder)
            yield {f"train.{net.name}.gflop_per_epoch": result([work], "GFLOP")}
            for case, precision in precisions.items():
                yield compared(net.name, case, precision, work, rounds)


def prepare(folder: Path) -> None:
    """Create a workspace with a noisy copy to train on."""
    workspace.create(folder, {})
    command([*stubs.DVC, "repro", f"noise@{SCALE}"], folder)


def configure(folder: Path, net: Net, precision: str) -> None:
    """Set how ``ours`` trains, in the params of a workspace."""
    settings = {f"models.{net.name}.epochs": net.epochs, "compute.threads": net.threads, "train.precision": precision}
    workspace.change_params(folder / "params.yaml", settings)


def trained(folder: Path, net: Net, precisions: dict[str, str], seed: int) -> Round:
    """Train a network in every way."""
    round = Round(plain(folder, net, seed), {}, {})
    for case, precision in precisions.items():
        configure(folder, net, precision)
        round.limits[case] = peak(folder, precision.removeprefix("mixed_"))
        round.ours[case] = ours(folder, net, seed)
    return round


def compared(net: str, case: str, precision: str, work: float, rounds: list[Round]) -> Results:
    """Return the results of one comparison.

    work: GFLOP of an epoch.
    """
    limited = net if precision == FLOAT32 else case
    plain, ours = [round.plain for round in rounds], [round.ours[case] for round in rounds]
    limits = [round.limits[case] for round in rounds]
    results = {
        f"train.{case}.ratio": ratios([cost.whole for cost in plain], [cost.whole for cost in ours]),
        f"train.{case}.epoch_ratio": ratios([cost.epoch for cost in plain], [cost.epoch for cost in ours]),
        f"train.{case}.epoch_seconds": result([cost.epoch for cost in ours], "s"),
        f"train.{case}.accuracy_gain": accuracy_gain(ours, plain),
        f"train.{limited}.limit": result(limits, "GFLOP / s"),
        f"train.{limited}.share_of_limit": ratios([work / cost.epoch for cost in ours], limits, "share"),
    }
    if precision == FLOAT32:  # the precision of plain Keras
        share = ratios([work / cost.epoch for cost in plain], limits, "share")
        results[f"train.{limited}.plain_share_of_limit"] = share
    return results


def accuracy_gain(ours: list[Cost], others: list[Cost]) -> Result:
    """Return the gain in validation accuracy of one way of training over another, paired by round."""
    return result([100 * (mine.accuracy - other.accuracy) for mine, other in zip(ours, others, strict=True)], "points")


def peak(folder: Path, dtype: str) -> float:
    """Return the GFLOP/s of a matrix product on all cores."""
    return float(command([sys.executable, "-c", PEAK, dtype], folder).lines[-1][1])


def plain(folder: Path, net: Net, seed: int) -> Cost:
    """Train as in a notebook."""
    script = Path(__file__).with_name("notebook.py")
    arguments = [sys.executable, str(script), net.name, f"data/noisy/{SCALE}", str(net.epochs), str(seed)]
    run = command(arguments, folder)
    report = json.loads(run.lines[-1][1])
    return Cost(run.seconds, epoch_seconds(report["ends"]), report["accuracy"])


def ours(folder: Path, net: Net, seed: int, gpu: bool = False) -> Cost:
    """Run the stage ``train``.

    gpu: whether to use one.
    """
    (folder / f"checkpoints/history/{net.name}/{SCALE}-{seed}.npz").unlink(missing_ok=True)
    run = command([sys.executable, "-m", "stages.train", net.name, SCALE, str(seed)], folder, gpu)
    ends = [second for second, line in run.lines if re.match(r"epoch \d+/", line)]
    history = tables.read_csv(folder / f"data/history/{net.name}/{SCALE}-{seed}.csv")
    accuracy = history[history["split"] == "validation"]["accuracy"].iloc[-1]
    return Cost(run.seconds, epoch_seconds(ends), accuracy)


def epoch_seconds(ends: list[float]) -> float:
    """Return the median time of an epoch, from the second on. ends: when each epoch ended."""
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def gflop(net: Net, folder: Path) -> float:
    """Return the GFLOP of the matrix products of one epoch: training, and scoring the validation images.

    A forward product costs 2 FLOP per multiply-add, a backward one twice that. The first layer needs no gradient of its
    input. Ours also scores training images for the curve, which is counted for neither.
    """
    section = workspace.read_params(folder / "params.yaml")["models"][net.name]
    side, depth, first, forward, backward = splits.IMAGE_SHAPE[0], 1, True, 0.0, 0.0
    flat = False
    layers = [*ModelParams.model_validate(section).layers, Dense(dense=splits.CLASSES)]
    for layer in layers:
        match layer:
            case Conv(conv=filters, kernel=kernel, pool=pool):
                side -= kernel - 1
                cost = 2 * side**2 * kernel**2 * depth * filters
                side, depth = side // pool, filters
            case Dense(dense=units):
                inputs = depth if flat else side**2 * depth
                cost, depth, flat = 2 * inputs * units, units, True
            case _:
                continue
        forward += cost
        backward += cost if first else 2 * cost
        first = False
    train, validation = (len(splits.load(folder / f"data/noisy/{SCALE}", name).labels) for name in splits.SPLITS[:2])
    return (train * (forward + backward) + validation * forward) / 1e9
