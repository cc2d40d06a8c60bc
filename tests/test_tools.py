"""The quickstart and the workspace it makes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from noisy_mnist import study
from noisy_mnist.core.errors import UserError
from tests.conftest import TINY, git, program_environment, run_in
from tools import quickstart, workspace


def refuse_commits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give git failing hooks, rules that ignore and filter files that a project needs, and another hash format."""
    hooks, rules = folder / "template/hooks", "*.lock\n*.csv\n*.png\nparams.yaml\n"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-index-change", "reference-transaction"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    for path in ("ignored", "message"):
        (folder / path).write_text(rules)
    (folder / "attributes").write_text("* text=auto eol=crlf filter=missing\n")
    settings = {
        "core.hooksPath": hooks,
        "init.templateDir": folder / "template",
        "core.excludesFile": folder / "ignored",
        "core.attributesFile": folder / "attributes",
        "commit.template": folder / "message",
        "core.autocrlf": "true",
        "core.safecrlf": "true",
        "filter.missing.clean": "false",
        "filter.missing.required": "true",
    }
    for name, value in settings.items():
        git(folder, "config", "--file", str(folder / "gitconfig"), name, str(value))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")


def test_quickstart_shows_accuracy_and_where_the_results_are(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It leaves a project with a commit, in which the user's params survive a second quickstart.

    Neither the user's hooks and rules nor git's next default format keep files out of that commit.
    """
    refuse_commits(tmp_path, monkeypatch)
    project = shutil.copytree(finished, tmp_path / "project", symlinks=True)
    folder = shutil.copytree(finished, project / "quickstart", symlinks=True)
    shutil.rmtree(folder / ".git")
    (project / ".venv").mkdir()
    (folder / ".venv").symlink_to("moved")  # leads nowhere
    with (folder / "params.yaml").open("a") as file:
        file.write("# mine\n")
    monkeypatch.setattr(workspace, "ROOT", project)
    quickstart.main()
    assert git(folder, "log", "--format=%s", "main").split() == ["Quickstart"]
    assert not git(folder, "status", "--porcelain")
    assert git(folder, "config", "--local", "user.name") == "quickstart\n"  # this user has set none
    assert set(git(folder, "ls-files").split()) > {
        "dvc.lock",
        "requirements.lock",
        "metrics/scores.csv",
        ".gitattributes",
    }
    assert git(folder, "rev-parse", "--show-object-format") == "sha1\n"
    assert (folder / "params.yaml").read_text().endswith("# mine\n")
    assert (folder / ".venv").samefile(project / ".venv")
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("tiny_fresh"))
    assert len(row.split()) == 1 + len(TINY["grid.scales"])
    for name in ("plots/figures", "dvc_plots/index.html"):
        assert any(str(folder / name) in line for line in lines)
        assert (folder / name).exists()


@pytest.mark.parametrize("dataset", ["digits", "mnist", "fashion_mnist", "kmnist"])
def test_quickstart_params_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str) -> None:
    shutil.copy(workspace.ROOT / "params.yaml", tmp_path)
    workspace.change_params(tmp_path / "params.yaml", quickstart.changes(dataset))
    monkeypatch.chdir(tmp_path)
    assert study.check().data.dataset == dataset


def test_quickstart_refuses_other_data_sets() -> None:
    with pytest.raises(UserError, match="found letters, expected one of mnist"):
        quickstart.main("letters")


def test_changing_params_keeps_everything_else(tmp_path: Path) -> None:
    path = Path(shutil.copy(workspace.ROOT / "params.yaml", tmp_path))
    before = YAML(typ="safe").load(path)
    workspace.change_params(path, {"grid.scales": [0, 1], "models.mlp.epochs": 3})
    after = YAML(typ="safe").load(path)
    assert after["grid"].pop("scales") == [0, 1]
    assert before["grid"].pop("scales") != [0, 1]
    assert after.pop("models")["mlp"]["epochs"] == 3
    before.pop("models")
    assert after == before
    assert "# share of the training images held out" in path.read_text()


def test_workspace_has_none_of_the_projects_own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    for name in ("dvc.lock", "metrics/summary.json", "plots/curves.csv", "stages/train.py", ".dvc/config"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    (project / "params.yaml").write_text("a: 1\n")
    git(project, "init", "--quiet")
    monkeypatch.setattr(workspace, "ROOT", project)
    workspace.create(tmp_path / "copy", {"a": 2})
    copied = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {name for name in copied if not name.startswith(".git/")} == {
        "stages/train.py",
        ".dvc/config",
        workspace.COPIED,
        "params.yaml",
    }
    assert (tmp_path / "copy/params.yaml").read_text() == "a: 2\n"


def test_workspace_takes_over_what_was_edited_in_the_project_and_replaces_nothing_that_was_edited_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, copy = tmp_path / "project", tmp_path / "copy"
    project.mkdir()
    (project / "params.yaml").write_text("a: 1\n")
    (project / "code.py").write_text("1\n")
    git(project, "init", "--quiet")
    monkeypatch.setattr(workspace, "ROOT", project)
    workspace.create(copy, {"a": 2})
    (project / "code.py").write_text("2\n")
    (copy / "params.yaml").write_text("a: 3\n")
    workspace.create(copy, {"a": 2})
    assert [(copy / name).read_text() for name in ("code.py", "params.yaml")] == ["2\n", "a: 3\n"]
    (copy / "code.py").write_text("mine\n")
    with pytest.raises(UserError, match=r"copy, found edited ones: code\.py\. Make the edits in .*project, then"):
        workspace.create(copy, {"a": 2})
    assert (copy / "code.py").read_text() == "mine\n"
    (project / "code.py").write_text("mine\n")  # the same edit
    workspace.create(copy, {"a": 2})


def test_workspace_whose_params_cannot_be_changed_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the next run would use the project's own params, whose study takes hours."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "params.yaml").write_text("a: 1\n", encoding="utf-8")
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    with pytest.raises(KeyError):
        workspace.create(tmp_path / "copy", {"b.c": 2})
    assert not (tmp_path / "copy/params.yaml").exists()


def test_files_are_utf_8_and_output_never_fails_in_a_terminal_that_is_not(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "--quiet")
    for name in ("params.yaml", "größe.txt"):
        (project / name).write_text("# 28×28 ± é\na: 1\n", encoding="utf-8")
    code = (
        "from pathlib import Path; from tools import command, workspace; workspace.ROOT = Path('project').resolve();"
        "command.run(lambda: (workspace.create(Path('copy'), {'a': 2}), print('\\u00b1'))[1])"
    )
    terminal = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    environment = {**program_environment(), **terminal, "PYTHONPATH": str(workspace.ROOT)}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"?\n", b"")
    assert (tmp_path / "copy/params.yaml").read_bytes() == "# 28×28 ± é\na: 2\n".encode()
    assert (tmp_path / "copy/größe.txt").exists()


def test_a_user_whom_the_system_does_not_know_can_run_everything(tiny: Path) -> None:
    unknown = ["unshare", "--user", "--map-user=12345"]
    if subprocess.run([*unknown, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets no process have another user id")
    nameless = [*unknown, "env", *(f"--unset={name}" for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"))]
    output = run_in(tiny, [*nameless, sys.executable, "-m", "tools.verify"], status=0)
    assert "are what dvc.lock says" in output


def test_without_git_the_message_says_to_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "ROOT", tmp_path)
    with pytest.raises(UserError, match=r"expected a git repository, found none in .*get the project with 'git clone'"):
        workspace.create(tmp_path / "copy", {})


def test_the_lock_file_pins_everything_by_hash_and_names_no_host() -> None:
    text = (workspace.ROOT / "requirements.lock").read_text()
    pins = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert pins
    assert all(re.match(r"[a-z0-9-]+==\S+ ", pin) for pin in pins)
    for part in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in part
    assert "://" not in text


def test_the_workflow_may_only_read_and_runs_pinned_actions() -> None:
    workflow = YAML(typ="safe").load(workspace.ROOT / ".github/workflows/test.yml")
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
                assert step["with"]["persist-credentials"] is False
            # What others may choose, such as a branch's name, reaches a shell as a variable and not as code.
            assert "${{" not in step.get("run", "")
    assert any(step.get("run") == ".ci/run" for step in workflow["jobs"]["test"]["steps"])
