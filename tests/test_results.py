"""Damage to results and to dvc.lock is noticed, named and repaired; leftovers of old params are found and removed."""

import copy
import fcntl
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist.core.errors import UserError
from tests.conftest import dvc, git, ran, tool
from tools import digests, foreign, lockfile, lost_entries, prune, publish, repository, verify
from tools.lockfile import LOCK_FILE

# Damaged copies of dvc.lock, and damaged files, to try; raise it for a long run.
TRIES = int(os.environ.get("DAMAGES", "5"))


@pytest.fixture
def inside(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the copy of the finished workspace, as the working folder."""
    monkeypatch.chdir(tiny)
    return tiny


@pytest.fixture
def repo(inside: Path) -> Iterator[Repo]:  # noqa: ARG001
    """Return the opened DVC repository of the copy."""
    with repository.open_repo() as opened:
        yield opened


def flip(path: Path, at: int = 0) -> None:
    """Change one bit of a file, but not its size, date or permissions."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def stored(path: Path) -> Path:
    """Return the object in the cache that holds a file's bytes."""
    md5 = str(digests.of_file(path))
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def contents(folder: str) -> dict[str, str]:
    """Return the digest of each file in a folder by its path below it."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): str(digests.of_file(path)) for path in paths}


def file_list(folder: str) -> Path:
    """Return the object in the cache that lists the files of a folder."""
    md5 = digests.of_folder(contents(folder))
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def snapshot(folder: Path) -> dict[Path, bytes]:
    """Return the bytes of dvc.lock, of all results and of the cache."""
    tops = ["dvc.lock", "data", "models", "metrics", "plots", ".dvc/cache/files"]
    paths = (path for top in tops for path in [folder / top, *(folder / top).rglob("*")])
    return {path.relative_to(folder): path.read_bytes() for path in paths if path.is_file()}


def test_what_dvc_has_written_is_found_intact(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """For every stage, the entry computed from its files is that in dvc.lock: lost_entries relies on this."""
    present = YAML(typ="safe").load(LOCK_FILE.read_text())["stages"]
    for stage in repository.stages(repo):
        assert lockfile.current_entry(stage) == present[stage.name]
    assert verify.main() == 0
    assert f"the results of {len(present)} stages" in capsys.readouterr().out


def test_stages_come_after_those_they_depend_on(repo: Repo) -> None:
    names = [stage.name for stage in repository.stages(repo)]
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
        output = capsys.readouterr().out
        assert f"damaged: {path if place == 'workspace' else path.absolute()}" in output
        assert "make repair" in output
        flip(path, at)
    assert verify.main() == 0


@pytest.mark.usefixtures("inside")
def test_missing_and_foreign_files_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/noisy/0.5/train_images.npy").rename("data/noisy/0.5/other.npy")
    assert verify.main() == 1
    output = capsys.readouterr().out
    assert "missing: data/noisy/0.5/train_images.npy, of stage noise@0.5" in output
    assert "foreign: data/noisy/0.5/other.npy, of stage noise@0.5" in output


@pytest.mark.usefixtures("inside")
def test_files_that_dvc_ignores_are_not_reported(capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("data/clean/.DS_Store", "noisy_mnist/core/.DS_Store", "data/noisy/0/.nfs000000000a1b2c3d00000001"):
        Path(path).write_text("a desktop's, or a network file system's")
    assert verify.main() == 0
    assert "changed" not in capsys.readouterr().out


@pytest.mark.usefixtures("inside")
def test_foreign_files_are_named_wherever_dvc_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    """They are not damage: dvc.lock may count them too."""
    shutil.copy("data/noisy/0.5/noise.json", "data/noisy/copy of 0.5.json")
    for path in ("data/scores/notes.txt", "noisy_mnist/core/draft.py", "noisy_mnist/core/staged.py"):
        Path(path).write_text("# mine")
    for path in ("data/scores/.DS_Store", "noisy_mnist/core/.draft.py.swp"):
        Path(path).write_text("an editor's")
    git(Path(), "add", "noisy_mnist/core/staged.py")
    assert verify.main() == 0
    output = capsys.readouterr().out
    left = {"data/noisy/copy of 0.5.json", "data/scores/notes.txt"}
    assert set(re.findall("^part of no result: (.*)$", output, re.MULTILINE)) == left
    assert re.findall("^code that git does not know: (.*)$", output, re.MULTILINE) == ["noisy_mnist/core/draft.py"]


def test_what_a_run_would_delete_in_its_folders_is_found(repo: Repo) -> None:
    figures = next(stage for stage in repo.index.stages if stage.name == "figures")
    noise = next(stage for stage in repo.index.stages if stage.name == "noise@0.5")
    assert not [*foreign.in_outputs(repo, figures), *foreign.in_outputs(repo, noise)]
    mine = [Path("plots/figures/mine.png"), Path("data/noisy/0.5/sub/mine.txt")]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    assert [*foreign.in_outputs(repo, figures), *foreign.in_outputs(repo, noise)] == mine
    git(Path(), "rm", "-r", "--quiet", "--cached", "plots/figures")
    git(Path(), "commit", "--quiet", "--message", "No figures")
    assert foreign.in_outputs(repo, figures) == [Path("plots/figures")]  # git cannot tell which are the study's
    mine[0].unlink()
    assert not foreign.in_outputs(repo, figures)


def test_a_run_moves_foreign_files_out_of_its_folders(tiny: Path, change: Callable[..., None]) -> None:
    """DVC would delete them with the folders."""
    for name in ("notes.txt", "noise.json~"):  # an editor's backup need not be kept
        (tiny / "data/noisy/0.5" / name).write_text("mine")
    change({"noise.seed": 1})
    moved = ".dvc/tmp/aside/data/noisy/0.5/notes.txt"
    assert f"moved data/noisy/0.5/notes.txt to {moved}" in tool(tiny, "repro", "noise")
    assert (tiny / moved).read_text() == "mine"
    assert not list((tiny / "data/noisy/0.5").glob("no*~"))
    assert "foreign" not in tool(tiny, "verify")


def test_a_file_set_aside_never_replaces_one_set_aside_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one of the same name, or one in the way of a folder that is needed now."""
    monkeypatch.chdir(tmp_path)
    moved = []
    for name in ("data/notes", "data/notes", "data/notes/mine", "data/notes"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        moved.append(Path(foreign.set_aside(path).split()[3]))
        if path.parent != Path("data"):
            path.parent.rmdir()
    assert [path.read_text() for path in moved] == ["data/notes", "data/notes", "data/notes/mine", "data/notes"]
    assert len({*moved}) == 4


def test_repair_restores_every_byte_and_runs_only_what_is_intact_nowhere(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(tiny)
    monkeypatch.chdir(tiny)
    noisy = Path("data/noisy/0.5")
    model, report = Path("models/tiny/0-0.keras"), Path("data/scores/tiny/0.5-0.json")
    posterior, images, labels = Path("data/posterior/0.5.json"), noisy / "test_images.npy", noisy / "test_labels.npy"
    here = [posterior, images, Path("metrics/summary.json"), Path("data/scores/tiny/0-0.json")]
    in_cache = [
        stored(posterior),
        stored(labels),
        stored(images),
        stored(report),
        stored(model),
        file_list("data/clean"),
    ]
    for path in [*here, *in_cache]:
        flip(path)
    labels.unlink()
    Path("data/history/autoencoder.csv").unlink()

    assert "damaged" in tool(tiny, "verify", status=1)
    output = tool(tiny, "repair")
    assert ran(output) == {"posterior@0.5", "noise@0.5"}
    assert snapshot(tiny) == before
    assert "Data and pipelines are up to date" in dvc(tiny, "status")


def test_repair_takes_uncached_folders_from_git_and_deletes_nothing(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(tiny)
    monkeypatch.chdir(tiny)
    flip(Path("plots/figures/curves.png"))
    Path("plots/figures/transfer.png").unlink()
    Path("data/clean/notes.txt").write_text("mine")
    flip(file_list("data/noisy/0.5"))
    flip(Path("data/noisy/0.5/test_images.npy"))
    assert ran(tool(tiny, "repair")) == {"noise@0.5"}
    assert snapshot(tiny) == before
    aside = Path(".dvc/tmp/aside")
    assert (aside / "data/clean/notes.txt").read_text() == "mine"
    assert (aside / "plots/figures/curves.png").exists()


def test_what_cannot_be_made_again_stays_where_it_is(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny)
    flip(file_list("data/noisy/0.5"))
    flip(Path("data/noisy/0.5/test_images.npy"))
    with (tiny / "stages/noise.py").open("a") as file:
        file.write("# changed\n")
    before = contents("data/noisy/0.5")
    assert "noise@0.5 cannot be repaired" in tool(tiny, "repair", status=1)
    assert contents("data/noisy/0.5") == before


def test_unreadable_files_in_the_run_cache_do_not_stop_verify(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny)
    garbage, without_outputs, *_ = sorted(Path(".dvc/cache/runs").glob("*/*/*"))
    garbage.write_bytes(b"\0garbage: [")
    entry = YAML(typ="safe").load(without_outputs)
    YAML().dump({key: value for key, value in entry.items() if key != "outs"}, without_outputs)
    lock = Path("dvc.lock")
    lock.write_text(lock.read_text().replace("size: ", "size: 1", 1))
    assert "entries of dvc.lock are lost or damaged: " in tool(tiny, "verify", status=1)


def test_an_entry_of_a_removed_stage_without_its_digest_does_not_stop_verify(tiny: Path) -> None:
    """DVC reads it, and no stage needs it."""
    lock = YAML(typ="safe").load(tiny / "dvc.lock")
    lock["stages"]["noise@0.7"] = {"cmd": "python -m stages.noise 0.7", "outs": [{"path": "data/noisy/0.7"}]}
    YAML().dump(lock, tiny / "dvc.lock")
    assert "are what dvc.lock says" in tool(tiny, "verify")


def without_values(lock: Any) -> Any:
    """Return the content of a lock file without the values of which only git has a second record.

    A wrong one only makes dvc rerun a stage that takes seconds.
    """
    lock = copy.deepcopy(lock)
    for name in ("download", "summarize", "figures"):
        entry = (lock.get("stages") or {}).get(name) or {}
        for key in entry.get("params", {}).get("params.yaml", {}):
            entry["params"]["params.yaml"][key] = None
        for item in [*entry.get("deps", []), *entry.get("outs", [])]:
            item.update({key: None for key in ("size", "nfiles") if key in item})
            item["md5"] = bool(re.fullmatch(lost_entries.DIGEST, str(item.get("md5"))))
    return lock


@pytest.mark.usefixtures("inside")
def test_damaged_lock_file_is_noticed_wherever_it_lost_something() -> None:
    """Cut anywhere, a character changed or a line dropped: unreadable, or the stages that lost something are named."""
    text = LOCK_FILE.read_text()
    whole = YAML(typ="safe").load(text)
    rng = random.Random(0)
    for _ in range(2 * TRIES):
        at, lines = rng.randrange(len(text)), text.splitlines(keepends=True)
        drop = rng.randrange(len(lines))
        cut, without = text[:at], "".join(lines[:drop] + lines[drop + 1 :])
        damaged = rng.choice([cut, cut + rng.choice("0a:- \n#é") + text[at + 1 :], without])
        LOCK_FILE.write_text(damaged)
        try:
            content = YAML(typ="safe").load(damaged) or {}
        except (YAMLError, ValueError):
            content = {}
        try:
            with repository.open_repo() as opened:
                noticed = bool(lost_entries.find_lost_entries(opened))
        except UserError:
            noticed = True
        assert noticed or without_values(content) == without_values(whole)
        assert not (noticed and content == whole)


def test_results_of_a_run_that_is_not_committed_are_neither_loss_nor_damage(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is edited or damaged afterwards, repair keeps what was run and runs nothing that is intact somewhere."""
    monkeypatch.chdir(tiny)
    change({"synthesize.seed": 1})
    dvc(tiny, "repro")
    before = snapshot(tiny)
    assert "are what dvc.lock says" in tool(tiny, "verify")
    for path in ("data/synthesize/images.npy", "data/noisy/0.5/train_images.npy", "metrics/summary.json"):
        flip(Path(path))
    change({"synthesize.seed": 2})
    output = tool(tiny, "verify", status=1)
    assert "lost" not in output
    assert not ran(tool(tiny, "repair")) - {"summarize"}  # git has another summary
    assert snapshot(tiny) == before
    assert "are what dvc.lock says" in tool(tiny, "verify")


def test_verify_counts_the_stages_that_have_changed_since(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``dvc status`` does, but damaged results do not count as changed, as they do for DVC."""
    monkeypatch.chdir(tiny)
    change({"grid.scales": [0], "figures.scale": 0})
    tool(tiny, "prune", "remove")
    changed = json.loads(dvc(tiny, "status", "--json"))
    assert changed
    output = tool(tiny, "verify")
    assert "are what dvc.lock says" in output
    assert f"stages changed since they ran: {len(changed)} " in output
    change({"grid.scales": [0, 0.5], "figures.scale": 0.5})
    git(tiny, "checkout", "dvc.lock")
    Path("models/tiny/0-0.keras").write_text("damaged")
    output = tool(tiny, "verify", status=1)
    assert "damaged: models/tiny/0-0.keras" in output
    assert "stages changed" not in output


def versions(output: str) -> set[str]:
    """Return the paths that verify says are not the version of dvc.lock."""
    return set(
        re.findall(r"^not the version of dvc\.lock: (\S+) \('dvc checkout' restores it\)$", output, re.MULTILINE)
    )


def test_another_version_that_the_cache_has_too_is_not_damage(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``git checkout`` without ``dvc checkout``."""
    monkeypatch.chdir(tiny)
    before = snapshot(tiny)
    change({"noise.seed": 1})
    dvc(tiny, "repro", "posterior")
    git(tiny, "checkout", ".")
    output = tool(tiny, "verify", status=1)
    assert versions(output) == {"data/noisy/0.5", "data/posterior/0.5.json"}
    assert not re.search("damaged|make repair|stages changed", output)

    Path("data/noisy/0.5/notes.txt").write_text("mine")
    output = tool(tiny, "verify", status=1)
    images = {f"data/noisy/0.5/{path}" for path in contents("data/noisy/0.5") if path.endswith("images.npy")}
    assert versions(output) >= images | {"data/posterior/0.5.json"}
    assert "foreign: data/noisy/0.5/notes.txt" in output
    assert "damaged" not in output
    Path("data/noisy/0.5/notes.txt").unlink()

    right = Path("data/posterior/0.5.json")
    other = right.read_bytes()
    right.write_bytes(before[right])
    promised = stored(right)
    right.write_bytes(other)
    flip(promised)
    assert f"damaged: {right}, of stage" in tool(tiny, "verify", status=1)
    flip(promised)

    dvc(tiny, "checkout")
    assert "are what dvc.lock says" in tool(tiny, "verify")
    assert snapshot(tiny).items() >= before.items()
    right.write_bytes(other)
    output = tool(tiny, "repair")  # nothing is put aside: the cache has it
    assert ".dvc/tmp/aside" not in output
    assert snapshot(tiny).items() >= before.items()


def test_a_stage_that_has_changed_since_is_not_run_by_repair(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny)
    model, lock = Path("models/tiny/0-0.keras"), LOCK_FILE.read_bytes()
    for path in (stored(model), model):
        flip(path)
    change({"models.tiny.epochs": 1})
    output = tool(tiny, "repair", status=1)
    assert "train@tiny-0-0 cannot be repaired" in output
    assert "make repro" in output
    assert not ran(output)
    assert lock == LOCK_FILE.read_bytes()


def test_without_the_cache_nothing_needs_to_run(tiny: Path) -> None:
    before = snapshot(tiny)
    shutil.rmtree(tiny / ".dvc/cache/files")
    output = tool(tiny, "verify", status=1)
    assert "'make repair' brings back, without running anything" in output
    assert "make repro" not in output
    assert not ran(tool(tiny, "repair"))
    lost = before.keys() - snapshot(tiny).keys()
    # The cache also holds metrics and tables of earlier runs: DVC's run cache needs them, dvc.lock does not.
    assert all(path.is_relative_to(".dvc/cache") for path in lost)
    assert {path: content for path, content in before.items() if path not in lost} == snapshot(tiny)


def test_repair_in_a_fresh_clone_says_what_is_missing(tiny: Path) -> None:
    for name in ("data", "models", ".dvc/cache"):
        shutil.rmtree(tiny / name)
    flip(tiny / "metrics/summary.json")
    output = tool(tiny, "repair", status=1)
    assert "metrics/summary.json is brought back from git" in output
    assert "not on this machine: the results of " in output
    assert not ran(output)
    assert not git(tiny, "status", "--porcelain")


@pytest.mark.parametrize("module", ["verify", "repair", "prune"])
def test_nothing_is_touched_while_a_stage_is_running(tiny: Path, module: str) -> None:
    before = snapshot(tiny)
    use = {"write": {"models": {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (tiny / ".dvc/tmp/rwlock").write_text(json.dumps(use))
    assert f"process {os.getpid()} is running a stage" in tool(tiny, module, status=1)
    (tiny / ".dvc/tmp/rwlock").unlink()
    with (tiny / ".dvc/tmp/stages/train tiny 0 0").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "stage 'train tiny 0 0' is running" in tool(tiny, module, status=1)
    assert snapshot(tiny) == before


@pytest.mark.parametrize(
    ("damage", "command"),
    [("a half", "repro"), ("a half", "repair"), ("not UTF-8", "repro"), ("no schema", "repair"), ("nothing", "repro")],
)
def test_an_unreadable_lock_file_is_set_aside_and_nothing_runs_again(
    tiny: Path, change: Callable[..., None], damage: str, command: str
) -> None:
    change({"noise.seed": 1})
    dvc(tiny, "repro", "noise")  # the newest entries are in no commit
    lock = tiny / "dvc.lock"
    whole = lock.read_bytes()
    entries = YAML(typ="safe").load(whole)["stages"]
    broken = {"a half": whole[: len(whole) // 2] + b"\n]", "not UTF-8": whole + b"\xff", "nothing": b""}
    lock.write_bytes(broken.get(damage, whole.replace(b"schema", b"scheme", 1)))
    assert "'make repair' replaces an unreadable dvc.lock" in tool(tiny, "verify", status=1)
    output = tool(tiny, command, *(["noise"] if command == "repro" else []))
    assert "moved to .dvc/tmp/dvc.lock.0" in output
    assert not ran(output)
    assert not ran(dvc(tiny, "repro", "noise"))
    assert YAML(typ="safe").load(lock)["stages"] == entries


def test_lost_entries_come_back(tiny: Path, change: Callable[..., None]) -> None:
    """Those of a committed run come from git, others from DVC's run cache: the ones whose outputs are here."""
    change({"noise.seed": 1})
    dvc(tiny, "repro", "noise")
    lock = tiny / "dvc.lock"
    entries = YAML(typ="safe").load(lock)["stages"]
    change_lock = {name: entry for name, entry in entries.items() if not name.startswith(("noise", "train"))}
    YAML(typ="safe").dump({"schema": "2.0", "stages": change_lock}, lock)
    output = tool(tiny, "verify", status=1)
    for name in entries.keys() - change_lock:
        assert name in output
    assert not ran(tool(tiny, "repair"))
    assert YAML(typ="safe").load(lock)["stages"] == entries
    assert "&id" not in lock.read_text()  # no entry refers to another


def test_a_lock_file_that_git_does_not_have_cannot_be_compared(tiny: Path) -> None:
    git(tiny, "rm", "--quiet", "--cached", "dvc.lock")
    git(tiny, "commit", "--quiet", "--message", "No lock file")
    assert "git's last commit has no readable dvc.lock" in tool(tiny, "verify")


@pytest.mark.usefixtures("inside")
def test_nothing_to_verify_is_not_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    git(Path(), "rm", "--quiet", "dvc.lock")
    git(Path(), "commit", "--quiet", "--message", "No lock file")
    assert verify.main() == 1
    output = capsys.readouterr().out
    assert "there is nothing to verify" in output
    assert "are what dvc.lock says" not in output


def test_a_half_written_list_of_paths_in_use_is_removed(tiny: Path) -> None:
    """A dvc that is killed while writing leaves it, and every later one refuses to start."""
    (tiny / ".dvc/tmp/rwlock").write_text('{"write": {')
    assert "Unable to read RWLock-file" in dvc(tiny, "repro", status=255)
    for module in ("verify", "prune"):
        assert "'make repair' removes the file" in tool(tiny, module, status=1)
    assert not ran(tool(tiny, "repro"))
    assert not ran(dvc(tiny, "repro"))


@pytest.mark.parametrize("module", ["verify", "repair", "prune"])
def test_wrong_files_and_arguments_get_a_message(tiny: Path, module: str) -> None:
    assert "expected" in tool(tiny, module, "now", status=1)
    (tiny / ".dvc/config.local").write_text("garbage\n")
    output = tool(tiny, module, status=1)
    assert "Traceback" not in output
    assert "make repair" not in output


@pytest.mark.usefixtures("inside")
def test_what_dvc_add_tracks_is_no_stage_and_its_neighbours_no_leftovers(capsys: pytest.CaptureFixture[str]) -> None:
    for path in (Path("extra/mine.csv"), Path("extra/script.py")):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    dvc(Path(), "add", "extra/mine.csv")
    prune.main("remove")
    publish.main()
    assert verify.main() == 0
    output = capsys.readouterr().out
    assert "nothing is left behind" in output
    assert not re.search("have no result yet|part of no result", output)
    assert Path("extra/script.py").exists()


def test_prune_refuses_wrong_params(tiny: Path, change: Callable[..., None]) -> None:
    """Otherwise a misspelt name would turn results into leftovers."""
    change({"grid.models": ["tiny_frsh"]})
    assert "Expected keys of models" in tool(tiny, "prune", "remove", status=1)
    assert (tiny / "models/tiny_fresh/0-0.keras").exists()


def test_prune_finds_what_params_no_longer_name(tiny: Path, change: Callable[..., None]) -> None:
    nothing = tool(tiny, "prune")
    assert "nothing is left behind" in nothing
    change({"grid.scales": [0], "grid.models": ["tiny_fresh"], "figures.scale": 0})
    (tiny / "data/scores/notes.txt").write_text("mine")
    dvc(tiny, "repro")
    (tiny / "checkpoints/weight_decay").mkdir(parents=True, exist_ok=True)
    (tiny / "checkpoints/notes.txt").write_text("mine")
    for kept, run in ((True, "weight_decay/none-0-0"), (False, "weight_decay/kernel-0.5-0"), (False, "gone/0-0")):
        path = tiny / "checkpoints" / f"{run}.npz"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{kept}")
    (tiny / "plots/.curves.csv.partial").touch()
    elsewhere = tiny.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tiny / "models/link").symlink_to(elsewhere)
    before = snapshot(tiny)

    gone = {
        "data/scores/notes.txt",
        "data/noisy/0.5",
        "data/posterior/0.5.json",
        "models/tiny",
        "data/scores/tiny",
        "data/history/tiny",
    }
    gone |= {"data/history/tiny_fresh/0.5-0.csv", "models/tiny_fresh/0.5-0.keras", "data/scores/tiny_fresh/0.5-0.json"}
    gone |= {f"data/denoise_scale/0.5.{kind}" for kind in ("csv", "json")}
    gone |= {
        "checkpoints/notes.txt",
        "checkpoints/gone/0-0.npz",
        "checkpoints/weight_decay/kernel-0.5-0.npz",
        "plots/.curves.csv.partial",
    }
    gone |= {"models/link"}
    entries = {"noise@0.5", "posterior@0.5", "denoise_scale@0.5"}
    runs = ("tiny-0-0", "tiny-0.5-0", "tiny_fresh-0.5-0")
    entries |= {f"{stage}@{run}" for stage in ("train", "evaluate") for run in runs}
    for arguments in ((), ("remove",)):
        output = tool(tiny, "prune", *arguments)
        leftovers = dict(re.findall(r"^ +[\d.]+ MB  (\S+)(.*)$", output, re.MULTILINE))
        assert leftovers.keys() == gone
        not_cached = {name for name, remark in leftovers.items() if "not in the cache" in remark}
        others = {name for name in gone if name.startswith(("checkpoints/", "models/link"))}
        others |= {name for name in gone if name.endswith((".partial", ".txt"))}
        assert not_cached == others
        assert set(re.findall(r"^dvc\.lock: (.*)", output, re.MULTILINE)) == entries
        assert (snapshot(tiny) == before) == (arguments == ())

    after = snapshot(tiny)
    assert (elsewhere / "kept").exists()
    lost = {path for path in before if path not in after}
    assert all(any(str(path) == top or str(path).startswith(f"{top}/") for top in gone) for path in lost)
    assert {path: content for path, content in after.items() if path.name != "dvc.lock"}.items() <= before.items()
    old, new = (YAML(typ="safe").load(snap[Path("dvc.lock")].decode())["stages"] for snap in (before, after))
    gathered = old["summarize"].pop("deps"), new["summarize"].pop("deps")
    assert new == {name: entry for name, entry in old.items() if name not in entries}
    assert {dep["path"] for dep in gathered[0] if dep not in gathered[1]} == {
        *("data/denoise_scale", "data/history", "data/posterior", "data/scores")
    }
    assert [path.name for path in (tiny / "checkpoints/weight_decay").iterdir()] == ["none-0-0.npz"]
    assert "nothing is left behind" in tool(tiny, "prune")
    assert "are what dvc.lock says" in tool(tiny, "verify")
    for name in ("data/scores/notes.txt", "checkpoints/notes.txt"):
        assert (tiny / ".dvc/tmp/aside" / name).read_text() == "mine"

    # Nothing needs to run again, here or in a clone; the tables are those of a run without what is gone.
    assert "up to date" in dvc(tiny, "status")
    for name in ("data", "models"):
        shutil.rmtree(tiny / name)
    dvc(tiny, "checkout")
    assert "up to date" in dvc(tiny, "status")
    tables = {path.name: path.read_bytes() for top in ("metrics", "plots") for path in (tiny / top).glob("*.*")}
    assert ran(dvc(tiny, "repro", "--single-item", "--force", "summarize")) == {"summarize"}
    assert tables == {path.name: path.read_bytes() for top in ("metrics", "plots") for path in (tiny / top).glob("*.*")}
    summary = json.loads(tables["summary.json"])
    assert [*summary["accuracy"], *summary["accuracy"]["tiny_fresh"], *summary["posterior"]] == ["tiny_fresh", "0", "0"]
