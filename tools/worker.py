"""What a Dask worker does for tools.parallel: run one stage with dvc, and wait while another process is in its way."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distributed import print  # that of a worker reaches the terminal of its client
from dvc.exceptions import DvcException
from dvc.lock import make_lock
from dvc.utils.serialize import parse_yaml

Digests = Mapping[str, str]  # path of an output to its MD5

# What dvc or a stage says when another process is in its way: such as the stage that a killed worker left at work.
BUSY = re.compile(r"another run of this stage is at work|is busy, it is being blocked by|Unable to acquire lock")
SECONDS_BETWEEN_TRIES = 2
# Where the output of each stage is kept, below the workspace.
LOGS = Path(".dvc/tmp/parallel")
# Numerical libraries that start a thread for each core of the machine unless they are told not to.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Success:
    """The outputs of a stage that has run, and its seconds, those of waiting for other processes included."""

    outputs: Digests
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why a stage could not be run, for the person at the terminal."""

    why: str


class _StageError(Exception):
    """As above, on its way out."""


def run_stage(name: str, threads: int, workspace: str | None, commit: str | None = None) -> Success | Failure:
    """Run one stage whose dependencies have run, and return the digests that dvc.lock then gives its outputs.

    threads: of one numerical operation. workspace: the folder that all workers share; None if each stands in a clone of
    its own, where results come from and go to the DVC remote: then commit is what that clone must have checked out.
    A failure is returned: Dask would write a traceback for what is raised.
    """
    began = time.monotonic()
    folder = Path(workspace or ".").resolve()
    try:
        if workspace is None:
            check_commit(folder, commit)
            dvc(folder, name, threads, "repro", "--pull", name)
            dvc(folder, name, threads, "push", "--run-cache", name)
        else:
            dvc(folder, name, threads, "repro", "--single-item", name)
        return Success(digests(folder, name), time.monotonic() - began)
    except (_StageError, OSError) as error:
        return Failure(str(error))


def check_commit(folder: Path, commit: str | None) -> None:
    """Raise _StageError if a clone has another commit, or changes of its own in what results come from."""
    if (found := head(folder)) != commit:
        # Results of its own runs stand in files that git tracks, so that a pull would stop.
        todo = f"'git fetch && git checkout --force {commit}' there"
        raise _StageError(f"the worker's clone {folder} is at {found or 'no commit'}, expected {commit}: {todo}")
    if edited := changes(folder):
        raise _StageError(f"the worker's clone {folder} has changes in {', '.join(edited)}: 'git checkout' them there")


def head(folder: Path) -> str:
    """Return the commit that a clone has checked out, "" if there is none."""
    words = ["git", "rev-parse", "--verify", "HEAD"]
    run = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def changes(folder: Path) -> list[str]:
    """Return the files of a clone that are not as committed, apart from results."""
    words = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!metrics", ":!plots"]
    run = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return [line[3:] for line in run.stdout.splitlines()]


def dvc(folder: Path, name: str, threads: int, *words: str) -> None:
    """Run dvc for a stage, again for as long as another process is in the way. Raises _StageError if it fails.

    What is in the way is told once, at the terminal of whoever started the run: it may be at work for hours, or have
    died on another machine, and only a person can tell.
    """
    log = folder / LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    told = False
    while True:
        with log.open("wb") as file:
            command = [sys.executable, "-m", "dvc", "--wait-for-lock", *words]
            run = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdout=file,
                stderr=file,
                check=False,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a worker does not hear Ctrl-C
            )
        if not run.returncode:
            return
        said = log.read_text(errors="replace")
        last = "\n".join(said.strip().splitlines()[-8:])
        if not BUSY.search(said):
            ended = f"'dvc {' '.join(words)}' ended with status {run.returncode}"
            raise _StageError(f"{ended}. All it said is in {log}, last:\n{last}")
        if not told:
            print(f"{name} waits for another process:\n{last}", flush=True)
            told = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def digests(folder: Path, name: str) -> Digests:
    """Return the digests of a stage's outputs by path, as dvc.lock has them. Raises _StageError if it is damaged."""
    path = folder / "dvc.lock"
    with make_lock(str(folder / ".dvc/tmp/lock"), wait=True):  # dvc writes the file in place
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        entry = parse_yaml(text, path)["stages"][name]
    except (DvcException, KeyError):
        raise _StageError(f"{path} has no entry of it that can be read: 'make repair' mends the file") from None
    return {out["path"]: out["md5"] for out in entry.get("outs", [])}
