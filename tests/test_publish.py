"""The published small results: what they hold, and that a clone without models goes on from them."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml

from tests.conftest import dvc, git, ran, tool
from tools import digests, publish, repair, repository, verify
from tools.workspace import ROOT, change_params

REMOTE = Path(".dvc/results/files/md5")
# Outputs in data that are large, or quickly made again.
NOT_PUBLISHED = ("data/raw", "data/clean", "data/noisy")


def objects(folder: Path) -> dict[str, str]:
    """Return the digest of each object in a clone's remote, by the digest in its path."""
    paths = [path for path in (folder / REMOTE).rglob("*") if path.is_file()]
    return {"".join(path.parts[-2:]): str(digests.of_file(path)) for path in paths}


def promised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the digests that dvc.lock records for the marked outputs, and those of the files in their folders."""
    monkeypatch.chdir(folder)
    with repository.open_repo() as repo:
        outputs = {out.hash_info.value for out in publish.marked_outputs(repo) if out.hash_info}
    lists = [folder / REMOTE / md5[:2] / md5[2:] for md5 in outputs if md5.endswith(".dir")]
    return outputs | {entry["md5"] for path in lists if path.exists() for entry in json.loads(path.read_bytes())}


def is_published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the remote holds every byte that dvc.lock records for the marked outputs, and no more."""
    present = objects(folder)
    whole = all(name.removesuffix(".dir") == md5 for name, md5 in present.items())
    return whole and present.keys() == promised(folder, monkeypatch)


def small_results(folder: Path) -> dict[Path, bytes]:
    """Return the bytes of all files in data that are to be published."""
    paths = [path for path in (folder / "data").rglob("*") if path.is_file()]
    relative = [path.relative_to(folder) for path in paths]
    return {path: (folder / path).read_bytes() for path in relative if not str(path).startswith(NOT_PUBLISHED)}


def test_committed_remote_holds_the_small_results_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of dvc.lock that is not published fails here."""
    assert is_published(ROOT, monkeypatch)


def test_an_edit_of_dvc_lock_is_noticed_until_it_is_published(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing also replaces damaged objects, and deletes those that no entry names any more."""
    assert not is_published(tiny, monkeypatch)
    tool(tiny, "publish")
    assert is_published(tiny, monkeypatch)
    before = objects(tiny)
    change({"synthesize.seed": 1})
    dvc(tiny, "repro", "synthesize")
    assert not is_published(tiny, monkeypatch)
    output = tool(tiny, "publish")
    assert is_published(tiny, monkeypatch)
    outdated = before.keys() - objects(tiny).keys()
    assert outdated
    assert f" {len(outdated)} outdated files are deleted" in output

    damaged = tiny / REMOTE.joinpath(*re.findall("^(..)(.*)", min(before.keys() - outdated))[0])
    damaged.write_text("damaged")
    assert not is_published(tiny, monkeypatch)
    tool(tiny, "publish")
    assert is_published(tiny, monkeypatch)


def test_objects_of_a_model_taken_out_of_params_stay_until_prune(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tiny, "publish")
    before = objects(tiny)
    change({"grid.models": ["tiny_fresh"]})
    assert "holds 22 of 22 results" in tool(tiny, "publish")
    assert objects(tiny) == before
    tool(tiny, "prune", "remove")
    tool(tiny, "publish")
    assert objects(tiny).keys() < before.keys()
    assert is_published(tiny, monkeypatch)


