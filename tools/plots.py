"""Write all plots of the project as one page, dvc_plots/index.html, that needs no network and no other file."""

import base64
import html
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from dvc.repo import Repo
from dvc.scm import RevError, resolve_rev

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import git
from tools.command import call, run

PAGE = Path("dvc_plots/index.html")
VEGA_LITE = "5.20"  # of the major version that the templates in .dvc/plots are written for

# The policy forbids the page to load anything; Vega compiles the expressions of a plot, hence 'unsafe-eval'.
TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2rem; color: #222 }}
figure {{ margin: 0 0 3rem; overflow-x: auto }}
figcaption {{ margin: 0 0 .7rem; color: #555 }}
img {{ max-width: 100% }}
</style>
<script>(function () {{ {vega} }})();</script>
</head>
<body>
<h1>{title}</h1>
{figures}
<script>
for (const element of document.querySelectorAll("div[data-spec]"))
  vegaEmbed(element, JSON.parse(element.dataset.spec), {{renderer: "svg", actions: {{export: true, editor: false}}}})
    .catch(error => {{ element.textContent = "This plot could not be drawn: " + error; throw error; }});
</script>
</body>
</html>
"""


def main(*revisions: str) -> None:
    """Draw the workspace, or, if revisions are given, these beside it; name what a revision lacks.

    Raises UserError for an unknown revision, if dvc cannot read a plot of the workspace, or git fails where there are
    revisions.
    """
    if revisions:
        git.run("rev-parse", "--git-dir")  # its message has the remedy, DVC's has not
        refuse_unknown(revisions)
    shown = list(dict.fromkeys([*revisions, "workspace"]))
    command = ["dvc", "plots", "diff", *shown] if revisions else ["dvc", "plots", "show"]
    collected = json.loads(call([*command, "--json"], stdout=subprocess.PIPE))
    plots, errors = collected.get("data", {}), collected.get("errors", [])
    if own := [error for error in errors if error["rev"] == "workspace"]:
        missing = "\n".join(f"  {error.get('name', 'all plots')}: {error['msg']}" for error in own)
        raise UserError(f"dvc could not read these plots of the workspace; 'dvc repro' makes them anew:\n{missing}")
    if not plots and not errors:
        raise UserError("dvc found no plot to draw: expected some under 'plots' in dvc.yaml")
    lacking = not_drawn(plots, errors, shown)
    title = "Noisy MNIST" + (f": {', '.join(shown)}" if revisions else "")
    page = TEMPLATE.format(
        title=html.escape(title),
        vega=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE),
        figures="\n".join(
            [f"<p>{html.escape(line)}</p>" for line in lacking]
            + [figure(name, part) for name, parts in plots.items() for part in parts]
        ),
    )
    with files.replacing(PAGE) as path:
        path.write_text(page, encoding="utf-8")
    print("\n".join([*lacking, f"Plots page: {PAGE.resolve()}"]))


def refuse_unknown(revisions: Sequence[str]) -> None:
    """Raise UserError if a revision is none that this clone knows."""
    with Repo(".") as repo:
        for revision in set(revisions) - {"workspace"}:
            try:
                resolve_rev(repo.scm, revision)
            except RevError as error:
                expected = "expected a commit, branch, tag or experiment that this clone has"
                more = "'git fetch' gets branches and tags, in a shallow clone 'git fetch --unshallow' what came before"
                raise UserError(f"{error}: {expected}; {more}") from None


def not_drawn(plots: Mapping[str, Any], errors: Sequence[Mapping[str, str]], revisions: Sequence[str]) -> list[str]:
    """Return what is not drawn of each revision though it is of another, a line for each reason that dvc has."""
    reasons = {(error["rev"], error.get("name")): error["msg"] for error in errors}
    lacking: dict[tuple[str, str], list[str]] = {}
    for revision in revisions:
        for name, parts in plots.items():
            if parts and not any(revision in part["revisions"] for part in parts):
                reason = reasons.get((revision, name)) or reasons.get((revision, None)) or "not there, or without rows"
                lacking.setdefault((revision, reason), []).append(name)
    return [f"not drawn of {revision}: {', '.join(names)} ({reason})" for (revision, reason), names in lacking.items()]


def figure(name: str, part: dict[str, Any]) -> str:
    """Return one plot, or one image of one revision, as HTML, whatever characters its name and data hold."""
    caption = html.escape(f"{name} ({', '.join(part['revisions'])})")
    if part["type"] == "image":
        image = base64.b64encode(Path(part["url"]).read_bytes()).decode()
        shown = f'<img alt="{html.escape(name)}" src="data:image/png;base64,{image}">'
    else:
        shown = f'<div data-spec="{html.escape(json.dumps(part["content"]))}"></div>'
    return f"<figure><figcaption>{caption}</figcaption>{shown}</figure>"


if __name__ == "__main__":
    run(main)
