"""What runs the command of one stage: in a fork of a warm process where it can, else in a process of its own."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools import warm_start

LAST_LINES = 8
# A stage that imports TensorFlow waits this long for the fork server, which imports it too.
WARM_UP_SECONDS = 30

_server: warm_start.ForkServer | None = None
_running: dict[str, int] = {}  # process group by stage


@dataclass(frozen=True)
class Command:
    """The command of a stage. log: where all that it prints goes. tensorflow: whether it imports that."""

    stage: str
    command: str
    environment: Mapping[str, str]
    log: Path
    tensorflow: bool


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit status, negative for a signal, its seconds and the last lines of its log."""

    status: int
    seconds: float
    last: str


def warm_up() -> None:
    """Start the fork server of this process, if there can be one and there is none."""
    global _server
    if sys.platform == "linux" and _server is None:
        _server = warm_start.ForkServer()


def run(command: Command) -> Ending:
    """Run a command in the working folder until it ends."""
    began = time.monotonic()
    command.log.parent.mkdir(parents=True, exist_ok=True)
    if command.tensorflow:
        warm_up()
    status = _status(command)
    with command.log.open(encoding="utf-8", errors="replace") as lines:
        last = "".join(deque(lines, LAST_LINES)).strip()
    return Ending(status, time.monotonic() - began, last)


def interrupt() -> None:
    """Tell all commands that this process runs to end, as Ctrl-C does."""
    for group in list(_running.values()):
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGINT)


def _status(command: Command) -> int:
    """Run a command and return its exit status."""

    def started(process: int) -> None:
        _running[command.stage] = process

    try:
        stage = _as_module(command)
        if stage and _server and _server.ready(WARM_UP_SECONDS if command.tensorflow else 0):
            with suppress(OSError, EOFError):  # the server is gone: killed, perhaps
                return warm_start.run(stage, started)
        with command.log.open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command.command],
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the process that started the run
            )
            started(process.pid)
            return process.wait()
    finally:
        _running.pop(command.stage, None)


def _as_module(command: Command) -> warm_start.Stage | None:
    """Return a command of the form ``python -m stages.name arguments`` as what a fork runs, None if it is no such."""
    if not re.fullmatch(r"python -m stages\.\w+( [\w.+-]+)*", command.command):
        return None
    _, _, module, *arguments = shlex.split(command.command)
    return warm_start.Stage(module, arguments, command.environment, str(command.log))
