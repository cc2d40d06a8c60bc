"""A cache that several projects and people share: its permissions, and results that are links into it."""

import shutil
import stat
from pathlib import Path

import pytest

from tests.conftest import dvc, tool
from tests.test_results import flip, stored
from tools import cache, digests, repository


def test_what_is_put_into_a_shared_cache_has_group_permissions(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with DVC: without them, nobody else could add to the same folder of the cache."""
    monkeypatch.chdir(tiny)
    shutil.move(".dvc/cache", "elsewhere")
    Path(".dvc/config.local").write_text("[cache]\n    shared = group\n    dir = ../elsewhere\n")
    with repository.open_repo() as repo:
        folder, file = Path("data/noisy/0.5"), Path("models/tiny/0-0.keras")
        names = [digests.of_folder(digests.contents(repo, folder)), str(digests.of_file(file))]
        before = {cache.object_path(repo, md5): cache.object_path(repo, md5).read_bytes() for md5 in names}
        for path in before:
            shutil.rmtree(path.parent)
        cache.store(repo, folder)
        cache.store(repo, file)
    for path, content in before.items():
        assert path.is_relative_to(tiny / "elsewhere")
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o2775


def test_links_to_what_the_cache_has_lost_count_as_missing_files(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after 'dvc gc' in another project: verify says so, and repro recreates them. DVC itself stumbles over them."""
    monkeypatch.chdir(tiny)
    (tiny / ".dvc/config.local").write_text("[cache]\n    type = symlink\n")
    dvc(tiny, "checkout", "--relink")
    lost = [Path("data/noisy/0.5/test_images.npy"), Path("data/posterior/0.5.json")]
    assert all(path.is_symlink() for path in lost)
    for path in lost:
        stored(path).unlink()
    output = tool(tiny, "verify", status=1)
    assert "not on this machine: the results of 2 stages (noise@0.5 posterior@0.5)" in output
    assert "not on this machine: the results of 2 stages" in tool(tiny, "repair", status=1)
    Path(".dvc/cache").rename("unmounted")
    assert "mount its disk, or restore it" in tool(tiny, "repro", "posterior@0.5", status=1)
    assert lost[0].is_symlink()
    shutil.rmtree(".dvc/cache", ignore_errors=True)
    Path("unmounted").rename(".dvc/cache")
    output = tool(tiny, "repro", "posterior@0.5")
    assert "2 links to objects that the cache has lost are removed" in output
    assert "noise@0.5: " in output
    assert "are what dvc.lock says" in tool(tiny, "verify")

    # What is damaged through a link is damaged in the cache too: the damaged bytes are set aside all the same.
    flip(lost[1])
    damaged = lost[1].read_bytes()
    assert "are what dvc.lock says" in tool(tiny, "repair")
    assert (Path(".dvc/tmp/aside") / lost[1]).read_bytes() == damaged
    assert lost[1].is_symlink()
