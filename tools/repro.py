"""Run the study: mend what a killed run left, check params.yaml, then ``dvc repro``, waiting for locks of others."""

from noisy_mnist.params import study
from tools.command import call, run
from tools.mend import mend


def main() -> None:
    """Run all stages that params, code or data have changed since they last ran."""
    mend()
    study.check()
    call(["dvc", "--wait-for-lock", "repro"])


if __name__ == "__main__":
    run(main)
