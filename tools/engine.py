"""Run the changed stages in parallel, each once all its dependencies have run."""

import os
import re
import signal
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any, Protocol

from dvc.exceptions import DvcException

from noisy_mnist.core.errors import UserError
from tools.planner import BusyError, Planner
from tools.worker import Command, Ending

# The message of a stage that is already running, for example because it outlived its worker.
TWIN = re.compile(r"another run of this stage is in progress")
# The interval between checks for blocked stages, new workers and a due write of dvc.lock.
SECONDS_BETWEEN_LOOKS = 1
PATIENCE = 2  # number of Ctrl-C that are passed on to the stages
LOST = "the scheduler has ended or lost this run. Finished stages are kept: start the scheduler and the run again"
# Raised by DVC and the operating system if a stage cannot be prepared or recorded.
ERRORS = (DvcException, UserError, OSError, sqlite3.Error)


class Pool(Protocol):
    """Runs commands in parallel.

    idle: what it waits for while its capacity is 0.
    """

    idle: str

    def capacity(self) -> int:
        """Return how many commands can run at once."""

    def submit(self, command: Command) -> Future[Ending]:
        """Start a command."""

    def interrupt(self, run: str) -> None:
        """Interrupt all commands of a run, as Ctrl-C does."""


@dataclass
class Outcome:
    """The outcome of a run."""

    ran: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)  # reason by stage
    left_out: set[str] = field(default_factory=set)  # stages that depend on failed ones
    interrupted: bool = False


