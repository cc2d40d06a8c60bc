"""Run what params.yaml adds to the committed results, and train nothing again that is among them."""

from noisy_mnist.errors import UserError
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
    pull = [*DVC, "pull", "--remote", "results", "--allow-missing"]
    try:
        call([*pull, "--quiet"])  # else it warns of each result that is to be made
    except UserError:
        call(pull)  # what went wrong, it does not say quietly
    call([*DVC, "repro", "noise"])
    call([*DVC, "repro", "--allow-missing"])


if __name__ == "__main__":
    run(main)
