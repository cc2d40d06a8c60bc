"""Training: a stage against plain Keras, whole process and by epoch, and how near each comes to the machine's limit."""

import itertools
import json
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import BFLOAT16, CORES, REPETITIONS, Results, command, cpu_info, ratios, result
from noisy_mnist import splits, tables
from noisy_mnist.params.models import Conv, Dense, ModelParams, Pool
from tools import workspace

SCALE = "0.5"
SIZE, REPEATS = 2048, 20  # of the matrices whose product is the limit
PEAK = f"""
import time, tensorflow as tf
a = tf.random.normal(({SIZE}, {SIZE}), dtype=tf.float32)
(a @ a).numpy()
began = time.perf_counter()
for _ in range({REPEATS}):
    product = a @ a
product.numpy()
print(2 * {SIZE}**3 * {REPEATS} / (time.perf_counter() - began) / 1e9)
"""


@dataclass(frozen=True)
class Case:
    """One comparison: the net, by the name it has in the notebook and in ``models``, and how it is trained here.

    threads: of one operation, as many as make one training fastest. Plain Keras takes all cores.
    """

    name: str
    net: str
    epochs: int
    precision: str
    threads: int


# Three epochs of a ConvNet already take two minutes; the first is left out of the time of an epoch. A second thread
# does not make the MLP faster: operations that do not need each other's results run side by side anyway.
CASES = [
    Case("mlp", "mlp", 20, "float32", 1),
    Case("cnn_float32", "cnn", 3, "float32", CORES),
    Case("cnn_bfloat16", "cnn", 3, "mixed_bfloat16", CORES),
]


@dataclass(frozen=True)
class Cost:
    """What one training took: seconds of the process and of an epoch, and its accuracy on the validation images."""

    whole: float
    epoch: float
    accuracy: float


def main() -> Results:
    """Train each case by both ways in turn, with a seed of its own in each repetition, after the limit is measured."""
    found: Results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, {})
        command([sys.executable, "-m", "dvc", "repro", f"noise@{SCALE}"], folder)
        for case in CASES:
            if case.precision != "float32" and BFLOAT16 not in cpu_info():
                print(f"{case.name} is left out: the processor does not have {BFLOAT16}", flush=True)
                continue
            settings = {"train.precision": case.precision, "train.threads": case.threads}
            workspace.change_params(folder / "params.yaml", {f"models.{case.net}.epochs": case.epochs, **settings})
            rows = [(peak(folder), plain(folder, case, seed), ours(folder, case, seed)) for seed in range(REPETITIONS)]
            found |= compared(case, folder, rows)
    return found


def compared(case: Case, folder: Path, rows: list[tuple[float, Cost, Cost]]) -> Results:
    """Return the results of one case from (GFLOP/s of the limit, plain Keras, ours), a row a repetition."""
    keras_costs, costs = [row[1] for row in rows], [row[2] for row in rows]
    part = f"train.{case.name}"
    gains = [100 * (mine.accuracy - other.accuracy) for other, mine in zip(keras_costs, costs, strict=True)]
    found = {
        f"{part}.ratio": ratios([cost.whole for cost in keras_costs], [cost.whole for cost in costs]),
        f"{part}.epoch_ratio": ratios([cost.epoch for cost in keras_costs], [cost.epoch for cost in costs]),
        f"{part}.epoch_seconds": result([cost.epoch for cost in costs], "s"),
        f"{part}.accuracy_gain": result(gains, "points"),
    }
    if case.precision == "float32":
        work = gflop(case, folder)
        shares = [work / cost.epoch / limit for limit, _, cost in rows]
        plain_shares = [work / cost.epoch / limit for limit, cost, _ in rows]
        found[f"train.{case.net}.gflop_per_epoch"] = result([work], "GFLOP")
        found[f"train.{case.net}.limit"] = result([row[0] for row in rows], "GFLOP / s")
        found[f"train.{case.net}.share_of_limit"] = result(shares, "share")
        found[f"train.{case.net}.plain_share_of_limit"] = result(plain_shares, "share")
    return found


def peak(folder: Path) -> float:
    """Return the GFLOP/s of a float32 matrix product on all cores."""
    return float(command([sys.executable, "-c", PEAK], folder).lines[-1][1])


def plain(folder: Path, case: Case, seed: int) -> Cost:
    """Train as a notebook does."""
    script = Path(__file__).with_name("notebook.py")
    words = [sys.executable, str(script), case.net, f"data/noisy/{SCALE}", str(case.epochs), str(seed)]
    run = command(words, folder)
    said = json.loads(run.lines[-1][1])
    return Cost(run.seconds, epoch_seconds(said["ends"]), said["accuracy"])


def ours(folder: Path, case: Case, seed: int) -> Cost:
    """Run the stage."""
    (folder / f"backups/history/{case.net}/{SCALE}-{seed}.npz").unlink(missing_ok=True)
    run = command([sys.executable, "-m", "stages.train", case.net, SCALE, str(seed)], folder)
    ends = [second for second, line in run.lines if re.match(r"epoch \d+/", line)]
    history = tables.read_csv(folder / f"data/history/{case.net}/{SCALE}-{seed}.csv")
    accuracy = history[history["split"] == "validation"]["accuracy"].iloc[-1]
    return Cost(run.seconds, epoch_seconds(ends), accuracy)


def epoch_seconds(ends: list[float]) -> float:
    """Return the median time of an epoch, from the second on, given when each has ended."""
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def gflop(case: Case, folder: Path) -> float:
    """Return the GFLOP of the matrix products of one epoch: training, and the scoring of validation images.

    A product costs 2 FLOP a multiplication, forward, and twice that backward; the first layer needs no gradient of its
    input. Ours also scores the training images of the curve, which is counted for neither.
    """
    section = workspace.read_params(folder / "params.yaml")["models"][case.net]
    side, depth, first, forward, backward = splits.IMAGE_SHAPE[0], 1, True, 0.0, 0.0
    flat = False
    layers = [*ModelParams.model_validate(section).layers, Dense(dense=splits.CLASSES)]
    for layer in layers:
        match layer:
            case Conv(conv=filters, kernel=kernel):
                side -= kernel - 1
                cost = 2 * side**2 * kernel**2 * depth * filters
                depth = filters
            case Pool(pool=size):
                side //= size
                continue
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