def test_nothing_is_deleted_if_it_is_unclear_what_belongs_to_the_graph(tiny: Path, change: Callable[..., None]) -> None:
    """As when the list of a folder's files is damaged, and its stage is only in dvc.lock."""
    lock = load_yaml(tiny / "dvc.lock")
    lock["stages"]["renamed"] = lock["stages"]["synthesize"]
    dump_yaml(tiny / "dvc.lock", lock)
    change({"synthesize.seed": 1})
    tool(tiny, "repro", "synthesize")
    md5 = lock["stages"]["renamed"]["outs"][0]["md5"]
    shutil.copytree(tiny / ".dvc/cache/files/md5", tiny / REMOTE, dirs_exist_ok=True)
    tool(tiny, "publish")
    git(tiny, "add", "--all")
    git(tiny, "commit", "--quiet", "--message", "Renamed")
    before = objects(tiny)
    assert md5 in before
    (tiny / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    published = tiny / REMOTE / md5[:2] / md5[2:]
    published.chmod(0o644)
    published.write_text("damaged")
    output = tool(tiny, "publish", status=1)
    assert "1 objects in .dvc/results are damaged" in output
    assert objects(tiny).keys() == before.keys()
    tool(tiny, "repair")
    assert "outdated" not in tool(tiny, "publish")
    assert objects(tiny) == before


def test_nothing_is_deleted_if_a_result_is_lost(tiny: Path, change: Callable[..., None]) -> None:
    """It is lost if neither the cache nor the remote has it whole."""
    tool(tiny, "publish")
    before = objects(tiny)
    md5 = str(digests.of_file(tiny / "data/scores/tiny/0-0.json"))
    (tiny / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    assert "holds 26 of 26 results" in tool(tiny, "publish")
    assert objects(tiny) == before
    change({"synthesize.seed": 1})
    dvc(tiny, "repro", "--single-item", "synthesize")
    (tiny / REMOTE / md5[:2] / md5[2:]).write_text("damaged")
    before = objects(tiny)
    output = tool(tiny, "publish", status=1)
    assert "1 of 26 results are neither in the cache nor in .dvc/results, such as data/scores/tiny/0-0.json" in output
    assert "make repair" in output
    assert objects(tiny) == before
    tool(tiny, "repair")
    assert "holds 26 of 26 results" in tool(tiny, "publish")


@pytest.fixture
def clone(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a clone of the copy with its published results; its user's git settings ignore and convert files."""
    monkeypatch.chdir(tiny)
    publish.main()
    git(tiny, "add", "--all")
    git(tiny, "commit", "--quiet", "--message", "Small results")
    (tmp_path / "ignored").write_text("*.lock\n*.yaml\n*.csv\n")
    (tmp_path / "attributes").write_text("* text=auto eol=crlf ident filter=lfs working-tree-encoding=UTF-16\n")
    files = {"core.excludesFile": str(tmp_path / "ignored"), "core.attributesFile": str(tmp_path / "attributes")}
    for name, value in {"core.autocrlf": "true", **files}.items():
        git(tmp_path, "config", "--file", "gitconfig", name, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    git(tmp_path, "clone", "--quiet", str(tiny), "clone")
    return tmp_path / "clone"


def test_a_damaged_object_is_not_used_but_named_and_restored_from_git(
    tiny: Path, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DVC would use a read-only one, as are all that it has read, and deletes any other."""
    names = [str(digests.of_file(tiny / f"data/{name}")) for name in ("scores/tiny/0-0.json", "posterior/0.json")]
    with repository.open_repo() as repo:
        in_folder = digests.contents(repo, Path("data/denoise"))
    names += [digests.of_folder(in_folder), *in_folder.values()]
    taken, deleted, *gone = [REMOTE / name[:2] / name[2:] for name in names]
    monkeypatch.chdir(clone)
    for path in (taken, deleted):
        path.write_text("damaged")
    taken.chmod(0o444)
    for path in gone:
        path.unlink()
    dvc(clone, "pull", "--allow-missing")
    assert not Path("data/scores/tiny/0-0.json").exists()
    capsys.readouterr()
    assert verify.main() == 1
    output = capsys.readouterr().out
    assert f"damaged: {taken}, a published result" in output
    for path in (deleted, gone[0]):
        assert f"missing: {path}, a published result" in output
    assert "'make repair' brings back" in output
    repair.main()
    assert "published" not in capsys.readouterr().out
    assert objects(clone) == objects(tiny)
    assert not git(clone, "status", "--porcelain")
    dvc(clone, "pull", "--allow-missing")
    assert small_results(clone) == small_results(tiny)


def test_a_clone_without_models_trains_only_what_is_new(
    tiny: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = dvc(clone, "pull", "--allow-missing")
    assert not re.search("warning|error|missing|fail", output, re.IGNORECASE), output
    assert small_results(clone) == small_results(tiny)
    assert not list((clone / "models").rglob("*.keras"))
    before = objects(clone)
    assert "holds 26 of 26 results" in tool(clone, "publish")
    assert objects(clone) == before
    output = tool(clone, "verify", status=1)
    missing = 9  # of download, split, noise (2), train (4), autoencoder
    assert f"not on this machine: the results of {missing} stages" in output
    assert "stages changed" not in output
    assert ran(dvc(clone, "repro", "noise")) == {"download", "split", "noise@0", "noise@0.5"}
    assert not ran(dvc(clone, "repro", "--allow-missing"))
    assert not git(clone, "status", "--porcelain")

    change_params(clone / "params.yaml", {"grid.models": ["tiny", "tiny_fresh", "tiny_decay"]})
    assert "holds 26 of 30 results" in tool(clone, "publish")
    new = {f"{stage}@tiny_decay-{scale}-0" for stage in ("train", "evaluate") for scale in ("0", "0.5")}
    assert ran(dvc(clone, "repro", "--allow-missing")) == {"check", "summarize", "figures", *new}
    for name in ("accuracy_by_scale", "curves", "transfer"):
        old, extended = (set((folder / f"plots/{name}.csv").read_text().splitlines()) for folder in (tiny, clone))
        assert old < extended
    assert "holds 30 of 30 results" in tool(clone, "publish")
    assert before.items() <= objects(clone).items()
    assert is_published(clone, monkeypatch)


def test_parallel_run_of_only_what_is_new(tiny: Path, change: Callable[..., None]) -> None:
    shutil.rmtree(tiny / "models")
    shutil.rmtree(tiny / ".dvc/cache")
    assert "FAILED" not in tool(tiny, "repro", "--allow-missing", "--workers", "2")
    assert not (tiny / "models").exists()
    change({"grid.seeds": [0, 7]})
    output = tool(tiny, "repro", "--allow-missing", "--workers", "2", "train@tiny-0.5-7")
    assert re.findall(r"^\d+/\d+ (\S+): \d+ s, \d+ to go$", output, re.MULTILINE) == ["check", "train@tiny-0.5-7"]
    assert [path.name for path in (tiny / "models").rglob("*.*")] == ["0.5-7.keras"]


def test_scores_of_a_missing_model_are_not_kept_if_they_are_of_another_version(tiny: Path) -> None:
    """As when a run stopped between a training and its evaluation, and was committed."""
    shutil.rmtree(tiny / "models")
    shutil.rmtree(tiny / ".dvc/cache")
    lock = load_yaml(tiny / "dvc.lock")
    for out in lock["stages"]["train@tiny-0-0"]["outs"]:
        out["md5"] = "0" * 32
    dump_yaml(tiny / "dvc.lock", lock)
    output = tool(tiny, "repro", "--allow-missing", "--workers", "1", "evaluate@tiny-0-0", status=1)
    assert "these stages failed: evaluate@tiny-0-0" in output
