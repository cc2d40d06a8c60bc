"""The plots page as HTML: a headline table, the differences between revisions, and every plot with its caption."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd
import vl_convert

from noisy_mnist.reporting.names import of_dataset, of_noise

VEGA_LITE = "5.20"  # of the major version for which the templates in .dvc/plots are written
# Of revisions, in their order: the colours of Okabe & Ito (2008) on which white text is readable.
COLOURS = ("#0072b2", "#c14f00", "#007e5d", "#a8568c", "#555555", "#882255", "#6b6b00", "#332288", "#8c564b", "#2b7a70")
PANEL = 240  # width in pixels of a panel that does not set its own
# What each plot shows and what to look for.
PLOTS = {
    f"plots/{name}.csv": text
    for name, text in (
        (
            "comparison",
            "The posterior baseline knows the noise. A method above it knows more about digits than a list of the "
            "training images.",
        ),
        (
            "accuracy_by_scale",
            "The gap between the dashed line (training images) and the solid one (test images) is what a model has "
            "memorised. A wide band means that the result depends on the seed.",
        ),
        ("transfer", "Read each matrix by column: the framed cell is the best scale to train at."),
        (
            "curves",
            "A curve that still rises at its end has not trained long enough. A dashed one (training images) far above "
            "the solid one (validation images) shows that the model has memorised them.",
        ),
        (
            "weight_decay_intervals",
            "The factor is chosen where the validation accuracy is highest. Compare the differences with the bars.",
        ),
        ("denoise", "Denoising helps where the denoised line is above the noisy one."),
        ("new_digits", "From pure noise the decoder makes garbage: the classifier can only guess (0.1)."),
    )
}
FIGURES = {
    f"plots/figures/{name}.png": (title, text)
    for name, title, text in (
        ("noisy_images", "Noisy images", "The same test images at each noise scale."),
        ("with_and_without_noise", "With and without noise", "The distance between the colours is the cost of noise."),
        ("confusion", "Confusion matrices", "Dark cells off the diagonal are digits taken for one another."),
        ("denoised_images", "Denoised images", "Each digit with salt and pepper and, below it, denoised."),
        ("new_digits", "What the decoder makes", "A row for each intended digit."),
    )
}
# Figures that show the same as a plot of the page.
SHOWN_AS_PLOTS = tuple(
    f"plots/figures/{name}.png"
    for name in ("accuracy_by_scale", "comparison", "curves", "denoise", "transfer", "weight_decay")
)

Plot = dict[str, Any]  # of 'dvc plots show --json': type, revisions, and the content of a plot or the file of an image


@dataclass(frozen=True)
class Revision:
    """A revision to draw: name, commit ("" for the workspace), parameters by dotted key, and comparison.

    comparison: ``plots/comparison.csv``, None if it has none.
    """

    name: str
    commit: str
    params: Mapping[str, Any]
    comparison: pd.DataFrame | None


def build(plots: Mapping[str, Sequence[Plot]], revisions: Sequence[Revision], lacking: Sequence[str]) -> str:
    """Return the page. plots: by name, as dvc returns them. lacking: what is not drawn, one line each."""
    names = [revision.name for revision in revisions]
    body = [f"<p>{html.escape(line)}</p>" for line in lacking]
    for revision in revisions:
        body.append(f"<p>{badge(revision.name, names)} {html.escape(facts(revision))}</p>")
        if revision.comparison is not None:
            body.append(headline(revision.comparison))
    if len(revisions) > 1:
        body.append(differences(revisions))
    known = [*PLOTS, *FIGURES]
    known += [name for name in plots if name not in known and name not in SHOWN_AS_PLOTS]
    body += [figure(name, part, names) for name in known for part in merged(plots.get(name, ()))]
    title = html.escape("Noisy MNIST" + (f": {', '.join(names)}" if len(names) > 1 else ""))
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    template = Template((Path(__file__).parent / "plots.html").read_text(encoding="utf-8"))
    return template.substitute(title=title, vega=vega, body="\n".join(body))


def facts(revision: Revision) -> str:
    """Return the commit, data set, noise and seeds of a revision."""
    shown = [f"commit {revision.commit[:7]}" if revision.commit else "the files as they are now"]
    params = revision.params
    if "data.dataset" in params:
        shown.append(f"data set {of_dataset(str(params['data.dataset']))}")
    if "noise.kind" in params:
        clipped = "clipped" if params.get("noise.clip") else "not clipped"
        shown.append(f"{of_noise(str(params['noise.kind']))} noise, {clipped}")
    if isinstance(params.get("grid.seeds"), list):
        shown.append(f"seeds {', '.join(map(str, params['grid.seeds']))}")
    return "; ".join(shown)


def badge(name: str, names: Sequence[str]) -> str:
    """Return the name of a revision on its colour, which is the same across the page."""
    return f'<span class="revision" style="background: {colour(name, names)}">{html.escape(name)}</span>'


def colour(name: str, names: Sequence[str]) -> str:
    """Return the colour of one of these revisions."""
    return COLOURS[names.index(name) % len(COLOURS)]


def headline(comparison: pd.DataFrame) -> str:
    """Return a table of test accuracy ± half-width by method (row) and noise scale (column), the best net in bold."""
    best = comparison[comparison["method"] != "posterior"].groupby("scale")["accuracy"].max()
    scales = list(dict.fromkeys(comparison["scale"]))
    rows = [["noise scale", *(f"{scale:g}" for scale in scales)]]
    for method, part in comparison.groupby("method", sort=False):
        found = {row["scale"]: row for row in part.to_dict("records")}
        cells = [html.escape(str(method))]
        for scale in scales:
            row = found.get(scale, {"accuracy": None, "ci95": None})
            shown = "–" if pd.isna(row["accuracy"]) else f"{row['accuracy']:.4f}"
            shown += "" if pd.isna(row["ci95"]) else f" ± {row['ci95']:.4f}"
            is_best = method != "posterior" and row["accuracy"] == best[scale]
            cells.append(f"<b>{shown}</b>" if is_best else shown)
        rows.append(cells)
    return f"<p>Test accuracy ± 95 % interval; in bold: the best net.</p>{table(rows)}"


def differences(revisions: Sequence[Revision]) -> str:
    """Return a table of the parameters that differ between revisions."""
    names = [revision.name for revision in revisions]
    rows = [["parameter", *(badge(name, names) for name in names)]]
    for key in dict.fromkeys(key for revision in revisions for key in revision.params):
        values = [
            json.dumps(revision.params[key], default=str) if key in revision.params else "–" for revision in revisions
        ]
        if len({*values}) > 1:
            rows.append([html.escape(cell) for cell in (key, *values)])
    return table(rows, "params") if len(rows) > 1 else "<p>No parameter differs.</p>"


def table(rows: Sequence[Sequence[str]], style: str = "") -> str:
    """Return a table of HTML cells, the first row its heading. style: a CSS class."""
    shown = "".join(
        "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row) + "</tr>"
        for tag, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
    )
    return f'<div class="wide {style}"><table>{shown}</table></div>'


def merged(parts: Sequence[Plot]) -> list[Plot]:
    """Return the parts of a plot, with identical images merged into one of several revisions."""
    images: dict[bytes, Plot] = {}
    for part in parts:
        if part["type"] == "image":
            content = Path(part["url"]).read_bytes()
            before = images.get(content, {"type": "image", "content": content, "revisions": []})
            images[content] = {**before, "revisions": [*before["revisions"], *part["revisions"]]}
    return [part for part in parts if part["type"] != "image"] + list(images.values())


def figure(name: str, part: Plot, names: Sequence[str]) -> str:
    """Return one plot or image as HTML, with its name and data escaped."""
    title, text = FIGURES.get(name, (name, PLOTS.get(name, "")))
    if part["type"] == "image":
        image = base64.b64encode(part["content"]).decode()
        shown = f'<img alt="{html.escape(title)}" src="data:image/png;base64,{image}">'
        if len(part["revisions"]) > 1:
            text += " It is the same in these revisions."
    else:
        spec = dict(part["content"])
        if name in PLOTS:  # drawn with a template of this project
            head = spec.pop("title")
            title, text = head["text"], f"{text} {head['subtitle']}"
            spec = by_revision(spec, names) if len(names) > 1 else of_one_revision(spec)
        width = spec.get("spec", {}).get("width")
        panel = width if isinstance(width, int) else PANEL
        shown = f'<div data-panel="{panel}" data-spec="{html.escape(json.dumps(spec))}"></div>'
    drawn = part["revisions"] if len(names) > 1 else ()
    of = " ".join(badge(revision, names) for revision in names if revision in drawn)
    caption = f"<b>{html.escape(title)} {of}</b>{html.escape(text)}"
    return f'<figure id="{html.escape(name)}"><figcaption>{caption}</figcaption>{shown}</figure>'


def of_one_revision(spec: Plot) -> Plot:
    """Return a plot without its panels, or its legend, by revision."""
    panels, inner = in_order(spec), spec.get("spec", {})
    for axis in ("column", "row"):
        if panels.get(axis, {}).get("field") == "rev":
            del panels[axis]
            rest = {key: value for key, value in spec.items() if key not in ("facet", "spec")}
            return {**rest, "facet": next(iter(panels.values())), "spec": inner} if panels else {**rest, **inner}
    coloured = inner.get("encoding", {}).get("color", {})
    if coloured.get("field") == "rev":
        inner = {**inner, "encoding": {**inner["encoding"], "color": {**coloured, "legend": None}}}
    return {**spec, "facet": panels, "spec": inner} if panels else spec


def by_revision(spec: Plot, names: Sequence[str]) -> Plot:
    """Return a plot with a colour for each revision, and panels for what the templates show in colours.

    The templates have a panel for each revision. Panels and colours are swapped, unless colour is a quantity, such as
    the noise scale of a curve.
    """
    panels, inner = in_order(spec), spec.get("spec", {})
    encoding = dict(inner.get("encoding", {}))
    coloured = encoding.get("color", {})
    axis = next((name for name in ("column", "row") if panels.get(name, {}).get("field") == "rev"), None)
    if coloured.get("field") and (axis or coloured["field"] == "rev"):
        scale = {"domain": list(names), "range": [colour(name, names) for name in names]}
        encoding["color"] = {"legend": {"symbolOpacity": 1}, "field": "rev", "title": "revision", "scale": scale}
        if axis:
            encoding |= {name: {"field": "rev"} for name in ("xOffset", "yOffset") if name in encoding}
            panel = {"field": coloured["field"], "header": panels[axis]["header"]}
            panels = in_order({**spec, "facet": {**panels, axis: panel} if len(panels) > 1 else panel})
            inner = {**inner, **{side: min(inner[side], PANEL) for side in ("width", "height") if side in inner}}
        inner = {**inner, "encoding": encoding}
    elif axis:
        panels[axis]["sort"] = list(names)
    return {**spec, "facet": panels, "spec": inner} if panels else spec


def in_order(spec: Plot) -> Plot:
    """Return the panels of a plot, by one field or by column and row, in the order of the table."""
    panels = spec.get("facet", {})
    if "field" not in panels:
        return {axis: in_order({**spec, "facet": panel}) for axis, panel in panels.items()}
    values = spec["data"]["values"]
    return {**panels, "sort": list(dict.fromkeys(row[panels["field"]] for row in values))}
