"""The Makefile's own work: `make setup` with real environments, offline, and `make help`.

The project here is the Makefile and one tool, with a requirements.lock that pins one small package.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import program_environment, run_in
from tools.workspace import ROOT

INFO = "dvc-1.0.dist-info"
WHEEL = {
    "pinned.py": "def main():\n    print('installed here')\n",
    f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: dvc\nVersion: 1.0\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/entry_points.txt": "[console_scripts]\ndvc = pinned:main\n",
    f"{INFO}/RECORD": "",
}
# Variables that other programs ask their users to set, or that containers come with.
ELSEWHERE = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PIP_CONSTRAINT": "/nowhere/constraint.txt",
    "PIP_PREFIX": "/nowhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_TARGET": "/nowhere",
    "PIP_USER": "1",
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONSAFEPATH": "1",
}
GIVEN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "READY", "OUTSIDE", "PIP_NO_INDEX", "PIP_FIND_LINKS")  # set by `make test`
SETS_UP = "-m venv --clear .venv"


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a make that no other make started and that has no network, with some variables set."""
    own = {name: value for name, value in program_environment().items() if name not in GIVEN}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "wheels", "PIP_CONFIG_FILE": os.devnull}
    return {**own, **offline, "PYTHON": sys.executable, **variables}


def make(folder: Path, *arguments: str, status: int = 0, **variables: str) -> str:
    """Run make in a folder, check its exit status, return what it printed."""
    setting = [f"{name}={value}" for name, value in environment(**variables).items()]
    return run_in(folder, ["env", "--ignore-environment", *setting, "make", *arguments], status)


def sets_up(folder: Path, **variables: str) -> bool:
    """Return whether make would create the environment again."""
    return SETS_UP in make(folder, "--dry-run", "setup", **variables)


def create(folder: Path) -> Path:
    """Create a project that is not set up."""
    (folder / "wheels").mkdir(parents=True)
    wheel = folder / "wheels/dvc-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name, content in WHEEL.items():
            file.writestr(zipfile.ZipInfo(name), content)  # with a fixed date: the same lock file each time
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements.lock").write_text(f"dvc==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    (folder / "tools").mkdir()
    code = "import os, sys\nprint(sys.prefix)\nprint(*os.environ)\n"
    (folder / "tools/verify.py").write_text(code, encoding="utf-8")
    shutil.copy(ROOT / "Makefile", folder)
    return folder


