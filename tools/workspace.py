"""A second workspace: a copy of the project with a DVC repository of its own and other params."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import digests, git

ROOT = Path(__file__).resolve().parent.parent
# In a copy: the digests of the files that were copied, by name.
COPIED = ".dvc/tmp/copied.json"
RESULTS = [Path(name) for name in ("dvc.lock", "metrics", "plots", "reproduction", ".dvc/results")]


def create(folder: Path, changes: Mapping[str, Any]) -> None:
    """Copy the project's files to ``folder`` as a git repository, with ``changes`` made in its params.yaml.

    changes: values by dotted key. An earlier copy keeps its results, params.yaml and DVC cache, so that a second run
    resumes where the first stopped. The project's own results are not copied. Raises UserError if git cannot list the
    project's files, and if files of the copy that would be replaced were edited there.
    """
    listed = git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
    names = [Path(os.fsdecode(name)) for name in listed.split(b"\0") if name]
    params, record = folder / "params.yaml", folder / COPIED
    to_copy = {
        str(name): digests.of_file(ROOT / name)
        for name in names
        if (ROOT / name).is_file() and not any(name.is_relative_to(other) for other in (*RESULTS, Path(params.name)))
    }
    copied = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    if edited := [
        name
        for name, digest in copied.items()
        if digests.of_file(folder / name) not in (None, digest, to_copy.get(name))
    ]:
        raise UserError(
            f"expected copies of the project's files in {folder}, found edited ones: {', '.join(edited)}. "
            f"Make the edits in {ROOT}, then delete these files in {folder}"
        )
    for name in to_copy:
        with files.replacing(folder / name) as partial:
            shutil.copy2(ROOT / name, partial)
    with files.replacing(record) as partial:
        partial.write_text(json.dumps(to_copy), encoding="utf-8")
    if not params.exists():
        with files.replacing(params) as partial:  # if killed meanwhile, no unchanged params.yaml is left
            shutil.copy2(ROOT / params.name, partial)
            change_params(partial, changes)
    git.run("init", "--quiet", "--initial-branch", "main", folder=folder)


def read_params(path: Path) -> dict[str, Any]:
    """Return a params file as plain data."""
    params: dict[str, Any] = YAML(typ="safe").load(path)
    return params


def change_params(path: Path, changes: Mapping[str, Any]) -> None:
    """Set dotted keys of a params file; keep everything else, including comments.

    The file is replaced atomically: a stage that reads it meanwhile finds the old or the new one.
    """
    yaml = YAML()
    params = yaml.load(path)
    for key, value in changes.items():
        *parents, last = key.split(".")
        section = params
        for parent in parents:
            section = section[parent]
        section[last] = value
    with files.replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
