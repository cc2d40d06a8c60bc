"""Run the real graph on scikit-learn's digits with a small grid, in quickstart/, and show what it finds."""

import subprocess
import sys

import pandas as pd

from noisy_mnist import tables
from noisy_mnist.errors import UserError
from tools import workspace

FOLDER = workspace.ROOT / "quickstart"
CHANGES = {
    "data.dataset": "digits",
    "noise.scales": [0, 0.5, 1],
    "train.models": ["mlp", "cnn"],
    "weight_decay.penalties": ["kernel"],
    "weight_decay.factors": [0, 0.0001],
    "weight_decay.seeds": [0],
    "autoencoder.epochs": 50,
    "denoise.classifier": "cnn",
    "denoise.control_levels": [0.4],
}


def main() -> None:
    """Copy the project, run ``dvc repro`` there, print accuracy by model and scale and where the results are."""
    workspace.create(FOLDER, CHANGES)
    environment = workspace.environment()
    subprocess.run(["dvc", "repro"], cwd=FOLDER, env=environment, check=True)
    subprocess.run(["dvc", "plots", "show"], cwd=FOLDER, env=environment, check=True, stdout=subprocess.DEVNULL)

    table = tables.read_csv(FOLDER / "plots/accuracy_intervals.csv")
    test = table[table["split"] == "test"].pivot_table("mean", "model", "scale", sort=False)
    test.columns = pd.Index([f"{scale:g}" for scale in test.columns], name="scale")
    half_width = table.loc[table["split"] == "test", "ci95"].max()
    print(f"\nAccuracy on the test images of digits by noise scale (95 % interval: ± {half_width:.2f} or less)\n")
    print(test.to_string(float_format="{:.3f}".format))
    print(f"\nFigures:    {FOLDER / 'plots/figures'}")
    print(f"Plots page: {FOLDER / 'dvc_plots/index.html'} (loads its drawing library from the network)")
    print(f"Workspace:  {FOLDER} (try 'dvc repro' there after a change in its params.yaml)")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"quickstart: '{' '.join(error.cmd)}' ended with status {error.returncode}; its message stands above")
    except (UserError, OSError) as error:
        sys.exit(f"quickstart: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
