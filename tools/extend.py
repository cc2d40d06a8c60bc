"""Run what params.yaml adds to the committed results, and train nothing again that is among them."""

from noisy_mnist.params import study
from tools.command import call, run
from tools.mend import mend

DVC = ["dvc", "--wait-for-lock"]


def main() -> None:
    """Fetch the committed results, make the noisy images, then run the stages that have changed.

    A stage of which nothing but its files is missing here, such as a model, has not changed.
    """
    mend()
    study.check()
    call([*DVC, "pull", "--quiet", "--remote", "results", "--allow-missing"])
    call([*DVC, "repro", "noise"])
    call([*DVC, "repro", "--allow-missing"])


if __name__ == "__main__":
    run(main)
