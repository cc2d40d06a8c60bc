"""Run the real graph on scikit-learn's digits with a small grid, in quickstart/, and show what it finds."""

import subprocess
import sys

from noisy_mnist import tables
from noisy_mnist.errors import UserError
from tools import workspace

FOLDER = workspace.ROOT / "quickstart"
CHANGES = {
    "data.dataset": "digits",
    "noise.scales": [0, 0.5, 1],
    "train.models": ["mlp", "mlp_fresh", "cnn"],
}


def main() -> None:
    """Copy the project, run ``dvc repro`` there, print accuracy by model and scale and where the results are."""
    try:
        workspace.create(FOLDER, CHANGES)
    except UserError as error:
        sys.exit(f"quickstart: {error}")
    status = subprocess.run(["dvc", "repro"], cwd=FOLDER, check=False).returncode
    if status:
        sys.exit(f"quickstart: dvc repro ended with status {status}; its message stands above")
    subprocess.run(["dvc", "plots", "show"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)

    table = tables.read_csv(FOLDER / "plots/accuracy_intervals.csv")
    test = table[table["split"] == "test"].pivot_table("mean", "model", "scale", sort=False)
    half_width = table.loc[table["split"] == "test", "ci95"].max()
    print(f"\nAccuracy on the test images of digits by noise scale (95 % interval: ± {half_width:.2f} or less)\n")
    print(test.to_string(float_format="{:.3f}".format))
    print(f"\nFigures:    {FOLDER / 'plots/figures'}")
    print(f"Plots page: {FOLDER / 'dvc_plots/index.html'} (loads its drawing library from the network)")
    print(f"Workspace:  {FOLDER} (try 'dvc repro' there after a change in its params.yaml)")


if __name__ == "__main__":
    main()
