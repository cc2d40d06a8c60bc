"""DVC's graph, loaded once: which stages have changed, recording those that run, and writing dvc.lock.

Each step is DVC's own code, as ``dvc repro`` runs it before and after the command of a stage. But dvc.lock is written
at intervals instead of after each stage, and DVC's lock is held only during these steps.
"""

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from dvc.dependency import param
from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.rwlock import _acquire_read, _acquire_write, _check_blockers, _edit_rwlock, _release_read, _release_write
from dvc.stage import PipelineStage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.serialize import to_single_stage_lockfile

from noisy_mnist.core.errors import UserError
from noisy_mnist.datasets.params import MIRROR_VARIABLE
from tools import foreign, lockfile
from tools.cache import remove_dead_links
from tools.repository import running_process, stages
from tools.worker import Command

# The logs of the stages.
LOGS = Path(".dvc/tmp/logs")
# Numerical libraries read these. Without them, they start a thread for each core of the machine.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# The share of a run's time that writing dvc.lock may take, and the minimum seconds between two writes.
WRITING_SHARE = 0.05
SECONDS_BETWEEN_WRITES = 5


_parse = param.load_path


@lru_cache(maxsize=2)
def _parsed(path: str, fs: Any, _state: tuple[int, ...]) -> Any:
    """Return a params file as DVC reads it; _state: of the file, which tells whether it has changed since."""
    return _parse(path, fs)


def _parse_once(path: str, fs: Any) -> Any:
    """Return a params file as DVC reads it, parsed again only if the file has changed."""
    state = Path(path).stat()
    return deepcopy(_parsed(path, fs, (state.st_mtime_ns, state.st_size, state.st_ino)))


class BusyError(Exception):
    """Another process uses a path that a stage needs."""


