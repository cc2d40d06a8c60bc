"""The project in the git repositories that people have: git's copy is read, or git's own message is shown."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from noisy_mnist.core.errors import UserError
from tests.conftest import git, ran, tool
from tools import digests, plots, prune, publish, repair, repro, verify, workspace
from tools import git as reader

FILES = {Path("a.txt"): b"one\n", Path("folder/b.txt"): b"two\n", Path("folder/deep/ü c.txt"): b"three\n"}


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with FILES in a first commit, as the working folder."""
    folder = tmp_path / "repository"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "First")
    monkeypatch.chdir(folder)
    return folder


def add_worktree(folder: Path) -> Path:
    """Add a second working tree, with a detached HEAD, and return it."""
    git(folder, "worktree", "add", "--quiet", "--detach", "../tree")
    return folder.parent / "tree"


def nest(folder: Path) -> Path:
    """Make the repository's files a folder of a larger one, and return that folder."""
    shutil.rmtree(folder / ".git")
    shutil.copytree(folder, folder.parent / "larger/project")
    git(folder.parent / "larger", "init", "--quiet")
    git(folder.parent / "larger", "add", "--all")
    git(folder.parent / "larger", "commit", "--quiet", "--message", "Larger")
    return folder.parent / "larger/project"


def clone_sparsely(folder: Path) -> Path:
    """Clone without history and without the files in folders, and return the clone."""
    git(folder.parent, "clone", "--quiet", "--depth", "1", f"file://{folder}", "clone")
    git(folder.parent / "clone", "sparse-checkout", "set", "--cone", "nothing")
    return folder.parent / "clone"


@pytest.mark.parametrize("place", [Path, add_worktree, nest, clone_sparsely])
def test_committed_files_are_found_wherever_the_project_lies(
    committed: Path, monkeypatch: pytest.MonkeyPatch, place: Callable[[Path], Path]
) -> None:
    monkeypatch.chdir(place(committed))
    git(committed.parent, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(committed.parent / "other/.git"))  # as in a hook of another repository
    assert {path: reader.read(path) for path in FILES} == FILES
    assert reader.names(Path("folder")) == ["b.txt", "deep/ü c.txt"]
    expected = {path.relative_to("folder").as_posix(): digests.of_bytes(FILES[path]) for path in [*FILES][1:]}
    assert reader.contents(Path("folder")) == expected
    assert reader.digest(Path("folder")) == digests.of_folder(expected)
    assert reader.digest(Path("a.txt")) == digests.of_bytes(b"one\n")
    assert reader.read(Path("none.txt")) == b""
    assert reader.names(Path("none")) == []


@pytest.mark.usefixtures("committed")
def test_nothing_is_committed_before_the_first_commit() -> None:
    git(Path(), "checkout", "--quiet", "--orphan", "new")
    assert reader.read(Path("a.txt")) == b""
    assert reader.names(Path("folder")) == []


def disown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Make git believe that the repository is another user's, as when root works in a user's folder."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")


def damage_branch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Empty the branch's file, as a full disk does."""
    (folder / ".git/refs/heads/main").write_bytes(b"")


def lose_object(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Delete git's object of a file."""
    name = git(folder, "rev-parse", "HEAD:a.txt").strip()
    (folder / ".git/objects" / name[:2] / name[2:]).unlink()


def move_worktree(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a working tree whose repository was moved."""
    monkeypatch.chdir(add_worktree(folder))
    folder.rename(folder.with_name("moved"))


def uninstall(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no program on PATH."""
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        (disown, "git config --global --add safe.directory"),
        (damage_branch, "fatal: bad object refs/heads/main"),
        (lose_object, "'git cat-file' failed in .*: fatal"),
        (move_worktree, "fatal: not a git repository: "),
        (uninstall, "install git"),
    ],
)
def test_a_failure_of_git_is_shown_with_its_own_message(
    committed: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[[Path, pytest.MonkeyPatch], None], message: str
) -> None:
    fail(committed, monkeypatch)
    with pytest.raises(UserError, match=message):
        reader.read(Path("a.txt"))


def test_nothing_is_replaced_or_called_intact_while_git_refuses(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "safe.directory" in tool(tiny, "verify", status=1)
    assert "safe.directory" in tool(tiny, "plots", "main", status=1)
    lock = tiny / "dvc.lock"
    half = lock.read_bytes()[:300]
    lock.write_bytes(half)
    assert "safe.directory" in tool(tiny, "repro", status=1)
    assert lock.read_bytes() == half


TOOLS: dict[str, Callable[[], object]] = {
    "repro": repro.main,
    "verify": verify.main,
    "repair": repair.main,
    "prune": prune.main,
    "publish": publish.main,
    "plots": lambda: plots.main("main"),
}


@pytest.fixture
def bare_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with params.yaml and nothing else, as the working folder."""
    shutil.copy(workspace.ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", TOOLS)
def test_without_a_repository_every_tool_says_the_same(bare_copy: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"expected a git repository, found none in .*'git clone', or make one"):
        TOOLS[name]()
    assert [path.name for path in bare_copy.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("name", [name for name in TOOLS if name != "plots"])
def test_a_sparse_checkout_without_the_settings_of_dvc_is_refused(bare_copy: Path, name: str) -> None:
    """Without them, DVC would use its default settings."""
    git(bare_copy, "init", "--quiet")
    with pytest.raises(UserError, match=r"expected the project's \.dvc/config in .*git sparse-checkout add \.dvc"):
        TOOLS[name]()
    assert {path.name for path in bare_copy.iterdir()} == {".git", "params.yaml"}


def test_in_a_folder_of_a_larger_repository_figures_come_back_from_git(tiny: Path) -> None:
    project = nest(tiny)
    figure = next((project / "plots/figures").iterdir())
    content = figure.read_bytes()
    figure.write_bytes(content[1:])
    output = tool(project, "repair")
    assert f"plots/figures/{figure.name} is brought back from git" in output
    assert not ran(output)
    assert figure.read_bytes() == content


def test_ignore_rules_of_an_outer_repository_leave_out_nothing_that_is_needed(tmp_path: Path) -> None:
    needed = {
        "dvc.lock",
        "dvc.yaml",
        "params.yaml",
        "requirements.lock",
        ".dvc/plots/curves.json",
        ".dvc/results/ab/cd",
    }
    needed |= {"metrics/scores.csv", "metrics/summary.json", "plots/curves.csv", "plots/figures/transfer.png"}
    for name in [*needed, "data/scores/mlp/0-0.json", "models/mlp/0-0.keras"]:
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).touch()
    for name in (".gitignore", ".dvc/.gitignore"):
        shutil.copy(workspace.ROOT / name, tmp_path / "project" / name)
    (tmp_path / ".gitignore").write_text("*.lock\n*.yaml\n*.csv\n*.json\n*.png\n.dvc/\nplots/\nmetrics/\nresults/\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    found = set(git(tmp_path / "project", "ls-files").split())
    assert found == {*needed, ".gitignore", ".dvc/.gitignore"}
