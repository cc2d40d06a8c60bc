"""The committed small results: what they hold, and that a clone without models goes on from them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from dvc.utils.serialize import dump_yaml, load_yaml

from tests.conftest import git, ran, tool
from tools import publish, results
from tools.workspace import ROOT, change_params


def objects(folder: Path) -> dict[str, str | None]:
    """Return the digest of each object in a clone's remote, by the digest in its path."""
    paths = results.files_in(folder / publish.REMOTE)
    return {"".join(path.parts[-2:]): results.digest(path) for path in paths}


def promised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the digests of all objects that dvc.lock promises of the small results, folders and files in them."""
    monkeypatch.chdir(folder)
    with results.open_repo() as repo:
        digests = {out.hash_info.value for out in publish.published(repo)}
    lists = [pd.read_json(folder / publish.REMOTE / "files/md5" / d[:2] / d[2:]) for d in digests if d.endswith(".dir")]
    return digests.union(*(set(files["md5"]) for files in lists))


def test_committed_remote_holds_the_small_results_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of dvc.lock that is not published fails here."""
    found = objects(ROOT)
    assert found.keys() == promised(ROOT, monkeypatch)
    assert all(name.removesuffix(results.FOLDER) == digest for name, digest in found.items())


def test_a_clone_without_models_trains_what_is_new_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = tiny / publish.REMOTE / "files/md5/00/11"
    stale.parent.mkdir(parents=True)
    stale.touch()
    assert "holds 31 results" in tool(tiny, "publish")
    assert objects(tiny).keys() == promised(tiny, monkeypatch)
    git(tiny, "add", "--all")
    git(tiny, "commit", "--quiet", "--message", "Small results")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(tiny), str(clone))
    noise = {"check", "download", "split", "noise@0", "noise@0.5"}
    assert ran(tool(clone, "extend")) == noise
    assert not git(clone, "status", "--porcelain")

    change_params(clone / "params.yaml", {"train.models": ["tiny", "tiny_fresh", "tiny_decay"]})
    new = {"tiny_decay-0-0", "tiny_decay-0.5-0"}
    expected = {f"{stage}@{cell}" for stage in ("train", "evaluate", "transfer") for cell in new}
    assert "holds 31 of 37 results" in tool(clone, "publish")
    assert ran(tool(clone, "extend")) == {"check", "summarize", "figures", *expected}
    for name in ("accuracy_by_scale", "curves", "transfer"):
        before, after = (set((folder / f"plots/{name}.csv").read_text().splitlines()) for folder in (tiny, clone))
        assert before < after
    assert "holds 37 results" in tool(clone, "publish")
    assert objects(clone).keys() == promised(clone, monkeypatch)

    scores = clone / "data/scores/tiny/0-0.json"
    monkeypatch.chdir(clone)
    with results.open_repo() as repo:
        results.object_path(repo, str(results.digest(scores))).unlink()
    assert "1 of 37 results are not in the cache, such as data/scores/tiny/0-0.json" in tool(clone, "publish", status=1)


def test_parallel_run_of_what_is_new_alone(tiny: Path, change: Callable[..., None]) -> None:
    shutil.rmtree(tiny / "models")
    shutil.rmtree(tiny / ".dvc/cache")
    assert "FAILED" not in tool(tiny, "parallel", "--allow-missing", "--workers", "2")
    assert not (tiny / "models").exists()
    change({"train.seeds": [0, 7]})
    said = tool(tiny, "parallel", "--allow-missing", "--workers", "2", "train@tiny-0.5-7")
    assert re.findall(r"^\d+/\d+ (\S+): \d+ s$", said, re.MULTILINE) == ["check", "train@tiny-0.5-7"]
    assert [path.name for path in (tiny / "models").rglob("*.*")] == ["0.5-7.keras"]


def test_scores_of_a_model_that_is_missing_and_was_another_one_are_not_kept(tiny: Path) -> None:
    """As where a run has stopped between a training and its evaluation, and that was committed."""
    shutil.rmtree(tiny / "models")
    shutil.rmtree(tiny / ".dvc/cache")
    lock = load_yaml(tiny / "dvc.lock")
    for out in lock["stages"]["train@tiny-0-0"]["outs"]:
        out["md5"] = "0" * 32
    dump_yaml(tiny / "dvc.lock", lock)
    said = tool(tiny, "parallel", "--allow-missing", "--workers", "1", "evaluate@tiny-0-0", status=1)
    assert "these stages failed: evaluate@tiny-0-0" in said