class Planner:
    """The stages of a run by name, and DVC's steps for them. A context manager that writes dvc.lock at its end."""

    def __init__(self, repo: Repo, targets: Sequence[str], allow_missing: bool) -> None:
        """Load the graph. Raises UserError for an unknown target, and if results are links into a missing cache.

        targets: stages to run, with those that they need; all if empty. allow_missing: missing files alone do not count
        as a change.
        """
        param.load_path = _parse_once  # DVC parses params.yaml eight times for each stage that runs
        self.repo = repo
        self.run = f"{platform.node()}-{os.getpid()}-{time.time_ns()}"  # a name for this run
        self.allow_missing = allow_missing
        graph = repo.index.graph
        try:
            wanted = {stage for target in targets for stage in repo.stage.collect(target, with_deps=True)}
        except DvcException as error:
            raise UserError(str(error)) from None
        chosen = [stage for stage in stages(repo) if stage in wanted or not targets]
        with repo.lock:
            remove_dead_links(repo, [Path(out.def_path) for stage in chosen for out in stage.outs])
        self.stages: dict[str, PipelineStage] = {stage.name: stage for stage in chosen}
        self.after = {
            stage.name: {other.name for other in graph.successors(stage) if isinstance(other, PipelineStage)}
            for stage in chosen
        }
        self._in_use = PathsInUse(repo)
        self._entries: dict[str, lockfile.Entry] = {}
        self._known = lockfile.entries()  # the entries when this run last read dvc.lock
        self._ran_on: dict[str, Any] = {}  # dependency digests of the running stages
        self._written, self._pause = time.monotonic(), float(SECONDS_BETWEEN_WRITES)

    def __enter__(self) -> "Planner":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write the entries not written yet."""
        self.write()

    def changed(self, name: str) -> bool:
        """Return whether DVC would run a stage now. Raises BusyError if another process writes its paths."""
        upstream = [self.stages[other] for other in self.after[name]]
        with self.repo.lock:
            try:
                return bool(self.stages[name].changed(self.allow_missing, upstream))
            except LockError as error:
                raise BusyError(str(error)) from None

    def prepare(self, name: str, show: Callable[[str], None]) -> bool:
        """Do DVC's steps before a command; return False if the command need not run: the run cache had its outputs.

        DVC deletes the outputs, so other files in their folders are moved away first. show: called with a line for
        each. Either way, call ``record`` or ``give_up`` next. Raises BusyError if another process uses its paths, and
        errors of DVC and the operating system, such as a missing dependency.
        """
        stage = self.stages[name]
        if process := running_process(stage.cmd):
            raise BusyError(f"it is running already, as process {process}: wait until that ends, or end it")
        with self.repo.lock:
            self._in_use.take(stage)
            try:
                for path in foreign.in_outputs(self.repo, stage):
                    show(foreign.set_aside(path))
                stage.remove_outs(ignore_remove=False, force=False)
                try:
                    self.repo.stage_cache.restore(stage)
                except RunCacheNotFoundError:
                    stage.save_deps()
                    self._ran_on[name] = [dep.hash_info for dep in stage.deps]
                    return True
                return False
            except BaseException:
                self._in_use.release(stage)
                raise

    def record(self, name: str) -> None:
        """Do DVC's steps after a command.

        Raises UserError if a dependency has changed while it ran, and errors of DVC and the operating system, such as
        an output that is missing or cannot be stored.
        """
        stage = self.stages[name]
        # As in Stage.run: a stage with an uncached output other than metrics and plots is not in the run cache.
        only_in_git = any(not (out.use_cache or out.is_metric or out.is_plot) for out in stage.outs)
        with self.repo.lock:
            try:
                stage.save_deps()
                if self._ran_on.pop(name, None) not in (None, [dep.hash_info for dep in stage.deps]):
                    raise UserError("what it depends on changed while it ran: run the same command again")
                stage.save(run_cache=not only_in_git)
                stage.commit()
            finally:
                self._in_use.release(stage)
        self._entries[name] = to_single_stage_lockfile(stage)

    def give_up(self, name: str) -> None:
        """Release the paths of a stage whose command has failed."""
        with self.repo.lock:
            self._in_use.release(self.stages[name])

    def command(self, name: str, threads: int) -> Command:
        """Return the command of a stage. threads: per numerical operation."""
        stage = self.stages[name]
        environment = {"DVC_ROOT": self.repo.root_dir, "DVC_STAGE": stage.addressing}
        environment |= dict.fromkeys(THREADS, str(threads))
        if MIRROR_VARIABLE in os.environ:  # a worker of a cluster may have been started without it
            environment[MIRROR_VARIABLE] = os.environ[MIRROR_VARIABLE]
        keys = {key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params}
        return Command(self.run, name, stage.cmd, environment, LOGS / f"{name}.log", tensorflow="compute" in keys)

    def write(self) -> None:
        """Write the recorded entries to dvc.lock; entries that others have written meanwhile are kept."""
        if self._entries:
            began = self._written = time.monotonic()  # set before the write, so a failed one is not retried at once
            with self.repo.lock:
                present = lockfile.entries()
                settled = {name: self._settled(name, entry, present.get(name)) for name, entry in self._entries.items()}
                lockfile.change(settled)
            self._known = present | settled
            self.repo.scm_context.track_file(str(lockfile.LOCK_FILE))
            self._entries.clear()
            self._written = time.monotonic()
            self._pause = max(SECONDS_BETWEEN_WRITES, (self._written - began) / WRITING_SHARE)

    def _settled(self, name: str, own: lockfile.Entry, other: lockfile.Entry | None) -> lockfile.Entry:
        """Return the entry to write for a stage that this run has recorded.

        other: the one in dvc.lock. If another process has written it meanwhile, it is kept if it fits the workspace
        better.
        """
        if other in (None, own, self._known.get(name)):
            return own
        current = lockfile.current_entry(self.stages[name])
        return max((own, other), key=lambda entry: sum(entry.get(part) == current[part] for part in current))

    def write_now_and_then(self) -> None:
        """Write if the last write is long enough ago."""
        if time.monotonic() - self._written > self._pause:
            self.write()


class PathsInUse:
    """DVC's list of paths in use, with those of all stages that this process runs in parallel."""

    def __init__(self, repo: Repo) -> None:
        """Identify this process as DVC does in that list."""
        self._repo = repo
        self._info = {"pid": os.getpid(), "cmd": " ".join(sys.argv)}
        self._reads = Counter[str]()

    @contextmanager
    def _list(self) -> Iterator[Any]:
        """Yield the list to change."""
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        with _edit_rwlock(self._repo.tmp_dir, self._repo.fs, hardlink) as listed:
            yield listed

    def take(self, stage: PipelineStage) -> None:
        """Add the paths of a stage. Raises BusyError if another process uses one."""
        read, write = _paths(stage)
        with self._list() as listed:
            try:
                _check_blockers(self._repo.tmp_dir, listed, self._info, mode="write", waiters=read + write)
                _check_blockers(self._repo.tmp_dir, listed, self._info, mode="read", waiters=write)
            except LockError as error:
                raise BusyError(str(error)) from None
            _acquire_read(listed, self._info, read)
            _acquire_write(listed, self._info, write)
        self._reads.update(read)

    def release(self, stage: PipelineStage) -> None:
        """Remove the paths of a stage, except those that other stages of this process still read."""
        read, write = _paths(stage)
        self._reads.subtract(read)
        done = [path for path in read if not self._reads[path]]
        with self._list() as listed:  # a dvc on another machine may have taken this process for dead
            _release_read(listed, self._info, [path for path in done if self._info in listed["read"].get(path, [])])
            _release_write(listed, self._info, [path for path in write if listed["write"].get(path) == self._info])


def _paths(stage: PipelineStage) -> tuple[list[str], list[str]]:
    """Return the paths that a stage reads and those that it writes."""
    return list({dep.fs_path for dep in stage.deps}), [out.fs_path for out in stage.outs]
