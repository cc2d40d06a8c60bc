"""Run the command of one stage: in a fork of a warm process if possible, else in a process of its own."""

import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools import warm_start

LAST_LINES = 8
# Lines in the log of a stage that begin with this are shown to the user.
WARNING = "warning: "
# A stage that imports TensorFlow waits up to this long for the fork server, which imports it too.
WARM_UP_SECONDS = 30
INTERRUPTED = 130

_server: warm_start.ForkServer | None = None
_start = threading.Lock()
_running: dict[tuple[str, str], int] = {}  # process by run and stage
_interrupted: set[str] = set()  # runs


@dataclass(frozen=True)
class Command:
    """The command of a stage.

    run: the name of its run. environment: variables added to those of the process that runs it, with the project's
    folder as DVC_ROOT. log: the file for everything that it prints. tensorflow: whether it imports TensorFlow.
    """

    run: str
    stage: str
    command: str
    environment: Mapping[str, str]
    log: Path
    tensorflow: bool


@dataclass(frozen=True)
class Ending:
    """How a command ended: exit status, negative for a signal, seconds, and the last lines and warnings of its log."""

    status: int
    seconds: float
    last: str
    warnings: Sequence[str] = ()


def warm_up(environment: Mapping[str, str]) -> None:
    """Start the fork server of this process, if it has none and the platform allows one.

    environment: variables added to those of this process, for libraries that read them when they are imported.
    """
    global _server
    with _start:
        if sys.platform == "linux" and _server is None:
            os.environ.update(environment)
            _server = warm_start.ForkServer()


def run(command: Command) -> Ending:
    """Run a command until it ends. It fails if the working folder of this process is not the project's."""
    folder = command.environment["DVC_ROOT"]
    if not _is_here(folder):
        found = f"expected a worker in {folder}, found one on {platform.node()} in {Path.cwd()}"
        return Ending(1, 0, f"{found}: start it in the project's folder, by the same path on each machine")
    began = time.monotonic()
    warnings = []
    try:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        command.log.unlink(missing_ok=True)
        status = _status(command)
        with command.log.open(encoding="utf-8", errors="replace") as lines:
            tail = deque[str](maxlen=LAST_LINES)
            for line in lines:
                tail.append(line)
                if line.startswith(WARNING):
                    warnings.append(line.rstrip())
        last = "".join(tail).strip()
    except OSError as error:  # a full disk, too many processes
        status, last = 1, str(error)
    status = INTERRUPTED if command.run in _interrupted and status else status
    return Ending(status, time.monotonic() - began, last, warnings)


def _is_here(folder: str) -> bool:
    """Return whether a folder is the working folder."""
    try:
        return Path(folder).samefile(".")
    except OSError:  # it is not on this machine
        return False


def interrupt(run: str) -> None:
    """Interrupt this process's commands of a run, as Ctrl-C does, and start no more of them."""
    _interrupted.add(run)
    for (other, _), process in list(_running.items()):
        if other == run:
            _interrupt(process)


def _interrupt(process: int) -> None:
    """Send SIGINT to a process and to those that it has started."""
    try:
        os.killpg(process, signal.SIGINT)
    except ProcessLookupError:  # it has ended, or does not lead its group yet
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGINT)


def _status(command: Command) -> int:
    """Run a command and return its exit status."""

    def started(process: int) -> None:
        _running[command.run, command.stage] = process
        if command.run in _interrupted:  # meanwhile
            _interrupt(process)

    try:
        stage = _as_module(command)
        if stage and _forks(command):
            with suppress(EOFError, ConnectionError):  # the server is gone: killed, perhaps
                return warm_start.run(stage, started)
        if command.run in _interrupted:
            return INTERRUPTED
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with command.log.open("wb") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command.command],
                env={**os.environ, "PATH": programs, **command.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal goes to the process that started the run
            )
            started(process.pid)
            return process.wait()
    finally:
        _running.pop((command.run, command.stage), None)


def _forks(command: Command) -> bool:
    """Return whether a command can be run in a fork; wait for the server if the command imports TensorFlow too."""
    if command.tensorflow:
        warm_up(command.environment)
        end = time.monotonic() + WARM_UP_SECONDS
        while _server and _server.starting(0.2) and time.monotonic() < end and command.run not in _interrupted:
            pass
    return _server is not None and _server.ready() and command.run not in _interrupted


def _as_module(command: Command) -> warm_start.Stage | None:
    """Return a command ``python -m stages.name arguments`` as the stage that a fork runs, None for other commands."""
    if not re.fullmatch(r"python -m stages\.\w+( [\w.+-]+)*", command.command):
        return None
    _, _, module, *arguments = shlex.split(command.command)
    return warm_start.Stage(module, arguments, command.environment, str(command.log))
