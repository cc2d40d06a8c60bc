"""Damage to results and to dvc.lock is noticed, named and repaired; what earlier params left is found and removed."""

import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist.errors import UserError
from tests.conftest import dvc, git, ran, tool
from tools import results, verify

# Damaged copies of dvc.lock, and damaged files, to try: more for a long run.
TRIES = int(os.environ.get("DAMAGES", "10"))


@pytest.fixture
def inside(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the copy of the finished workspace, as the working folder."""
    monkeypatch.chdir(tiny)
    return tiny


@pytest.fixture
def repo(inside: Path) -> Iterator[Repo]:  # noqa: ARG001
    """Return the opened DVC repository of the copy."""
    with results.open_repo() as opened:
        yield opened


def flip(path: Path, at: int = 0) -> None:
    """Change one bit of a file and nothing else of it: neither its size nor its date nor its permissions."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def stored(path: Path) -> Path:
    """Return the object in the cache that holds a file's bytes."""
    md5 = str(results.digest(path))
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def listing(path: str) -> Path:
    """Return the object in the cache that lists the files of a folder."""
    md5 = results.folder_digest(results.contents(Path(path)))
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def snapshot(folder: Path) -> dict[Path, bytes]:
    """Return the bytes of dvc.lock, of all results and of the cache."""
    tops = ["dvc.lock", "data", "models", "metrics", "plots", ".dvc/cache/files"]
    found = (path for top in tops for path in [folder / top, *(folder / top).rglob("*")])
    return {path.relative_to(folder): path.read_bytes() for path in found if path.is_file()}


def test_what_dvc_has_written_is_found_whole(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The entry computed from the files is the one in dvc.lock, for every stage: so lost_entries knows a good one."""
    present = YAML(typ="safe").load(results.LOCK_FILE.read_text())["stages"]
    for stage in results.stages(repo):
        assert results._fitting(stage) == present[stage.name]
    assert verify.main() == 0
    assert f"the results of {len(present)} stages" in capsys.readouterr().out


def test_stages_come_after_those_they_depend_on(repo: Repo) -> None:
    names = [stage.name for stage in results.stages(repo)]
    assert names.index("split") < names.index("noise@0") < names.index("train@tiny-0-0") < names.index("figures")


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("place", ["workspace", "cache"])
def test_any_flipped_bit_is_noticed_and_named(capsys: pytest.CaptureFixture[str], place: str) -> None:
    tops = ["data", "models", "metrics", "plots"] if place == "workspace" else [".dvc/cache/files"]
    candidates = sorted(path for top in tops for path in Path(top).rglob("*") if path.is_file())
    rng = random.Random(0)
    for path in rng.choices(candidates, k=TRIES):
        at = rng.randrange(path.stat().st_size)
        flip(path, at)
        assert verify.main() == 1, path
        said = capsys.readouterr().out
        named = Path("plots/figures") if path.is_relative_to("plots/figures") else path  # no list of its files is kept
        assert f"damaged: {named if place == 'workspace' else path.absolute()}" in said
        assert "stages with damaged results" in said
        flip(path, at)
    assert verify.main() == 0


@pytest.mark.usefixtures("inside")
def test_missing_and_foreign_files_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/noisy/0.5/train_images.npy").rename("data/noisy/0.5/other.npy")
    assert verify.main() == 1
    said = capsys.readouterr().out
    assert "missing: data/noisy/0.5/train_images.npy, of stage noise@0.5" in said
    assert "damaged: data/noisy/0.5/other.npy, of stage noise@0.5" in said


def test_repair_brings_back_every_byte_and_runs_only_what_is_whole_nowhere(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(tiny)
    monkeypatch.chdir(tiny)
    noisy = Path("data/noisy/0.5")
    tiny_model, report = Path("models/tiny/0-0.keras"), Path("data/scores/tiny/0.5-0.json")
    limit, images, labels = Path("data/limit/0.5.json"), noisy / "test_images.npy", noisy / "test_labels.npy"
    here = [limit, images, Path("metrics/summary.json"), Path("data/scores/tiny/0-0.json")]
    in_cache = [
        stored(limit),
        stored(labels),
        stored(images),
        stored(report),
        stored(tiny_model),
        listing("data/clean"),
    ]
    for path in [*here, *in_cache]:
        flip(path)
    labels.unlink()
    Path("models/autoencoder.csv").unlink()

    assert "damaged" in tool(tiny, "verify", status=1)
    output = tool(tiny, "repair")
    assert ran(output) == {"limit@0.5", "noise@0.5", "summarize"}
    assert snapshot(tiny) == before
    assert "Data and pipelines are up to date" in dvc(tiny, "status")


@pytest.mark.usefixtures("inside")
def test_damaged_lock_file_is_noticed_wherever_it_lost_something() -> None:
    """Cut anywhere, a character changed or a line dropped: unreadable, or the stages that lost something are named."""
    text = results.LOCK_FILE.read_text()
    whole = YAML(typ="safe").load(text)
    rng = random.Random(0)
    for _ in range(2 * TRIES):
        at, lines = rng.randrange(len(text)), text.splitlines(keepends=True)
        drop = rng.randrange(len(lines))
        cut, without = text[:at], "".join(lines[:drop] + lines[drop + 1 :])
        damaged = rng.choice([cut, cut + rng.choice("0a:- \n#é") + text[at + 1 :], without])
        results.LOCK_FILE.write_text(damaged)
        try:
            found = YAML(typ="safe").load(damaged) or {}
        except (YAMLError, ValueError):
            found = {}
        try:
            with results.open_repo() as opened:
                noticed = bool(results.lost_entries(opened))
        except UserError:
            noticed = True
        assert noticed == (found != whole)


def test_results_of_a_run_that_is_not_committed_are_no_loss(tiny: Path, change: Callable[..., None]) -> None:
    change({"models.tiny.epochs": 1})
    dvc(tiny, "repro", "evaluate@tiny-0.5-0")
    assert "are what dvc.lock says" in tool(tiny, "verify")


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_repair_brings_back_a_lost_lock_file(tiny: Path, damage: str) -> None:
    lock = tiny / "dvc.lock"
    text = lock.read_text()
    lock.write_text(text[: len(text) // 2].rpartition("\n  train@")[0] if damage == "cut" else text.replace(":", "", 1))
    said = tool(tiny, "verify", status=1)
    assert "git checkout -- dvc.lock" in said or "make repair" in said
    assert not ran(tool(tiny, "repair"))
    assert YAML(typ="safe").load(lock) == YAML(typ="safe").load(text)


def test_a_half_written_list_of_paths_in_use_is_mended(tiny: Path) -> None:
    """Every dvc refuses to start on what one killed in mid-writing leaves."""
    (tiny / ".dvc/tmp/rwlock").write_text('{"write": {')
    assert "Unable to read RWLock-file" in dvc(tiny, "repro", status=255)
    assert not ran(tool(tiny, "repro"))
    assert not ran(dvc(tiny, "repro"))


def test_prune_finds_what_params_no_longer_name(tiny: Path, change: Callable[..., None]) -> None:
    nothing = tool(tiny, "prune")
    assert "nothing is left behind" in nothing
    change({"noise.scales": [0], "train.models": ["tiny_fresh"], "figures.scale": 0})
    dvc(tiny, "repro")
    (tiny / "backups/weight_decay").mkdir(parents=True, exist_ok=True)
    for kept, cell in ((True, "weight_decay/kernel-0-0"), (False, "weight_decay/kernel-0.5-0"), (False, "gone/0-0")):
        path = tiny / "backups" / f"{cell}.npz"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{kept}")
    (tiny / "plots/.curves.csv.partial").touch()
    before = snapshot(tiny)

    gone = {"data/noisy/0.5", "data/limit/0.5.json", "models/tiny", "data/scores/tiny", "data/probabilities/tiny"}
    gone |= {f"data/denoise_scale/0.5.{kind}" for kind in ("csv", "json")} | {"data/transfer/tiny.csv"}
    gone |= {f"models/tiny_fresh/0.5-0.{kind}" for kind in ("csv", "keras")} | {"plots/.curves.csv.partial"}
    gone |= {"data/scores/tiny_fresh/0.5-0.json", "data/probabilities/tiny_fresh/0.5-0.npy"}
    gone |= {"backups/gone/0-0.npz", "backups/weight_decay/kernel-0.5-0.npz"}
    entries = {"noise@0.5", "limit@0.5", "denoise_scale@0.5", "transfer@tiny"}
    cells = ("tiny-0-0", "tiny-0.5-0", "tiny_fresh-0.5-0")
    entries |= {f"{stage}@{cell}" for stage in ("train", "evaluate") for cell in cells}
    for words in ((), ("remove",)):
        said = tool(tiny, "prune", *words)
        assert {line.split()[-1] for line in said.splitlines() if " MB " in line} == gone
        assert set(re.findall(r"^dvc\.lock: (.*)", said, re.MULTILINE)) == entries
        assert (snapshot(tiny) == before) == (words == ())

    after = snapshot(tiny)
    lost = {path for path in before if path not in after}
    assert all(any(str(path) == top or str(path).startswith(f"{top}/") for top in gone) for path in lost)
    assert {path: content for path, content in after.items() if path.name != "dvc.lock"}.items() <= before.items()
    old, new = (YAML(typ="safe").load(snap[Path("dvc.lock")].decode())["stages"] for snap in (before, after))
    assert new == {name: entry for name, entry in old.items() if name not in entries}
    assert [path.name for path in (tiny / "backups/weight_decay").iterdir()] == ["kernel-0-0.npz"]
    assert "nothing is left behind" in tool(tiny, "prune")
    assert "are what dvc.lock says" in tool(tiny, "verify")
    # Only the stage that depends on the folder of all noisy copies, and finds fewer files in it, is run again.
    assert ran(dvc(tiny, "repro")) <= {"transfer@tiny_fresh", "summarize"}


def test_verify_without_the_cache_names_what_is_missing(tiny: Path) -> None:
    shutil.rmtree(tiny / "models")
    git(tiny, "status")
    said = tool(tiny, "verify", status=1)
    assert "missing: models/tiny/0-0.keras, of stage train@tiny-0-0" in said
    assert "'dvc checkout' brings what the cache has" in said
    assert "damaged" not in said
