"""How a stage ends: its messages, its exit status, and one run at a time, in processes of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}

# A stage that does what its first argument says. A shell may have told its background jobs to ignore SIGINT: undo that.
SCRIPT = """
import signal, sys, time
from noisy_mnist.core.errors import UserError
from noisy_mnist.core.stage import run

signal.signal(signal.SIGINT, signal.default_int_handler)

def main(action: str, number: str) -> None:
    print("started", flush=True)
    if action == "wait":
        time.sleep(60)
    elif action == "user-error":
        raise UserError("expected a cat, found a dog: feed it")
    elif action == "missing":
        open("/nowhere/file")
    elif action == "full":
        open("/dev/full", "w").write("x" * 100_000)
    elif action == "bug":
        raise ValueError("a bug")

run(main)
"""

Result = subprocess.CompletedProcess[str]
Stage = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder to work in, with the script of a stage called ``pets``."""
    (tmp_path / "pets.py").write_text(SCRIPT)
    return tmp_path


@pytest.fixture
def stage(folder: Path) -> Stage:
    """Return a function that runs the stage with the given arguments until it ends."""

    def run(*arguments: str) -> Result:
        command = [sys.executable, "pets.py", *arguments]
        return subprocess.run(command, cwd=folder, env=ENV, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Return a function that starts the stage and returns once it is running; all are killed at the end."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "pets.py", *arguments]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, cwd=folder, env=ENV, stdout=pipe, stderr=pipe, text=True))
        assert processes[-1].stdout is not None
        assert processes[-1].stdout.readline() == "started\n"
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def refused(result: Result) -> str:
    """Return the message of a stage that ended with status 1 and without a traceback."""
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_success_is_status_0_and_silent(stage: Stage) -> None:
    result = stage("work", "1")
    assert (result.returncode, result.stdout, result.stderr) == (0, "started\n", "")


def test_user_error_is_a_message_that_names_the_stage(stage: Stage) -> None:
    assert refused(stage("user-error", "1")) == "pets user-error 1: expected a cat, found a dog: feed it\n"


@pytest.mark.parametrize(("action", "reason"), [("missing", "/nowhere/file"), ("full", "No space left")])
def test_an_error_of_the_system_is_a_message(stage: Stage, action: str, reason: str) -> None:
    message = refused(stage(action, "1"))
    assert message.startswith(f"pets {action} 1: ")
    assert reason in message


def test_a_bug_keeps_its_traceback(stage: Stage) -> None:
    result = stage("bug", "1")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "ValueError: a bug" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["work"], ["work", "1", "2"]], ids=len)
def test_wrong_number_of_arguments_is_a_message(stage: Stage, arguments: list[str]) -> None:
    result = stage(*arguments)
    message = refused(result)
    assert "['action', 'number']" in message
    assert str(arguments) in message
    assert "dvc repro" in message
    assert not result.stdout


def test_second_run_is_refused_while_the_first_runs(stage: Stage, start: Start) -> None:
    first = start("wait", "1")
    second = stage("wait", "1")
    message = refused(second)
    assert message.startswith(f"pets wait 1: another run of this stage is in progress, process {first.pid}: ")
    assert not second.stdout
    assert first.poll() is None


def test_other_arguments_are_another_stage(stage: Stage, start: Start) -> None:
    start("wait", "1")
    assert stage("work", "1").returncode == 0
    start("wait", "2")
    start("wait", "a/b")
    start("wait", "../../1")


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_lock_is_free_once_its_holder_is_gone(start: Start, signum: signal.Signals) -> None:
    first = start("wait", "1")
    first.send_signal(signum)
    first.wait(60)
    assert start("wait", "1").poll() is None


def test_lock_is_free_after_a_refusal_and_an_error(stage: Stage, start: Start) -> None:
    first = start("wait", "1")
    refused(stage("wait", "1"))
    refused(stage("user-error", "1"))
    first.kill()
    first.wait(60)
    assert start("wait", "1").poll() is None
    assert "feed it" in refused(stage("user-error", "1"))


def test_interrupt_is_status_130_without_a_traceback(start: Start) -> None:
    process = start("wait", "1")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 130


def test_locks_stay_in_their_folder(folder: Path, stage: Stage) -> None:
    for number in ("1", "../../../1", "/etc/1"):
        assert stage("work", number).returncode == 0
    written = {path.relative_to(folder).parts[:3] for path in folder.rglob("*") if path.is_file()}
    assert written == {("pets.py",), (".dvc", "tmp", "stages")}


def test_a_real_stage_refuses_a_wrong_file(tmp_path: Path) -> None:
    def check() -> Result:
        command = [sys.executable, "-m", "stages.check"]
        return subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=120)

    assert refused(check()).startswith(f"check: params.yaml not found in {tmp_path}")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("kind: gaussian", "kind: gausian"), encoding="utf-8")
    assert refused(check()).startswith("check: params.yaml: noise.kind: found 'gausian'. ")
    assert not (tmp_path / "data").exists()
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    assert check().returncode == 0
    assert (tmp_path / "data" / "checked").is_file()
