"""Run a small grid of the real graph in a folder of its own, and show the results."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from noisy_mnist.core import tables
from noisy_mnist.core.errors import UserError
from noisy_mnist.datasets.params import DataParams
from noisy_mnist.reporting.names import of_dataset, of_noise
from tools import git, plots, workspace
from tools.command import call, run

DIGITS = "digits"  # from scikit-learn, so no network is needed
CHANGES = {
    "data.dataset": DIGITS,
    "grid.scales": [0, 0.5, 1],
    "grid.models": ["mlp", "cnn"],
    "grid.seeds": [0],
    "weight_decay.penalties": ["kernel"],
    "weight_decay.factors": [0.0001],
    "weight_decay.seeds": [0],
    "denoise.classifier": "cnn",
    "denoise.control_levels": [0.4],
}
# With a fortieth of MNIST's images, an epoch has few steps.
EPOCHS_ON_DIGITS = {"autoencoder.epochs": 50}
# For a user who has none set: git asks for them at a commit, and dvc at an experiment.
IDENTITY = {"user.name": "quickstart", "user.email": "quickstart@localhost"}
# The user may have hooks that refuse the commit, or ignore rules that leave out some files.
SETTINGS = {
    "commit.gpgsign": "false",
    "core.hooksPath": os.devnull,
    "core.excludesFile": os.devnull,
}
GIT = ["git", *(part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}"))]


def main(dataset: str = DIGITS) -> None:
    """Copy the project, run its graph there, and print accuracy by model and scale and where the results are.

    The copy is a project of its own, with a first commit. A second quickstart keeps its params.yaml. dataset: as
    ``data.dataset``; each has a folder of its own.
    """
    folder = workspace.ROOT / ("quickstart" if dataset == DIGITS else f"quickstart-{dataset}")
    params = folder / "params.yaml"
    if params.exists():
        print(f"{params.relative_to(workspace.ROOT)} is kept as it is")
    workspace.create(folder, changes(dataset))
    environment = git.environment()
    installed = folder / ".venv"
    if (workspace.ROOT / installed.name).exists() and not installed.exists():
        installed.unlink(missing_ok=True)  # a dead link
        installed.symlink_to(Path("..") / installed.name)  # so its make targets need not install everything again
    for name, value in IDENTITY.items():
        if subprocess.run(["git", "config", name], cwd=folder, env=environment, stdout=subprocess.DEVNULL).returncode:
            call(["git", "config", name, value], cwd=folder, env=environment)
    for module in ("repro", "plots"):
        call([sys.executable, "-m", f"tools.{module}"], cwd=folder, env=environment)
    if call([*GIT, "rev-list", "--all", "--count"], cwd=folder, env=environment, stdout=subprocess.PIPE) == b"0\n":
        call([*GIT, "add", "--all"], cwd=folder, env=environment)
        call([*GIT, "commit", "--quiet", "--message", "Quickstart"], cwd=folder, env=environment)

    scores = tables.read_csv(folder / "metrics/scores.csv")
    shown = scores[(scores["study"] == "noise") & (scores["split"] == "test") & (scores["score"] == "accuracy")]
    table = shown.pivot_table("mean", "model", "scale", sort=False)
    table.columns = pd.Index([f"{scale:g}" for scale in table.columns], name="scale")
    half_width = shown["ci95"].max()
    now = workspace.read_params(params)  # the user may have changed them
    images, noise = of_dataset(now["data"]["dataset"]), of_noise(now["noise"]["kind"])
    print(f"\nTest accuracy on {images} by scale of {noise} noise (95 % interval: ± {half_width:.2f} or less)\n")
    print(table.to_string(float_format="{:.3f}".format))
    print(f"\nFigures:    {folder / 'plots/figures'}")
    print(f"Plots page: {folder / plots.PAGE}")
    print(f"Workspace:  {folder} (try 'make repro' there after a change in its params.yaml)")


def changes(dataset: str) -> dict[str, Any]:
    """Return what differs from params.yaml, by dotted key. Raises UserError for an unknown data set."""
    known = get_args(DataParams.model_fields["dataset"].annotation)
    if dataset not in known:
        raise UserError(f"DATASET: found {dataset}, expected one of {', '.join(known)}")
    return {**CHANGES, "data.dataset": dataset, **(EPOCHS_ON_DIGITS if dataset == DIGITS else {})}


if __name__ == "__main__":
    run(main)
