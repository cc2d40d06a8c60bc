"""What all these commands share: how their main function is run, and how they run another program."""

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

    A UserError, and what the operating system refuses, becomes a message without a traceback and exit status 1.
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
    """Let this process, and those that it starts, run in a terminal without UTF-8 and as a user without a name."""
    if isinstance(sys.__stdout__, io.TextIOWrapper):  # sys.stdout is that, or what DVC has wrapped it in
        sys.__stdout__.reconfigure(errors="replace")  # such as ± in ASCII; stderr escapes by itself what it cannot show
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:  # as in a container that is started with a foreign user id: DVC asks for name and home folder
        os.environ.setdefault("USER", str(os.getuid()))
        os.environ.setdefault("HOME", "/")  # as Docker sets it


def call(command: Sequence[str], **options: object) -> bytes:
    """Run a program, return what it wrote to stdout if that is a pipe.

    Raises UserError if it fails, KeyboardInterrupt if it fails after Ctrl-C.
    """
    interrupted = False
    with subprocess.Popen(command, **options) as process:  # type: ignore[call-overload]
        while True:
            try:
                written, _ = process.communicate()
                break
            except KeyboardInterrupt:  # the program has got Ctrl-C too, and may need a moment to end well
                interrupted = True
    if process.returncode and interrupted:
        raise KeyboardInterrupt
    if process.returncode:
        raise UserError(f"'{' '.join(command)}' ended with status {process.returncode}; its message stands above")
    return bytes(written or b"")
