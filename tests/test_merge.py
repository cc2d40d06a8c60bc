"""A conflict in dvc.lock is merged stage by stage: what either person has run is not run again."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml

from noisy_mnist.core.errors import UserError
from tests.conftest import TINY_MODEL, dvc, git, tool
from tools import lockfile, lost_entries, merge, prune, publish, recover, repair, repository, repro, verify
from tools.lockfile import LOCK_FILE, Entry
from tools.workspace import change_params

# Stages of the finished graph that only one side has run.
OURS, THEIRS = ("train@tiny-0-0", "evaluate@tiny-0-0"), ("train@tiny_fresh-0-0", "evaluate@tiny_fresh-0-0")


def conflict(folder: Path, *arguments: str) -> None:
    """Run a git command that ends in a conflict."""
    with pytest.raises(subprocess.CalledProcessError):
        git(folder, *arguments)


def share_cache(folder: Path, cache: Path) -> None:
    """Let a clone use a cache outside its folder."""
    (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {cache}\n")


def study_model(folder: Path, name: str) -> None:
    """Commit a new model as if it had been trained; copying another model's results saves the time."""
    change_params(folder / "params.yaml", {f"models.{name}": TINY_MODEL, "grid.models": ["tiny", "tiny_fresh", name]})
    for results in ("models", "data/history", "data/scores"):
        shutil.copytree(folder / results / "tiny", folder / results / name)
    dvc(
        folder, "commit", "--force", *(f"{stage}@{name}-{x}-0" for stage in ("train", "evaluate") for x in ("0", "0.5"))
    )
    tool(folder, "repro", "summarize")
    git(folder, "commit", "--quiet", "--all", "--message", name)


