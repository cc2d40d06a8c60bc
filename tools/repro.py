"""Run the study: mend what a killed run left, check params.yaml, then ``dvc repro``, waiting for locks of others."""

import shutil

from noisy_mnist.errors import UserError
from noisy_mnist.params import study
from tools.command import call, run
from tools.mend import mend

# Below this many bytes a failure is most likely due to a full disk, whatever the programs that met it say.
NEARLY_FULL = 200 * 10**6


def main(*targets: str) -> None:
    """Run all stages, or those the targets need, that params, code or data have changed since they last ran."""
    mend()
    study.check()
    try:
        call(["dvc", "--wait-for-lock", "repro", *targets])
    except UserError as error:
        free = shutil.disk_usage(".").free
        full = f": only {free / 1e6:.0f} MB are free on this disk. Make room and run the same command again"
        raise UserError(f"{error}{full if free < NEARLY_FULL else ''}") from None


if __name__ == "__main__":
    run(main)
