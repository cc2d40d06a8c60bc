"""Run the study: recover from a killed run, check params.yaml, then ``dvc repro``, waiting for the locks of others."""

import shutil
import sys

from noisy_mnist import study
from noisy_mnist.core.errors import UserError
from tools.command import call, run
from tools.recover import recover

# Below this many bytes a failure is most likely due to a full disk, whatever the programs that met it say.
NEARLY_FULL = 200 * 10**6


def main(*targets: str) -> None:
    """Run all stages, or those the targets need, that params, code or data have changed since they last ran.

    Raises UserError if dvc fails: a second run resumes where this one ended.
    """
    recover()
    study.check()
    try:
        call(["dvc", "--wait-for-lock", "repro", *targets])
    except KeyboardInterrupt:
        print("interrupted: run it again to resume", file=sys.stderr)
        raise
    except UserError as error:
        free = shutil.disk_usage(".").free
        full = f"Only {free / 1e6:.0f} MB are free on this disk: make room and run it again to resume"
        raise UserError(f"{error}. {full if free < NEARLY_FULL else 'Run it again to resume'}") from None


if __name__ == "__main__":
    run(main)
