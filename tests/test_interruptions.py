"""Kills, locks and a second run at any moment: nothing is lost, and results are those of an uninterrupted run."""

import fcntl
import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from dvc.lock import make_lock
from ruamel.yaml import YAML

from tests.conftest import dvc, git, program_environment, ran, tool
from tests.test_pipeline import contents

# Number of kills; raise it for a long run.
KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("KILLS_SEED", "0"))
# The stages that a round of kills runs: one of each kind of writer, with two trainings.
ROUND = ["evaluate@tiny_fresh-0.5-0", "posterior@0.5", "autoencoder"]
STARTED = [sys.executable, "-m", "tools.repro", *ROUND]
# What Python prints for a Ctrl-C that comes while an object is freed, where no exception can be raised.
SWALLOWED = re.compile(
    r"^Exception ignored in: <function \w+\.__del__ at .*\nTraceback .*\n(?: .*\n)*KeyboardInterrupt", re.MULTILINE
)


@pytest.fixture
def unrun(tiny: Path, change: Callable[..., None]) -> Path:
    """Return the copy as if nothing had ever run in it, with trainings of six epochs."""
    change({"models.tiny_fresh.epochs": 6, "autoencoder.epochs": 6})
    forget(tiny)
    git(tiny, "rm", "--quiet", "--cached", "dvc.lock")
    git(tiny, "commit", "--quiet", "--message", "Nothing was run yet")
    return tiny


def results(folder: Path) -> dict[Path, bytes]:
    """Return the bytes of all results."""
    return contents(folder / "data") | contents(folder / "models")


def lock_entries(folder: Path) -> dict[str, object]:
    """Return the entries of dvc.lock as a dict: in the file they are in the order in which stages ended."""
    entries: dict[str, object] = YAML(typ="safe").load((folder / "dvc.lock").read_text())["stages"]
    return entries


def forget(folder: Path) -> None:
    """Remove all results, and all that DVC knows about them."""
    for name in ("data", "models", "checkpoints", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "dvc.lock").unlink(missing_ok=True)


