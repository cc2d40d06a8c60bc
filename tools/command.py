"""Shared by all commands: running their main function, and running other programs."""

import inspect
import io
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from noisy_mnist.core.errors import UserError


def run(main: Callable[..., int | None]) -> None:
    """Run ``main`` with the command-line arguments and exit with the status that it returns.

    A UserError or OSError becomes a message without a traceback and exit status 1.
    """
    _settle_in()
    arguments = sys.argv[1:]
    try:
        try:
            inspect.signature(main).bind(*arguments)
        except TypeError:
            raise UserError(f"found the arguments {arguments}, expected {inspect.signature(main)}") from None
        sys.exit(main(*arguments))
    except (UserError, OSError) as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _settle_in() -> None:
    """Support terminals without UTF-8 and users without a name, in this process and those that it starts."""
    if isinstance(sys.__stdout__, io.TextIOWrapper):  # sys.stdout is that, or DVC's wrapper of it
        sys.__stdout__.reconfigure(errors="replace")  # such as ± in ASCII; stderr escapes such characters itself
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:  # as in a container with an unknown user id: DVC needs a name and a home folder
        os.environ.setdefault("USER", str(os.getuid()))
        os.environ.setdefault("HOME", "/")  # as Docker sets it


def call(command: Sequence[str], **options: object) -> bytes:
    """Run a program and return its stdout if that is a pipe.

    Raises UserError if it fails, KeyboardInterrupt if it fails after Ctrl-C.
    """
    interrupted = False
    with subprocess.Popen(command, **options) as process:  # type: ignore[call-overload]
        while True:
            try:
                written, _ = process.communicate()
                break
            except KeyboardInterrupt:  # the program gets Ctrl-C too, and may need a moment to exit cleanly
                interrupted = True
    if process.returncode and interrupted:
        raise KeyboardInterrupt
    if process.returncode:
        raise UserError(f"'{' '.join(command)}' ended with status {process.returncode}; see its message above")
    return bytes(written or b"")