def program(path: Path, *lines: str) -> str:
    """Write a shell script and return its path."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what two runs of ``make setup`` printed, in one project and at the same time, by its folder."""
    folder = create(tmp_path_factory.mktemp("setup") / "my projects" / "größe")
    pipe, variables = subprocess.PIPE, environment(**ELSEWHERE)
    makes = [
        subprocess.Popen(["make", "-j2", "setup"], cwd=folder, env=variables, stdout=pipe, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    printed = [run.communicate()[0].decode() for run in makes]
    assert [run.returncode for run in makes] == [0, 0], printed
    return {str(folder): "".join(printed)}


@pytest.fixture
def project(outputs: dict[str, str]) -> Iterator[Path]:
    """Return the project that is set up; a test must leave it as it was."""
    folder = Path(next(iter(outputs)))
    yield folder
    assert not sets_up(folder)


def test_of_two_at_once_one_sets_up_despite_variables_of_other_programs(project: Path, outputs: dict[str, str]) -> None:
    assert outputs[str(project)].count(SETS_UP) == 1
    assert run_in(project, [str(project / ".venv/bin/dvc")], status=0) == "installed here\n"
    prefix, names = make(project, "verify", **ELSEWHERE).splitlines()[-2:]
    assert prefix == str(project / ".venv")
    assert set(names.split()) & ELSEWHERE.keys() == {"PIP_REQUIRE_VIRTUALENV", "PIP_USER"}


def test_environment_is_reused_for_the_same_lock_file_python_and_folder(project: Path, tmp_path: Path) -> None:
    lock, python = project / "requirements.lock", project / ".venv/bin/python"
    for date in (0, 2**32):  # as after a copy or a checkout
        os.utime(lock, (date, date))
        assert not sets_up(project)
    text = lock.read_text(encoding="utf-8")
    lock.write_text(f"{text}# another\n", encoding="utf-8")
    assert sets_up(project)
    lock.write_text(text, encoding="utf-8")
    assert not sets_up(project)
    leads_to = python.readlink()
    python.unlink()
    python.symlink_to("gone")  # as after an upgrade that removes the former Python
    assert sets_up(project)
    python.unlink()
    python.symlink_to(leads_to)
    (tmp_path / ".venv").mkdir()
    assert not sets_up(project, CDPATH=str(tmp_path))
    moved = project.rename(project.with_name("moved"))
    assert sets_up(moved)
    moved.rename(project)


def test_link_is_followed_to_use_an_environment_and_never_to_clear_it(project: Path, tmp_path: Path) -> None:
    copy = create(tmp_path / "copy")
    (copy / ".venv").symlink_to(project / ".venv")
    assert make(copy, "verify").splitlines()[-2] == str(copy / ".venv")
    assert (copy / ".venv").is_symlink()
    with (copy / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("# newer\n")
    # Without pip the set-up fails half-way: what it leaves does not count as an environment.
    without_pip = f'[ "$2" != venv ] || set -- "$@" --without-pip\nexec "{sys.executable}" "$@"'
    for _ in range(2):
        output = make(copy, "verify", status=2, PYTHON=program(tmp_path / "python", without_pip))
        assert SETS_UP in output
        assert "No module named pip" in output
    assert not (copy / ".venv").is_symlink()


@pytest.mark.parametrize(
    ("python", "message"),
    [
        pytest.param(None, "Python 3.11 to 3.13 expected, found none: make PYTHON=...", id="missing"),
        pytest.param("sys.version_info = (3, 10)", "expected, found 3.10: make PYTHON=...", id="too old"),
        pytest.param(
            "importlib.util.find_spec = lambda _: None", "install the package python3-venv", id="no ensurepip"
        ),
        pytest.param("pass", "pip did not install into .venv", id="elsewhere"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, python: str | None, message: str) -> None:
    project = create(tmp_path / "project")
    quiet = program(tmp_path / "quiet", "exit 0")
    lines = [
        f'if [ "$2" = venv ]; then mkdir -p .venv/bin; ln -sf "{quiet}" .venv/bin/python; exit; fi',
        f'exec "{sys.executable}" -c "import importlib.util, sys; {python}; exec(sys.argv[1])" "$2"',
    ]
    name = program(tmp_path / "python", *lines) if python else "nowhere/python"
    assert message in make(project, "setup", status=2, PYTHON=name)
    assert not (project / ".venv/installed").exists()


def test_help_aligns_the_targets_with_any_sed(tmp_path: Path) -> None:
    program(tmp_path / "sed", "exit 1")
    lines = make(ROOT, "help", PATH=f"{tmp_path}:{os.environ['PATH']}").splitlines()
    assert len(lines) > 10
    assert {line[15] for line in lines} == {" "}
    assert " " not in {line[16] for line in lines}


def test_prune_removes_only_if_its_own_command_says_so(project: Path) -> None:
    removes = "tools.prune remove"
    assert removes in make(project, "--dry-run", "prune", "YES=1")
    for arguments, variables in (((), {}), (("YES=0",), {}), ((), {"YES": "1"})):
        assert removes not in make(project, "--dry-run", "prune", *arguments, **variables)


def test_editors_find_what_setup_makes() -> None:
    settings = json.loads((ROOT / ".vscode/settings.json").read_text(encoding="utf-8"))
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert settings == {"python.defaultInterpreterPath": "${workspaceFolder}/.venv/bin/python"}
    assert container["customizations"]["vscode"]["settings"] == settings
    assert container["postCreateCommand"] in {f"make {line.split()[0]}" for line in make(ROOT, "help").splitlines()}