def start(folder: Path, log: Path, command: list[str]) -> psutil.Popen:
    """Start a command as the leader of a process group of its own, writing to the end of a log.

    It receives Ctrl-C even if this process, started in the background of a shell, ignores it.
    """
    with log.open("a") as file:
        return psutil.Popen(
            command,
            cwd=folder,
            env=program_environment(),
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


def running_stages(folder: Path, kind: str = "") -> dict[str, psutil.Process]:
    """Return the processes of the running stages of a kind, by stage. They hold the stage's lock; orphans count too."""
    stages = {}
    for path in (folder / ".dvc/tmp/stages").glob(f"{kind}*"):
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with suppress(ValueError, psutil.NoSuchProcess):  # it has just started, or ended
                    stages[path.name] = psutil.Process(int(lock.read()))
    return stages


def stage_logs(folder: Path) -> str:
    """Return all that each stage printed in its last run."""
    return "".join(path.read_text() for path in sorted((folder / ".dvc/tmp/logs").glob("*.log")))


def writers(folder: Path) -> dict[str, int]:
    """Return the process that has each result, or its temporary name, open for writing."""
    by_path: dict[str, int] = {}
    for process in running_stages(folder).values():
        try:
            for file in process.open_files():
                path = Path(file.path)
                if path.is_relative_to(folder) and "w" in file.mode and ".dvc" not in path.parts:
                    assert by_path.setdefault(file.path, process.pid) == process.pid, f"two writers of {file.path}"
        except psutil.Error:
            continue
    return by_path


def interrupt(folder: Path, run: psutil.Popen, victim: str, how: signal.Signals) -> bool:
    """Send a signal to the run, to its whole group or to a running stage; return whether one was there to get it."""
    if run.poll() is not None:
        return False
    if victim == "group":
        os.killpg(run.pid, how)
        return True
    targets = [*running_stages(folder).values()] if victim == "stage" else [run]
    for process in targets[:1]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(how)
    return bool(targets)


def test_kills_at_any_moment_leave_the_results_of_an_uninterrupted_run(unrun: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    began = time.monotonic()
    uninterrupted = start(unrun, log, STARTED)
    assert uninterrupted.wait() == 0, log.read_text()
    took = time.monotonic() - began
    expected, expected_entries = results(unrun), lock_entries(unrun)

    rng, kills, rounds, resumed = random.Random(SEED), 0, 0, 0
    while kills < KILLS:
        forget(unrun)
        rounds += 1
        for _ in range(6):
            run = start(unrun, log, STARTED)
            deadline = time.monotonic() + rng.uniform(0.5, took / 2)
            while time.monotonic() < deadline and run.poll() is None:
                writers(unrun)
                time.sleep(0.02)
            victim, how = rng.choice(["run", "group", "stage"]), rng.choice([signal.SIGTERM, signal.SIGKILL])
            kills += interrupt(unrun, run, victim, how)
            run.wait()
        assert start(unrun, log, STARTED).wait() == 0, log.read_text()
        resumed += stage_logs(unrun).count("resuming from epoch")
        assert lock_entries(unrun) == expected_entries
        assert results(unrun) == expected
        assert "are what dvc.lock says" in tool(unrun, "verify")
    print(f"{kills} kills in {rounds} rounds, {resumed} trainings resumed from a checkpoint, seed {SEED}")
    assert "Traceback" not in log.read_text()


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("held", [5, 0])
def test_a_lock_held_as_training_ends_costs_no_training(unrun: Path, tmp_path: Path, held: int) -> None:
    """Plain ``dvc repro`` (``held`` is 0) gives up after three seconds. ``make repro`` waits for ``held`` seconds."""
    dvc(unrun, "repro", "noise")
    log = tmp_path / "log"
    plain = ["dvc", "repro", "train@tiny-0-0"]
    run = start(unrun, log, [*STARTED[:3], plain[2]] if held else plain)
    until(lambda: running_stages(unrun, "train"))
    lock = make_lock(str(unrun / ".dvc/tmp/lock"), wait=True)
    with lock:
        if held:
            until(lambda: (unrun / "models/tiny/0-0.keras").exists())
            time.sleep(held)
        else:
            assert run.wait() != 0
            assert "Unable to acquire lock" in log.read_text()
    if held:
        assert run.wait() == 0
        return
    again = dvc(unrun, *plain[1:])
    assert "resuming from epoch 2 of 2" in again
    assert "epoch 1/2" not in again
    assert not ran(dvc(unrun, *plain[1:]))


def test_two_runs_in_one_workspace_lose_nothing(unrun: Path, tmp_path: Path) -> None:
    logs = [tmp_path / "first", tmp_path / "second"]
    runs = [start(unrun, log, STARTED) for log in logs]
    statuses = [run.wait() for run in runs]
    assert statuses == [0, 0], [log.read_text() for log in logs]
    output = stage_logs(unrun)
    for epoch in range(1, 7):  # by the ConvNet and by the autoencoder, once each
        assert output.count(f"epoch {epoch}/6:") == 2
    assert "resuming" not in output
    assert not ran(dvc(unrun, "repro", *ROUND))


def test_ctrl_c_ends_quietly_and_plain_dvc_resumes(unrun: Path, change: Callable[..., None], tmp_path: Path) -> None:
    """It is pressed again if TensorFlow has swallowed it, as it may while it frees its traces."""
    change({"models.tiny_fresh.epochs": 40, "autoencoder.epochs": 40})
    log = tmp_path / "log"
    run = start(unrun, log, STARTED)
    until(lambda: "epoch 2/40" in stage_logs(unrun))
    os.killpg(run.pid, signal.SIGINT)
    until(lambda: run.poll() is not None or SWALLOWED.search(stage_logs(unrun)))
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGINT)
    assert run.wait() == 130
    assert not running_stages(unrun)
    assert "run it again to resume" in log.read_text()
    assert "Traceback" not in log.read_text() + SWALLOWED.sub("", stage_logs(unrun))
    assert "resuming from epoch" in dvc(unrun, "repro", *ROUND)
