"""A full disk, and folders without write permission: one clear message, no partial file, and the next run resumes."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from noisy_mnist.core.errors import UserError
from tests.conftest import dvc, run_in
from tools import repro

# More than any file that dvc writes for the tiny graph, less than the training images of a noisy copy.
LARGEST_FILE = 1_500_000


@pytest.fixture
def stale(tiny: Path, change: Callable[..., None]) -> Path:
    """Return the copy after a change that makes the noise stage run again."""
    change({"noise.seed": 1})
    shutil.rmtree(tiny / ".dvc/cache/runs")
    return tiny


def test_full_disk_is_reported_once_and_the_run_resumes_when_there_is_room(stale: Path) -> None:
    """A limit on file size stands in for a full disk."""
    command = ["prlimit", f"--fsize={LARGEST_FILE}", "dvc", "repro", "noise"]
    output = run_in(stale, command, status=255)
    scales = re.findall(r"data/noisy/(\S+) could not be written .*File too large", output)
    assert len(scales) == 1  # dvc chooses which of the two copies it makes first, and then stops
    assert "run the same command again" in output
    assert "Traceback" not in output
    assert {path.name for path in (stale / "data/noisy").iterdir()} <= {"0", "0.5"} - {*scales}
    dvc(stale, "repro", "noise")
    assert {path.stat().st_size > LARGEST_FILE for path in (stale / "data/noisy").glob("*/train_images.npy")} == {True}


def test_a_folder_without_write_permission_is_named(stale: Path) -> None:
    """Root first gives up its right to override permissions."""
    folder = stale / "data/noisy"
    allowed = os.geteuid() != 0
    if not (allowed or shutil.which("setpriv")):
        pytest.skip("running as root, and setpriv is not installed: permissions cannot be tested")
    command = [] if allowed else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    shutil.rmtree(folder / "0")
    folder.chmod(0o555)
    output = run_in(stale, [*command, "python", "-m", "stages.noise", "0"], status=1)
    folder.chmod(0o755)
    assert "data/noisy/0 could not be written" in output
    assert "Permission denied" in output
    assert len(output.splitlines()) == 1
    assert not [path for path in folder.iterdir() if path.name not in ("0.5",)]
    dvc(stale, "repro", "noise")


@pytest.mark.parametrize(("free", "told"), [(10**6, True), (10**12, False)])
def test_a_run_that_fails_on_a_nearly_full_disk_says_how_much_is_free(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch, free: int, told: bool
) -> None:
    """Some programs fail on a full disk without saying so."""
    change({"data.dataset": "mnist"})
    monkeypatch.chdir(tiny)
    monkeypatch.setenv("MNIST_MIRROR", "/nowhere")
    usage = shutil.disk_usage(".")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)  # noqa: ARG005
    with pytest.raises(UserError) as failed:
        repro.main("download")
    assert ("MB are free on this disk" in str(failed.value)) is told
    assert "Run the same command again to resume" in str(failed.value)