class Engine:
    """One run of a planner's stages on a pool."""

    def __init__(self, planner: Planner, pool: Pool, threads: int, show: Callable[[str], None]) -> None:
        """Find what has changed.

        threads: per numerical operation. show: called with a line for each stage that has ended or is waiting.
        """
        self.planner, self.pool, self.threads, self.show = planner, pool, threads, show
        self.outcome = Outcome()
        # Stages that DVC would run now. When a stage has run, those that depend on it are added, to be checked again.
        self.to_run = {name for name in planner.after if self._may_have_changed(name)}
        self._order = TopologicalSorter(planner.after)
        self._ready = deque[str]()
        self._waiting, self._known_to_wait = set[str](), set[str]()  # for another process
        self._running = dict[Future[Ending], str]()
        self.ended = 0
        self._told, self._told_idle, self._presses = False, False, 0

    def run(self) -> Outcome:
        """Run all changed stages and return the outcome.

        After Ctrl-C, running stages are interrupted, and those that still succeed are kept.
        """
        self._order.prepare()
        with self._ctrl_c_noted():
            try:
                while self._order.is_active() and not (self.outcome.interrupted and not self._stop()):
                    self._step()
            except BaseException:
                self._give_up()
                raise
        return self.outcome

    def _step(self) -> None:
        """Start the stages that are ready, and handle those that have ended."""
        self._queue()
        capacity = self.pool.capacity()
        if not capacity and not self._told_idle:
            self.show(self.pool.idle)
        self._told_idle = not capacity
        while self._ready and len(self._running) < capacity and not self.outcome.interrupted:
            self._start(self._ready.popleft())
        if self._running or self._waiting or not capacity:
            self._look()
        try:
            self.planner.write_now_and_then()
        except UserError as error:  # a full disk, perhaps: the write is retried later, and at the end
            self.show(str(error))

    def _give_up(self) -> None:
        """Interrupt the running stages, wait for them, and record those that succeeded."""
        self.outcome.interrupted = True
        with suppress(Exception):  # the first error is the one to show
            self.pool.interrupt(self.planner.run)
            for future, name in self._running.items():
                if not future.exception() and not future.result().status:
                    self._record(name, "ended")

    def _may_have_changed(self, name: str) -> bool:
        """Return whether DVC would run a stage; True if that is not known yet."""
        try:
            return self.planner.changed(name)
        except BusyError:
            return True

    def _stop(self) -> bool:
        """Interrupt the running stages, once for each Ctrl-C; return whether there are any."""
        if not self.pool.capacity():  # all workers are gone, and nobody runs them
            for name in self._running.values():
                self.planner.give_up(name)
            self._running.clear()
        if self._running and not self._told:
            self.show(f"interrupted: waiting for {len(self._running)} running stages to end")
            self._told = True
            self.pool.interrupt(self.planner.run)
        return bool(self._running)

    def _queue(self) -> None:
        """Queue the stages whose dependencies have run, except unchanged ones and those that a failure blocks."""
        while names := self._order.get_ready():
            for name in names:
                if self.planner.after[name] & (self.outcome.failed.keys() | self.outcome.left_out):
                    self.outcome.left_out.add(name)
                elif name in self.to_run:
                    self._ready.append(name)
                    continue
                self._done(name)

    def _start(self, name: str) -> None:
        """Start a stage, unless it has not changed or its outputs are in the run cache."""
        try:
            if not self.planner.changed(name):
                self._done(name)
            elif self.planner.prepare(name, self.show):
                command = self.planner.command(name, self.threads)
                self._running[self.pool.submit(command)] = name
            else:
                self._record(name, "from the run cache")
        except BusyError as error:
            self._wait(name, str(error))
        except ERRORS as error:
            self._fail(name, str(error))

    def _look(self) -> None:
        """Wait briefly for stages to end. If none does, retry those that wait for another process."""
        if self._running:
            ended = wait(self._running, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED).done
        else:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            ended = set()
        for future in ended:
            self._end(self._running.pop(future), future)
        if not ended:
            self._ready.extend(self._waiting)
            self._waiting.clear()

    def _end(self, name: str, future: Future[Ending]) -> None:
        """Handle the end of a command."""
        try:
            ending = future.result()
        except CancelledError:
            raise UserError(LOST) from None
        except Exception as error:  # Dask raises several types, for example if a command's workers have died
            problem = f"Dask gave up on it ({type(error).__name__}: {error})"
            todo = "start the scheduler and all workers in the project's folder, as docs/clusters.md says"
            ending = Ending(1, 0, f"{problem}: {todo}")
        for warning in ending.warnings:
            self.show(f"{name}: {warning}")
        if not ending.status:
            self._record(name, f"{ending.seconds:.0f} s")
            return
        self.planner.give_up(name)
        if TWIN.search(ending.last):
            self._wait(name, ending.last)
        elif not self.outcome.interrupted:
            log = self.planner.command(name, self.threads).log
            self._fail(name, f"ended with status {ending.status}. Its log is {log}, which ends with\n{ending.last}")

    def _record(self, name: str, how: str) -> None:
        """Let DVC record a stage whose outputs exist."""
        try:
            self.planner.record(name)
        except ERRORS as error:
            self._fail(name, str(error))
            return
        self.to_run |= {other for other, needed in self.planner.after.items() if name in needed}
        self.outcome.ran.add(name)
        self._done(name, how)

    def _fail(self, name: str, why: str) -> None:
        """Note that a stage has failed."""
        self.outcome.failed[name] = why
        self._done(name, "FAILED")

    def _wait(self, name: str, why: str) -> None:
        """Retry a stage later, and print once what blocks it: the user may have to end that."""
        if name not in self._known_to_wait:
            self.show(f"{name} waits for another process: {why}")
        self._known_to_wait.add(name)
        self._waiting.add(name)

    def _done(self, name: str, how: str = "") -> None:
        """Release the stages that depend on this one, and print how it ended if it ran."""
        self._order.done(name)
        self.to_run.discard(name)
        self.ended += 1
        if how:
            left = f"{len(self.to_run)} to go"
            self.show(f"{self.ended}/{len(self.planner.after)} {name}: {how}, {left}")

    @contextmanager
    def _ctrl_c_noted(self) -> Iterator[None]:
        """Note Ctrl-C instead of raising KeyboardInterrupt, which could cut short what DVC writes.

        A second one is passed on too, as a stage may have swallowed the first. A third ends this process at once.
        """

        def note(*_: Any) -> None:
            self.outcome.interrupted, self._told = True, False
            self._presses += 1
            if self._presses > PATIENCE:
                os._exit(130)

        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
