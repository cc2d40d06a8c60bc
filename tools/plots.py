"""Write all plots of the project as one page, dvc_plots/index.html, that needs no network and no other file."""

import base64
import html
import json
import subprocess
from pathlib import Path
from typing import Any

import vl_convert

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
    """Draw the workspace, or, if revisions are given, these beside it.

    Raises UserError if dvc cannot collect a plot, or git fails where there are revisions.
    """
    if revisions:
        git.run("rev-parse", "--git-dir")  # its message has the remedy, DVC's has not
    command = ["dvc", "plots", "diff", *revisions] if revisions else ["dvc", "plots", "show"]
    collected = json.loads(call([*command, "--json"], stdout=subprocess.PIPE))
    if collected.get("errors"):
        missing = "\n".join(
            f"  {error.get('name', 'all plots')} ({error['rev']}): {error['msg']}" for error in collected["errors"]
        )
        raise UserError(f"dvc could not read these plots; 'dvc repro' makes them anew:\n{missing}")
    if not collected.get("data"):
        raise UserError("dvc found no plot to draw: expected some under 'plots' in dvc.yaml")
    parts = [figure(name, part) for name, plots in collected["data"].items() for part in plots]
    title = "Noisy MNIST" + (f": {', '.join(revisions)} and workspace" if revisions else "")
    page = TEMPLATE.format(
        title=html.escape(title),
        vega=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE),
        figures="\n".join(parts),
    )
    with files.replacing(PAGE) as path:
        path.write_text(page, encoding="utf-8")
    print(f"Plots page: {PAGE.resolve()}")


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
