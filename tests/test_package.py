"""The library as a package that pip installs."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.workspace import ROOT


def test_an_editable_install_makes_the_library_importable_anywhere(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "noisy_mnist", project / "noisy_mnist", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    subprocess.run(
        [sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", tmp_path / "venv"], check=True
    )
    python = tmp_path / "venv/bin/python"
    site = subprocess.run(
        [sys.executable, "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    environment = {"PYTHONPATH": site.stdout.strip(), "PATH": "/usr/bin:/bin"}
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([python, "-m", "pip", "install", *options, "-e", project], env=environment, cwd=tmp_path, check=True)
    code = "import noisy_mnist.core.files as m; print(m.__file__)"
    found = subprocess.run(
        [python, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()) == project / "noisy_mnist/core/files.py"
