"""The runner that all stages share."""

import fcntl
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

from noisy_mnist.core.errors import UserError

LOCKS = Path(".dvc/tmp/stages")


def run(main: Callable[..., None]) -> None:
    """Call ``main`` of a stage with the command-line arguments, one process at a time.

    A UserError or OSError becomes a message without a traceback and exit status 1.
    """
    name = " ".join([Path(sys.argv[0]).stem, *sys.argv[1:]])
    expected = list(inspect.signature(main).parameters)
    try:
        if len(sys.argv[1:]) != len(expected):
            raise UserError(f"expected the arguments {expected}, found {sys.argv[1:]}: let 'dvc repro' run the stage")
        LOCKS.mkdir(parents=True, exist_ok=True)
        # A killed dvc leaves its stage running. The lock ends with its process, however that ends.
        with (LOCKS / name.replace("/", "_")).open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                running = f"another run of this stage is in progress, process {lock.read()}"
                raise UserError(f"{running}: wait until it ends, or end it first") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            main(*sys.argv[1:])
    except (UserError, OSError) as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
