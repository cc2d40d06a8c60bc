"""Stages in forks of a process that has imported TensorFlow: a tenth of the start-up time, and the same bytes.

That process is the standard library's fork server. It imports TensorFlow and does not use it, so that each fork sets it
up as a process of its own would. Linux only: elsewhere a fork of a process with threads is not safe.
"""

import ctypes
import os
import pickle
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

# What every stage that trains imports, so that a fork holds no module that a process of its own would not.
PRELOADED = ["noisy_mnist.learning.runs"]
LIBRARY = Path("noisy_mnist")
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


@dataclass(frozen=True)
class Stage:
    """What a fork runs: ``python -m module arguments`` with its output in a log. Without a module, nothing."""

    module: str = ""
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    log: str = os.devnull

    def _bootstrap(self, _parent: int) -> int:
        """Run in the fork and return the exit status; the standard library calls it by this name."""
        if not self.module:
            return 0
        _end_with_parent()
        os.setsid()  # Ctrl-C in a terminal is for the process that started the run, which tells this one
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(self.environment or {})
        sys.argv = [self.module, *self.arguments]
        try:
            runpy.run_module(self.module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if not isinstance(end.code, str):
                return end.code or 0
            print(end.code, file=sys.stderr)
            return 1
        except BaseException:  # as the interpreter would show it
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0


class ForkServer:
    """The fork server of this process; it ends with it."""

    def __init__(self) -> None:
        """Start the server in the background."""
        self._library = _library()
        self._tried, self._works = threading.Event(), False
        forkserver.set_forkserver_preload(PRELOADED)
        threading.Thread(target=self._wait_until_ready, daemon=True).start()

    def _wait_until_ready(self) -> None:
        """Let the server fork a process that does nothing: it does so once it has imported all."""
        try:
            run(Stage(), lambda _process: None)
            self._works = True
        except (OSError, EOFError):  # it cannot be started, or was killed
            pass
        finally:
            self._tried.set()

    def starting(self, seconds: float) -> bool:
        """Return whether it still starts after some seconds, at most."""
        return not self._tried.wait(seconds)

    def ready(self) -> bool:
        """Return whether stages can be forked: it has started, and the library is as it was then."""
        return self._works and self._library == _library()


def run(stage: Stage, started: Callable[[int], object]) -> int:
    """Run a stage in a fork and return its exit status, negative for a signal. started: called with its process id.

    Raises OSError or EOFError if the server is gone.
    """
    # The server, which this starts if there is none, inherits that SIGINT is blocked: Ctrl-C is not for it. To start
    # the resource tracker would unblock it.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        status, to_child = forkserver.connect_to_new_process([])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with os.fdopen(status, "rb") as reader, os.fdopen(to_child, "wb") as writer:
        # What multiprocessing itself sends first tells the child which main module to import: none here.
        writer.write(pickle.dumps({"dir": str(Path.cwd())}) + pickle.dumps(stage))
        writer.close()
        started(forkserver.read_signed(reader.fileno()))
        return int(forkserver.read_signed(reader.fileno()))


def _end_with_parent() -> None:
    """Let the system send SIGTERM to this process when the fork server ends.

    The server ends when no process has this descriptor any more: a fork does without it, so that the run alone has it.
    """
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _library() -> dict[str, tuple[int, int]]:
    """Return date and size of each file of the library: a fork has it as it was when the server started."""
    states = {path: path.stat() for path in LIBRARY.rglob("*.py")}
    return {str(path): (state.st_mtime_ns, state.st_size) for path, state in states.items()}
