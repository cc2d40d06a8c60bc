"""TensorFlow is imported by one module, which shows its output only if that fails and has the only side effects."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.workspace import ROOT

SET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_HOME": os.devnull}
BACKEND = ROOT / "noisy_mnist/learning/backend.py"
# Stands for TensorFlow's import: C++ writes to the descriptor of stderr, and Python to sys.stderr.
SAY = 'import os, sys\nos.write(2, b"from C\\n")\nprint("from Python", file=sys.stderr)\n'
SAID = "from C\nfrom Python\n"
# Stderr must work after the import, for C and for Python.
AFTERWARDS = 'os.write(2, b"C afterwards\\n")\nprint("Python afterwards", file=sys.stderr)\n'
SAID_AFTERWARDS = "C afterwards\nPython afterwards\n"
IMPORT = "import os, sys\nfrom noisy_mnist.learning import backend\n"


def python(code: str, *paths: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a process of its own, in which packages in ``paths`` come before all others."""
    ours = ("TF_", "KERAS_", "PYTHONUNBUFFERED")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"PYTHONPATH": os.pathsep.join(map(str, [*paths, ROOT])), **variables}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def fake(folder: Path, **packages: str) -> Path:
    """Return a folder with packages keras and tensorflow, each with the given code or empty."""
    for name in ("keras", "tensorflow"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(packages.get(name, ""))
    return folder


def test_importing_it_prints_nothing() -> None:
    result = python(IMPORT + "print(backend.tf.__version__, backend.keras.__version__)")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.split()) == 2


def test_slow_libraries_that_are_not_used_are_not_imported() -> None:
    code = (
        "from noisy_mnist.learning import runs\nfound = {'matplotlib', 'sklearn'} & sys.modules.keys()\nprint(found)\n"
    )
    result = python("import sys\n" + code + "from sklearn import metrics\nprint(metrics.accuracy_score([1], [1]))")
    assert result.stdout == "set()\n1.0\n", result.stderr
    before = "from sklearn import metrics\n" + IMPORT + "import sklearn\nprint(sklearn.metrics is metrics)"
    assert python(before).stdout == "True\n"


@pytest.mark.parametrize("package", ["keras", "tensorflow"])
def test_output_of_a_successful_import_is_not_shown(tmp_path: Path, package: str) -> None:
    result = python(IMPORT + AFTERWARDS, fake(tmp_path, **{package: SAY}))
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == SAID_AFTERWARDS


@pytest.mark.parametrize("package", ["keras", "tensorflow"])
@pytest.mark.parametrize("error", ["ImportError", "KeyboardInterrupt"])
def test_output_of_a_failed_import_is_shown(tmp_path: Path, package: str, error: str) -> None:
    caught = (
        f"import os, sys\ntry:\n    import noisy_mnist.learning.backend\nexcept {error} as error:\n    print(error)\n"
    )
    result = python(caught + AFTERWARDS, fake(tmp_path, **{package: f"{SAY}raise {error}('no library')\n"}))
    assert (result.returncode, result.stdout) == (0, "no library\n")
    assert result.stderr == SAID + SAID_AFTERWARDS


def test_traceback_of_a_failed_import_comes_after_its_output(tmp_path: Path) -> None:
    result = python(IMPORT, fake(tmp_path, tensorflow=f"{SAY}raise ImportError('no library')\n"))
    assert result.returncode == 1
    assert result.stderr.startswith(f"{SAID}Traceback")
    assert result.stderr.endswith("ImportError: no library\n")


def test_an_unfinished_line_of_a_failed_import_is_shown_too(tmp_path: Path) -> None:
    failing = f"{SAY}sys.stderr.write('no newline: ')\nraise ImportError('no library')\n"
    result = python(IMPORT, fake(tmp_path, tensorflow=failing))
    assert result.stderr.startswith(f"{SAID}no newline: Traceback")


def test_tensorflow_finds_its_settings_and_none_from_outside_the_project(tmp_path: Path) -> None:
    folder = fake(tmp_path, keras="import json, os\nprint(json.dumps(dict(os.environ)))\n")
    assert SET.items() <= json.loads(python(IMPORT, folder).stdout).items()
    stay = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_VAR_secret": "Terraform's", "CUDA_VISIBLE_DEVICES": ""}
    names = ("DNNL_MAX_CPU_ISA", "KERAS_BACKEND", "KERAS_HOME", "TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS")
    ignored = dict.fromkeys(names, "no")
    run = python(IMPORT, folder, **stay, **ignored)
    found = json.loads(run.stdout)
    assert (SET | stay).items() <= found.items()
    assert not {"DNNL_MAX_CPU_ISA", "KERAS_BACKEND", "XLA_FLAGS"} & found.keys()
    assert run.stderr.endswith(f"which would change results: {', '.join(names)}\n")
    assert not python(IMPORT, folder, **SET).stderr  # as in a process that one with the backend started


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    code = "import os\nbefore = os.listdir('/dev/fd')\n" + IMPORT + "print(before == os.listdir('/dev/fd'))"
    assert python(code, fake(tmp_path)).stdout == "True\n"


# Imports all modules twice: the first time, other libraries set variables of their own. Prints what each module
# changed. The backend comes first, so that its changes are not counted for the modules that import it.
CHANGES = """
import importlib, json, os, pkgutil, sys
import matplotlib as mpl
import noisy_mnist

before = dict(os.environ)
modules = [module.name for module in pkgutil.walk_packages(noisy_mnist.__path__, "noisy_mnist.")]
modules.sort(key="noisy_mnist.learning.backend".__ne__)
for module in modules:
    importlib.import_module(module)
for module in modules:
    del sys.modules[module]
mpl.rcdefaults()
style = dict(mpl.rcParams)

changes = {}
for module in modules:
    os.environ.clear()
    os.environ.update(before)
    mpl.rcParams.update(style)
    importlib.import_module(module)
    now = dict(os.environ)
    changes[module] = {name: now.get(name) for name in before.keys() | now if before.get(name) != now.get(name)}
    changes[module] |= {name: str(value) for name, value in mpl.rcParams.items() if value != style[name]}
print(json.dumps(changes))
"""


def test_importing_the_library_changes_nothing_but_what_tensorflow_reads() -> None:
    result = python(CHANGES)
    assert (result.returncode, result.stderr) == (0, "")
    changes = json.loads(result.stdout)
    assert len(changes) == len(list(ROOT.glob("noisy_mnist/**/*.py"))) - 1  # all but the package itself
    assert {module: changed for module, changed in changes.items() if changed} == {"noisy_mnist.learning.backend": SET}


def imported(path: Path) -> set[str]:
    """Return the top-level name of every module that a file imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.split(".")[0] for name in names}


def test_keras_and_tensorflow_are_imported_by_the_backend_alone() -> None:
    paths = [path for folder in ("noisy_mnist", "stages", "tools") for path in (ROOT / folder).rglob("*.py")]
    found = {path for path in paths if imported(path) & {"keras", "tensorflow"}}
    assert found == {BACKEND}