def test_models_of_two_people_are_not_trained_again_after_a_merge(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three clones share a cache, but no run cache: only dvc.lock knows what was run."""
    cache = (tiny / ".dvc/cache").rename(tmp_path / "cache")
    share_cache(tiny, cache)
    one, other = tiny, shutil.copytree(tiny, tmp_path / "other", symlinks=True)
    study_model(one, "tiny_a")
    study_model(other, "tiny_b")
    shutil.rmtree(cache / "runs")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(one), str(clone))
    share_cache(clone, cache)
    git(clone, "fetch", "--quiet", str(other), "main")
    conflict(clone, "merge", "FETCH_HEAD")

    monkeypatch.chdir(clone)
    before = LOCK_FILE.read_bytes()
    for main in (repro.main, repair.main, prune.main, verify.main, publish.main):
        with pytest.raises(UserError, match=r"params\.yaml holds a merge conflict, which is to be merged by hand"):
            main()
    assert LOCK_FILE.read_bytes() == before
    assert b"<<<<<<< " in (clone / "metrics/summary.json").read_bytes()

    git(clone, "checkout", "--ours", "params.yaml")
    models = {"models.tiny_b": TINY_MODEL, "grid.models": ["tiny", "tiny_fresh", "tiny_a", "tiny_b"]}
    change_params(clone / "params.yaml", models)
    with pytest.raises(UserError, match="or merges its sides"):
        verify.main()
    output = tool(clone, "repro", "summarize")
    # Both sides have changed check and summarize: ours are kept, and run again.
    assert "held a merge conflict and is merged: 6 entries are ours, 4 theirs" in output
    assert set(re.findall(r"^\d+/\d+ (\S+): \d+ s, ", output, re.MULTILINE)) == {"check", "download", "summarize"}
    assert json.loads((clone / "metrics/summary.json").read_text())["accuracy"].keys() >= {"tiny_a", "tiny_b"}
    assert "nothing has changed" in tool(clone, "repro", "summarize")
    git(clone, "add", "dvc.lock")
    assert "are what dvc.lock says" in tool(clone, "verify")


@pytest.fixture
def apart(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace with branches ``main`` and ``theirs``, each of which lacks what was run on the other."""
    monkeypatch.chdir(tiny)
    lock = load_yaml(LOCK_FILE)
    # Side by side, at the end: git sees no conflict between changes that are far apart.
    order = sorted(lock["stages"], key=lambda name: name in (*OURS, *THEIRS))

    def commit(*without: str) -> None:
        entries = {name: lock["stages"][name] for name in order if name not in without}
        dump_yaml(LOCK_FILE, {**lock, "stages": entries})
        git(tiny, "commit", "--quiet", "--all", "--message", f"without {without}")

    shutil.rmtree(".dvc/cache/runs")
    commit(*OURS, *THEIRS)
    git(tiny, "checkout", "--quiet", "-b", "theirs")
    commit(*OURS)
    git(tiny, "checkout", "--quiet", "main")
    commit(*THEIRS)
    return tiny


def stash(folder: Path) -> None:
    """Take the other side from a stash."""
    git(folder, "checkout", "--quiet", "main~1")
    git(folder, "restore", "--source", "theirs", "dvc.lock")
    git(folder, "stash", "push", "--quiet")
    git(folder, "checkout", "--quiet", "main")
    conflict(folder, "stash", "pop")


def merge_with(*after: str, style: str = "merge") -> Callable[[Path], None]:
    """Return a function that merges, with a conflict in the given style, and then runs another git command."""

    def run(folder: Path) -> None:
        conflict(folder, "-c", f"merge.conflictStyle={style}", "merge", "theirs")
        if after:
            git(folder, *after)

    return run


@pytest.mark.parametrize(
    "begin",
    [
        merge_with(),
        lambda folder: conflict(folder, "rebase", "theirs"),
        lambda folder: conflict(folder, "cherry-pick", "theirs"),
        stash,
        merge_with("checkout", "--theirs", "dvc.lock"),
        merge_with("add", "dvc.lock"),
        merge_with("add", "dvc.lock", style="diff3"),
    ],
    ids=["merge", "rebase", "cherry-pick", "stash", "one side", "add", "add diff3"],
)
def test_every_kind_of_conflict_is_merged_once(
    apart: Path, finished: Path, begin: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each side has what the other lacks: merged, they are the whole dvc.lock, and no entry is lost."""
    begin(apart)
    recover.recover()
    told = capsys.readouterr().out
    # Between conflict markers there are fewer entries: git has merged the other two.
    assert re.search("held a merge conflict and is merged: ([12]) entries are ours, \\1 theirs, 2[24] of both", told)
    assert lockfile.entries() == lockfile.parse((finished / "dvc.lock").read_bytes())
    recover.recover()
    assert not capsys.readouterr().out
    with repository.open_repo() as repo:
        assert not lost_entries.find_lost_entries(repo)


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_sides_are_split_at_markers(style: str) -> None:
    shown = b"||||||| base\nb\n" if style == "diff3" else b""
    text = b"a\n<<<<<<< HEAD\no\n" + shown + b"=======\nt\n>>>>>>> theirs\nz\n"
    assert merge.split(text) == [b"a\nb\nz\n" if shown else b"", b"a\no\nz\n", b"a\nt\nz\n"]


def test_a_side_that_cannot_be_read_is_reported_and_nothing_changes(apart: Path) -> None:
    merge_with("add", "dvc.lock")(apart)
    broken = LOCK_FILE.read_bytes().replace(b"=======\n", b"=======\n]\n", 1)
    LOCK_FILE.write_bytes(broken)
    with pytest.raises(UserError, match="holds a merge conflict, and a side of it cannot be read"):
        recover.recover()
    assert LOCK_FILE.read_bytes() == broken


def test_a_project_that_cannot_be_read_changes_nothing(apart: Path) -> None:
    merge_with()(apart)
    before = LOCK_FILE.read_bytes()
    Path("dvc.yaml").write_text("stages: [")
    with pytest.raises(UserError, match="dvc cannot read the project"):
        recover.recover()
    assert LOCK_FILE.read_bytes() == before


def test_of_two_entries_the_one_that_fits_is_taken(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dependencies are compared with the merged entries of other stages: the files here may be of another version."""
    monkeypatch.chdir(tiny)
    whole = lockfile.entries()

    def changed(name: str, kind: str, path: str = "") -> dict[str, Entry]:
        """Return an entry with another digest, or another command."""
        entry: Any = json.loads(json.dumps(whole[name]))
        if kind == "cmd":
            entry["cmd"] += " "
        for item in entry[kind] if kind != "cmd" else []:
            item["md5"] = "0" * 32 if item["path"].startswith(path) else item["md5"]
        return {name: entry}

    train, scores = "train@tiny-0-0", "evaluate@tiny-0-0"
    model = "models/tiny/0-0.keras"
    stale = changed(train, "cmd")
    rerun = changed(train, "outs")
    with repository.open_repo() as repo:

        def merged(base: merge.Side, ours: merge.Side, theirs: merge.Side) -> merge.Side:
            return merge.merge(repo, base, ours, theirs)

        kept = {train: whole[train]}
        assert merged({}, stale, kept) == merged({}, kept, stale) == kept
        assert merged(stale, stale, kept) == merged(stale, kept, stale) == kept
        # Both fit, but the cache has the outputs of only one. The scores must be of that model, whatever file is here.
        assert merged({}, rerun, kept) == merged({}, kept, rerun) == kept
        Path(model).unlink()
        foreign = {**kept, **changed(scores, "deps", model)}
        assert merged({}, foreign, {**kept, scores: whole[scores]}) == {**kept, scores: whole[scores]}
        # What one side has removed goes, unless the graph names it or the other side has changed it.
        assert merged(kept, {}, kept) == merged(kept, kept, {}) == kept
        gone = {"train@gone-0-0": whole[train]}
        assert not merged(gone, {}, gone)
        assert not merged(gone, {}, {})
        assert merged(gone, {}, {"train@gone-0-0": whole[scores]}) == {"train@gone-0-0": whole[scores]}


def test_an_entry_from_the_other_side_is_not_taken_for_damage(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC's run cache here does not know it, and git's last commit has another one."""
    monkeypatch.chdir(tiny)
    entry: Any = lockfile.entries()["train@tiny-0-0"]
    entry["outs"][0]["md5"] = "0" * 32
    lockfile.change({"train@tiny-0-0": entry})
    with repository.open_repo() as repo:
        assert lost_entries.find_lost_entries(repo).keys() == {"train@tiny-0-0"}
        git(tiny, "add", "dvc.lock")
        assert not lost_entries.find_lost_entries(repo)


def test_an_empty_lock_file_in_a_conflict_is_merged_too(apart: Path) -> None:
    """A dvc that was killed as it began to write leaves it empty."""
    conflict(apart, "merge", "theirs")
    LOCK_FILE.write_bytes(b"")
    recover.recover()
    assert lockfile.entries().keys() >= {*OURS, *THEIRS}


def test_committed_markers_stop_neither_repair_nor_verify(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conflict(apart, "merge", "theirs")
    git(apart, "commit", "--quiet", "--all", "--message", "with markers")
    repair.main()
    assert "has no readable dvc.lock" in capsys.readouterr().out
    assert lockfile.entries().keys() >= {*OURS, *THEIRS}


@pytest.mark.parametrize("side", [b"stages: 5", b"stages: {a: 3}", b"- 1", b"a: [", b"\xff"])
def test_content_without_valid_entries_is_refused(side: bytes) -> None:
    with pytest.raises(UserError, match=r"dvc\.lock cannot be read"):
        lockfile.parse(side)
