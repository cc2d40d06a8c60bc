"""What a Dask worker does for tools.parallel: run one stage with dvc, and wait while another process blocks it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distributed import print  # a worker's output reaches its client's terminal
from dvc.exceptions import DvcException
from dvc.lock import make_lock
from dvc.utils.serialize import parse_yaml

Digests = Mapping[str, str]  # path of an output to its MD5

# Messages of dvc or a stage that another process blocks, such as a stage that outlived its killed worker.
BUSY = re.compile(r"another run of this stage is in progress|is busy, it is being blocked by|Unable to acquire lock")
SECONDS_BETWEEN_TRIES = 2
# Folder in the workspace for the log of each stage.
LOGS = Path(".dvc/tmp/parallel")
# Without these, numerical libraries start a thread for each core of the machine.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Success:
    """The outputs of a stage that has run, and its seconds, including those of waiting for other processes."""

    outputs: Digests
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why a stage could not be run, for the user."""

    why: str


class _StageError(Exception):
    """A failure, until run_stage returns it."""


def run_stage(name: str, threads: int, workspace: str) -> Success | Failure:
    """Run one stage whose dependencies have run, and return the digests that dvc.lock then gives its outputs.

    threads: of one numerical operation. workspace: the folder that all workers share. A failure is returned, not
    raised: Dask would write a traceback.
    """
    began = time.monotonic()
    folder = Path(workspace).resolve()
    try:
        repro(folder, name, threads)
        return Success(recorded_digests(folder, name), time.monotonic() - began)
    except (_StageError, OSError) as error:
        return Failure(str(error))


def repro(folder: Path, name: str, threads: int) -> None:
    """Run one stage with dvc, again for as long as another process blocks it. Raises _StageError if it fails.

    The user is told once what blocks it: that process may run for hours, or have died on another machine, and only the
    user can know.
    """
    log = folder / LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    arguments = ["--wait-for-lock", "repro", "--single-item", name]
    told = False
    while True:
        with log.open("wb") as file:
            command = [sys.executable, "-m", "dvc", *arguments]
            run = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdout=file,
                stderr=file,
                check=False,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a worker ignores
            )
        if not run.returncode:
            return
        output = log.read_text(errors="replace")
        last = "\n".join(output.strip().splitlines()[-8:])
        if not BUSY.search(output):
            ended = f"'dvc {' '.join(arguments)}' ended with status {run.returncode}"
            raise _StageError(f"{ended}. Its output is in {log}, the end of it:\n{last}")
        if not told:
            print(f"{name} waits for another process:\n{last}", flush=True)
            told = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def recorded_digests(folder: Path, name: str) -> Digests:
    """Return the digests of a stage's outputs by path, from dvc.lock. Raises _StageError if it is damaged."""
    path = folder / "dvc.lock"
    with make_lock(str(folder / ".dvc/tmp/lock"), wait=True):  # dvc writes the file in place
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        entry = parse_yaml(text, path)["stages"][name]
    except (DvcException, KeyError):
        raise _StageError(f"{path} has no readable entry of {name}: 'make repair' repairs the file") from None
    return {out["path"]: out["md5"] for out in entry.get("outs", [])}
