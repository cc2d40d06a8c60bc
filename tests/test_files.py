"""Writing under a temporary name: what has the final name is whole, and nothing else is left."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError

Write = Callable[[Path, str], None]


def write_file(path: Path, text: str) -> None:
    path.write_text(text)


def write_folder(path: Path, text: str) -> None:
    """Write a folder with a file in a subfolder, and a file that is named by the text."""
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").write_text(text)
    (path / f"{text}.txt").write_text(text)


def content(folder: Path) -> dict[str, str]:
    """Return the text of every file below a folder; empty folders appear with no text."""
    found = (path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir()))
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else "" for path in found}


def expected(tmp_path: Path, write: Write, text: str) -> dict[str, str]:
    """Return the content of a folder in which ``write`` wrote the text under ``out`` and nothing else."""
    reference = tmp_path / "reference"
    reference.mkdir()
    write(reference / "out", text)
    return content(reference)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("write", [write_file, write_folder])
def test_writes_and_leaves_nothing_else(tmp_path: Path, work: Path, write: Write) -> None:
    with files.replacing(work / "out") as path:
        write(path, "new")
        assert not (work / "out").exists()
    assert content(work) == expected(tmp_path, write, "new")


@pytest.mark.parametrize(
    ("old", "write"), [(write_file, write_file), (write_folder, write_folder), (write_folder, write_file)]
)
def test_replaces_all_that_was_there(tmp_path: Path, work: Path, old: Write, write: Write) -> None:
    old(work / "out", "old")
    with files.replacing(work / "out") as path:
        write(path, "new")
    assert content(work) == expected(tmp_path, write, "new")


def test_folder_whose_old_files_cannot_be_deleted_is_whole(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(work / "out", "old")

    def refuse(path: Path) -> None:
        raise PermissionError(path)

    def replace() -> None:
        with files.replacing(work / "out") as path:
            write_folder(path, "new")
            monkeypatch.setattr(shutil, "rmtree", refuse)

    with pytest.raises(UserError, match="former"):
        replace()
    assert content(work / "out") == {"inner/file": "new", "new.txt": "new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("write", [write_file, write_folder])
def test_error_leaves_no_output(work: Path, write: Write, error: type[BaseException]) -> None:
    def fail() -> None:
        with files.replacing(work / "out") as path:
            write(path, "new")
            raise error

    with pytest.raises(error):
        fail()
    assert content(work) == {}


@pytest.mark.parametrize("write", [write_file, write_folder])
def test_error_keeps_the_old_output(tmp_path: Path, work: Path, write: Write) -> None:
    def fail() -> None:
        with files.replacing(work / "out") as path:
            write(path, "new")
            raise ValueError("in the middle")

    write(work / "out", "old")
    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert content(work) == expected(tmp_path, write, "old")


@pytest.mark.parametrize("write", [write_file, write_folder])
def test_writing_nothing_is_an_error_that_keeps_the_old_output(tmp_path: Path, work: Path, write: Write) -> None:
    write(work / "out", "old")
    with pytest.raises(UserError, match=r"out could not be written .*No such file"), files.replacing(work / "out"):
        pass
    assert content(work) == expected(tmp_path, write, "old")


@pytest.mark.parametrize("write", [write_file, write_folder])
@pytest.mark.parametrize("leftover", [write_file, write_folder])
def test_leftovers_of_a_killed_run_are_overwritten(tmp_path: Path, work: Path, write: Write, leftover: Write) -> None:
    kind = "path.write_text('half')" if leftover is write_file else "path.mkdir(); (path / 'half').write_text('half')"
    script = (
        "import os, pathlib, signal\n"
        "from noisy_mnist.core import files\n"
        "with files.replacing(pathlib.Path('out')) as path:\n"
        f"    {kind}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(__file__).parents[1])
    killed = subprocess.run([sys.executable, "-c", script], cwd=work, env={**os.environ, "PYTHONPATH": root})
    assert killed.returncode == -signal.SIGKILL
    assert list(content(work).values()) == ["half"]
    assert not (work / "out").exists()
    with files.replacing(work / "out") as path:
        write(path, "new")
    assert content(work) == expected(tmp_path, write, "new")


def test_creates_missing_folders(work: Path) -> None:
    with files.replacing(work / "a" / "b" / "out") as path:
        path.write_text("new")
    assert content(work) == {"a/b/out": "new"}


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_is_replaced_and_its_target_left_alone(work: Path, link: Callable[[Path, Path], None]) -> None:
    """DVC may have replaced an output by a link into its cache."""
    (work / "cached").write_text("old")
    (work / "cached").chmod(0o444)
    link(work / "out", work / "cached")
    with files.replacing(work / "out") as path:
        path.write_text("new")
    assert content(work) == {"cached": "old", "out": "new"}
    assert not (work / "out").is_symlink()


def test_a_link_to_a_folder_is_replaced_and_its_target_left_alone(work: Path) -> None:
    """A user may have moved a large folder to another disk."""
    write_folder(work / "other", "old")
    (work / "out").symlink_to(work / "other")
    with files.replacing(work / "out") as path:
        write_folder(path, "new")
    assert content(work / "other") == {"inner/file": "old", "old.txt": "old"}
    assert content(work / "out") == {"inner/file": "new", "new.txt": "new"}


def test_outputs_beside_each_other_do_not_collide(work: Path) -> None:
    with files.replacing(work / "0") as first, files.replacing(work / "0.1") as second:
        first.write_text("first")
        second.write_text("second")
    assert content(work) == {"0": "first", "0.1": "second"}


def write_array(path: Path, text: str) -> None:
    """Write the text with NumPy, whose message for a full disk is different."""
    with path.open("wb") as file:
        np.save(file, np.array(list(text)))


@pytest.mark.parametrize("write", [write_file, write_folder, write_array])
def test_full_disk_is_reported_with_the_name_and_leaves_nothing(work: Path, write: Write) -> None:
    """A limit on file size stands in for a full disk."""

    def fill() -> None:
        with files.replacing(work / "out") as path:
            write(path, "x" * 150)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UserError, match=r"out could not be written .*File too large|out .* requested and"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert content(work) == {}
    fill()
    assert (work / "out").exists()
