"""What all these commands share: how their main function is run, and how they run another program."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from noisy_mnist.errors import UserError


def run(main: Callable[..., int | None]) -> None:
    """Run ``main`` with the words of the command line and exit with the status that it returns.

    A UserError, and what the operating system refuses, becomes a message without a traceback and exit status 1.
    """
    try:
        sys.exit(main(*sys.argv[1:]))
    except (UserError, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def call(words: Iterable[str], **options: object) -> bytes:
    """Run a program, return what it wrote to stdout if that is a pipe. Raises UserError if it fails."""
    command = list(words)
    run = subprocess.run(command, check=False, **options)  # type: ignore[call-overload]
    if run.returncode:
        raise UserError(f"'{' '.join(command)}' ended with status {run.returncode}; its message stands above")
    return bytes(run.stdout or b"")
