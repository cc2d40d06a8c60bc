"""Run stages in forks of a process that has imported TensorFlow: a tenth of the start-up time, and the same bytes.

That process is the standard library's fork server. It imports TensorFlow but does not use it, so each fork initialises
it as a separate process would. Linux only: elsewhere, forking a process with threads is not safe.
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

# Imported by every stage that trains, so a fork has no module that a separate process would not have.
PRELOADED = ["noisy_mnist.learning.runs"]
LIBRARY = Path("noisy_mnist")
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


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
        os.setsid()  # Ctrl-C in a terminal goes to the process that started the run, which passes it on
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
    """The fork server of this process, which ends with the process."""

    def __init__(self) -> None:
        """Start the server in the background."""
        self._library = _library()
        self._tried, self._works = threading.Event(), False
        forkserver.set_forkserver_preload(PRELOADED)
        threading.Thread(target=self._wait_until_ready, daemon=True).start()

    def _wait_until_ready(self) -> None:
        """Have the server fork a process that does nothing: it does so once its imports are done."""
        try:
            run(Stage(), lambda _process: None)
            self._works = True
        except (OSError, EOFError):  # it cannot be started, or was killed
            pass
        finally:
            self._tried.set()

    def starting(self, seconds: float) -> bool:
        """Return whether it is still starting; wait up to ``seconds`` for it."""
        return not self._tried.wait(seconds)

    def ready(self) -> bool:
        """Return whether stages can be forked: it has started, and the library has not changed since."""
        return self._works and self._library == _library()


def run(stage: Stage, started: Callable[[int], object]) -> int:
    """Run a stage in a fork and return its exit status, negative for a signal. started: called with its process id.

    Raises OSError or EOFError if the server is gone.
    """
    # This starts the server if there is none. It inherits the blocked SIGINT, so Ctrl-C does not reach it. The resource
    # tracker is started first because that unblocks SIGINT.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        status, to_child = forkserver.connect_to_new_process([])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with os.fdopen(status, "rb") as reader, os.fdopen(to_child, "wb") as writer:
        # First comes what multiprocessing itself sends: the main module that the child has to import, none here.
        writer.write(pickle.dumps({"dir": str(Path.cwd())}) + pickle.dumps(stage))
        writer.close()
        started(forkserver.read_signed(reader.fileno()))
        return int(forkserver.read_signed(reader.fileno()))


def _end_with_parent() -> None:
    """Have the system send SIGTERM to this process when the fork server ends.

    The server ends when no process has this descriptor any more. A fork closes it, so that only the run has it.
    """
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _library() -> dict[str, tuple[int, int]]:
    """Return date and size of each file of the library: forks have the library as it was when the server started."""
    states = {path: path.stat() for path in LIBRARY.rglob("*.py")}
    return {str(path): (state.st_mtime_ns, state.st_size) for path, state in states.items()}
