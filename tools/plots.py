"""Write all plots of the project to dvc_plots/index.html, a single file that works offline."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.repo import Repo
from dvc.scm import RevError, resolve_rev
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from noisy_mnist.core.params import PARAMS_FILE
from tools import git, plots_page
from tools.command import call, run

PAGE = Path("dvc_plots/index.html")
HEADLINE = Path("plots/comparison.csv")
WORKSPACE = "workspace"


def main(*revisions: str) -> None:
    """Draw the workspace, and any given revisions beside it; name what a revision lacks.

    Raises UserError for an unknown revision, if dvc cannot read a plot of the workspace, or if git fails on revisions.
    """
    commits = resolved(revisions) if revisions else {}
    shown = [*commits, WORKSPACE]
    command = ["dvc", "plots", "diff", *shown] if revisions else ["dvc", "plots", "show"]
    collected = json.loads(call([*command, "--json"], stdout=subprocess.PIPE))
    plots, errors = collected.get("data", {}), collected.get("errors", [])
    if own := [error for error in errors if error["rev"] == WORKSPACE]:
        missing = "\n".join(f"  {error.get('name', 'all plots')}: {error['msg']}" for error in own)
        raise UserError(f"dvc could not read these plots of the workspace; 'dvc repro' writes them again:\n{missing}")
    if not plots and not errors:
        raise UserError("dvc found no plot to draw: expected some under 'plots' in dvc.yaml")
    lacking = not_drawn(plots, errors, shown)
    sources = {name: commits.get(name, "") for name in shown}
    page = plots_page.build(
        plots,
        [plots_page.Revision(name, commit, params(commit), headline(commit)) for name, commit in sources.items()],
        lacking,
    )
    with files.replacing(PAGE) as path:
        path.write_text(page, encoding="utf-8")
    print("\n".join([*lacking, f"Plots page: {PAGE.resolve()}"]))


def resolved(revisions: Sequence[str]) -> dict[str, str]:
    """Return the commit of each revision, without duplicates.

    Raises UserError if this clone does not know one, or git fails.
    """
    git.run("rev-parse", "--git-dir")  # if it fails, git's message has a remedy, DVC's does not
    commits: dict[str, str] = {}
    with Repo(".") as repo:
        for revision in revisions:
            if revision != WORKSPACE:
                try:
                    commits[revision] = resolve_rev(repo.scm, revision)
                except RevError as error:
                    expected = "expected a commit, branch, tag or experiment that this clone has"
                    more = "'git fetch' gets branches and tags, 'git fetch --unshallow' older commits"
                    raise UserError(f"{error}: {expected}; {more}") from None
    return commits


def content(path: Path, commit: str) -> bytes:
    """Return the bytes of a file in a commit, or in the workspace if commit is ""; none if it does not exist."""
    if commit:
        return git.read(path, commit)
    return path.read_bytes() if path.exists() else b""


def params(commit: str) -> dict[str, Any]:
    """Return the parameters of a commit, or of the workspace, by dotted key; none if they cannot be read."""
    try:
        sections = YAML(typ="safe").load(content(PARAMS_FILE, commit))
    except YAMLError:
        return {}
    return dict(_leaves(sections, "")) if isinstance(sections, dict) else {}


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the values in nested mappings, each with its dotted key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def headline(commit: str) -> pd.DataFrame | None:
    """Return the comparison of methods of a commit, or of the workspace; None if there is none in the current form."""
    try:
        table = pd.read_csv(BytesIO(content(HEADLINE, commit)), keep_default_na=False, na_values=[""])  # as in tables
    except ValueError:  # not CSV; pandas' own errors are ValueErrors
        return None
    numbers = table.reindex(columns=["scale", "accuracy", "ci95"])
    whole = "method" in table and not numbers["scale"].isna().any()
    return table if whole and all(pd.api.types.is_numeric_dtype(kind) for kind in numbers.dtypes) else None


def not_drawn(plots: Mapping[str, Any], errors: Sequence[Mapping[str, str]], revisions: Sequence[str]) -> list[str]:
    """Return the plots that a revision lacks and another has, one line for each revision and reason from dvc."""
    reasons = {(error["rev"], error.get("name")): error["msg"] for error in errors}
    lacking: dict[tuple[str, str], list[str]] = {}
    for revision in revisions:
        for name, parts in plots.items():
            if parts and not any(revision in part["revisions"] for part in parts):
                reason = reasons.get((revision, name)) or reasons.get((revision, None)) or "not there, or without rows"
                lacking.setdefault((revision, reason), []).append(name)
    return [f"not drawn for {revision}: {', '.join(names)} ({reason})" for (revision, reason), names in lacking.items()]


if __name__ == "__main__":
    run(main)
