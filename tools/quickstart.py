"""Run the real graph on scikit-learn's digits with a small grid, in quickstart/, and show what it finds."""

import subprocess
import sys

import pandas as pd

from noisy_mnist.core import tables
from tools import plots, workspace
from tools.command import call, run

FOLDER = workspace.ROOT / "quickstart"
CHANGES = {
    "data.dataset": "digits",
    "grid.scales": [0, 0.5, 1],
    "grid.models": ["mlp", "cnn"],
    "grid.seeds": [0],
    "weight_decay.penalties": ["kernel"],
    "weight_decay.factors": [0, 0.0001],
    "weight_decay.seeds": [0],
    "autoencoder.epochs": 50,
    "denoise.classifier": "cnn",
    "denoise.control_levels": [0.4],
}
# Whoever tries the quickstart may have no name in git yet.
AUTHORED = ["git", "-c", "user.name=quickstart", "-c", "user.email=quickstart@localhost", "-c", "commit.gpgsign=false"]


def main() -> None:
    """Copy the project, run ``dvc repro`` there, print accuracy by model and scale and where the results are.

    The copy is a project of its own, with a first commit, whose params.yaml a second quickstart leaves as it is.
    """
    workspace.create(FOLDER, CHANGES)
    environment = workspace.environment()
    installed = FOLDER / ".venv"
    if (workspace.ROOT / installed.name).exists() and not installed.exists():
        installed.symlink_to(workspace.ROOT / installed.name)  # its own make targets need not install it all again
    for module in ("repro", "plots"):
        call([sys.executable, "-m", f"tools.{module}"], cwd=FOLDER, env=environment)
    if call(["git", "rev-list", "--all", "--count"], cwd=FOLDER, env=environment, stdout=subprocess.PIPE) == b"0\n":
        call(["git", "add", "--all"], cwd=FOLDER, env=environment)
        call([*AUTHORED, "commit", "--quiet", "--message", "Quickstart"], cwd=FOLDER, env=environment)

    scores = tables.read_csv(FOLDER / "metrics/scores.csv")
    shown = scores[(scores["study"] == "noise") & (scores["split"] == "test") & (scores["score"] == "accuracy")]
    table = shown.pivot_table("mean", "model", "scale", sort=False)
    table.columns = pd.Index([f"{scale:g}" for scale in table.columns], name="scale")
    half_width = shown["ci95"].max()
    print(f"\nAccuracy on the test images of digits by noise scale (95 % interval: ± {half_width:.2f} or less)\n")
    print(table.to_string(float_format="{:.3f}".format))
    print(f"\nFigures:    {FOLDER / 'plots/figures'}")
    print(f"Plots page: {FOLDER / plots.PAGE}")
    print(f"Workspace:  {FOLDER} (try 'dvc repro' there after a change in its params.yaml)")


if __name__ == "__main__":
    run(main)
