"""The DVC repository of the working folder: opening it, its stages in order, and its locks."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TextIO

import psutil
from dvc.config import Config, ConfigError
from dvc.lock import LockError, make_lock
from dvc.repo import Repo
from dvc.stage import PipelineStage

from noisy_mnist.core.errors import UserError
from noisy_mnist.core.params import PARAMS_FILE
from noisy_mnist.core.stage import LOCKS
from tools import git, lockfile

CONFIG = Path(".dvc/config")
IN_USE = Path(".dvc/tmp/rwlock")  # DVC's list of paths in use
BY_HAND = (PARAMS_FILE, Path("dvc.yaml"))  # files that only a person can merge


def check_project() -> None:
    """Raise UserError if the working folder is in no git repository, has no DVC settings, or needs a merge by hand."""
    git.check(Path())
    if not CONFIG.exists():
        todo = f"'git checkout -- {CONFIG}' brings it back, or, in a sparse checkout, 'git sparse-checkout add .dvc'"
        raise UserError(f"expected the project's {CONFIG} in {Path.cwd()}, found none: {todo}")
    for path in BY_HAND:
        if lockfile.holds_markers(path):
            todo = "choose what to keep between '<<<<<<<' and '>>>>>>>', and remove these lines"
            raise UserError(f"{path} holds a merge conflict, which is to be merged by hand: {todo}")


def open_repo() -> Repo:
    """Return the repository; it waits for locks that another dvc holds.

    Raises UserError if DVC cannot read its files.
    """
    check_project()
    try:
        repo = Repo(".", _wait_for_lock=True)
        _ = repo.index.stages
    except Exception as error:  # DVC may raise anything for damaged files
        readable = lockfile.readable(lockfile.LOCK_FILE)
        hint = "" if readable else f". 'make repair' replaces an unreadable {lockfile.LOCK_FILE}, or merges its sides"
        raise UserError(f"dvc cannot read the project: {error}{hint}") from None
    return repo


@contextmanager
def dvc_lock(name: str) -> Iterator[None]:
    """Hold a DVC lock, ``lock`` or ``rwlock.lock``, of the kind that DVC's settings select; print a line if waiting.

    A lock for network file systems (``core.hardlink_lock``) outlives a process that is killed while holding it, and
    does not name that process. Raises UserError if DVC cannot read its settings.
    """
    try:
        hardlink = Config(dvc_dir=".dvc")["core"].get("hardlink_lock", False)
    except ConfigError as error:
        raise UserError(f"dvc cannot read its settings: {error}") from None
    path = f".dvc/tmp/{name}"
    lock = make_lock(path, tmp_dir=".dvc/tmp", hardlink_lock=hardlink)
    try:
        lock.lock()
    except LockError:
        todo = f". If none is running, on any machine, remove {path}" if hardlink else ""
        print(f"waiting for another dvc, which holds {path}{todo}", flush=True)
        lock = make_lock(path, tmp_dir=".dvc/tmp", hardlink_lock=hardlink, wait=True)
        lock.lock()
    try:
        yield
    finally:
        lock.unlock()


def stages(repo: Repo) -> list[PipelineStage]:
    """Return all stages of dvc.yaml, each after those it depends on, without what ``dvc add`` tracks."""
    graph = repo.index.graph
    order = TopologicalSorter({stage: list(graph.successors(stage)) for stage in graph}).static_order()
    return [stage for stage in order if isinstance(stage, PipelineStage)]


def running_process(command: str) -> str:
    """Return the process that is already running the command of a stage, "" if there is none."""
    path = LOCKS / command.removeprefix("python -m stages.").replace("/", "_")
    if not path.is_file():
        return ""
    with _opened(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read() or "unknown"
    return ""


def _opened(lock: Path) -> TextIO:
    """Return the open lock file of a stage: NFS gives no exclusive lock on a file that is open for reading only."""
    return lock.open("r+", encoding="utf-8")


@contextmanager
def exclusive() -> Iterator[None]:
    """Hold DVC's lock and those of all stages.

    Raises UserError if a stage is running. DVC itself does not hold its lock while a stage runs.
    """
    check_project()
    LOCKS.mkdir(parents=True, exist_ok=True)
    with dvc_lock("lock"), ExitStack() as held:
        if owner := _running_stage():
            raise UserError(f"process {owner} is running a stage: wait until it ends; nothing was changed")
        for path in LOCKS.iterdir():
            lock = held.enter_context(_opened(path))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"stage '{path.name}' is running: wait until it ends; nothing was changed") from None
        yield


def paths_in_use() -> Any:
    """Return DVC's list of paths in use, by kind of use. Raises UserError if a killed dvc has left it half-written."""
    try:
        return json.loads(IN_USE.read_text(encoding="utf-8")) if IN_USE.exists() else {}
    except ValueError:
        raise UserError(
            f"expected JSON in {IN_USE}, found what a killed dvc leaves: 'make repair' removes the file"
        ) from None


def _running_stage() -> int | None:
    """Return a live process that DVC's list of paths in use names, None if there is none.

    A dvc that runs a stage is listed before the stage has taken its own lock.
    """
    uses = paths_in_use()
    readers = [reader for by_path in uses.get("read", {}).values() for reader in by_path]
    users = [*uses.get("write", {}).values(), *readers]
    return next((user["pid"] for user in users if psutil.pid_exists(user["pid"])), None)
