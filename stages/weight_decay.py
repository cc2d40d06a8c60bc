"""Train one model on clean images with an L2 penalty on its weights or activations, or with none, and score it."""

from pathlib import Path

import pandas as pd

from noisy_mnist.core import params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import splits
from noisy_mnist.learning import backend, models, runs, scores
from noisy_mnist.learning.params import ComputeParams, ModelParams, TrainParams


def main(name: str, penalty: str, factor: str, seed: str) -> None:
    """Read ``data/clean``, write history and scores to ``data/weight_decay/<penalty>-<factor>-<seed>``."""
    model = params.read(ModelParams, f"models.{name}")
    if penalty != "none":
        model = model.model_copy(update={f"{penalty}_l2": float(factor)})
    train = params.read(TrainParams, "train")
    compute = params.read(ComputeParams, "compute")
    clean = {split: splits.load(Path("data/clean"), split) for split in splits.SPLITS}

    backend.set_up(compute.threads)
    run_name = f"weight_decay/{penalty}-{factor}-{seed}"
    checkpoint = Path(f"checkpoints/{run_name}.npz")
    trained, history = runs.classifier(name, model, train, compute, int(seed), clean, clean["train"], None, checkpoint)

    held_out = {split: clean[split] for split in ("validation", "test")}
    result = {
        split: scores.report(models.predict(trained, part.images), part.labels) for split, part in held_out.items()
    }
    tables.write_csv(Path(f"data/{run_name}.csv"), pd.DataFrame(history))
    tables.write_json(Path(f"data/{run_name}.json"), result)


if __name__ == "__main__":
    run(main)
