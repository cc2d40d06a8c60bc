"""The page of plots, drawn by a real browser, which must request nothing from the network."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from noisy_mnist.core import tables
from tests.conftest import git, tool
from tools import plots, plots_page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HEADLESS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--enable-logging=stderr", "--virtual-time-budget=20000"),
]
EVIL = '"><img src=x onerror="console.error(1)"></script><script>console.error(2)</script> & <i>title</i>'


def draw(page: Path, profile: Path) -> tuple[str, str, list[str]]:
    """Return the page's DOM once its scripts have run, what the page logged, and the addresses it requested."""
    if not BROWSER:
        pytest.skip("no chromium or google-chrome on this machine: the plots page is not drawn")
    log = profile / "net.json"
    command = [BROWSER, *HEADLESS, f"--user-data-dir={profile}", f"--log-net-log={log}", "--dump-dom", page.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    events = json.loads(log.read_text())["events"]
    asked = [event["params"] for event in events if "initiator" in event.get("params", {})]
    # The browser's own requests, such as for updates, say that they come from no page.
    addresses = [event["url"] for event in asked if event["initiator"] != "not an origin"]
    logged = [line for line in run.stderr.splitlines() if "CONSOLE" in line and "but current version is" not in line]
    return run.stdout, "\n".join(logged), addresses


class Elements(HTMLParser):
    """The elements of a page: their names and attributes."""

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        self.elements.append((tag, dict(attrs)))


def test_every_plot_is_drawn_with_no_network_and_no_error(tiny: Path, tmp_path: Path) -> None:
    tool(tiny, "plots")
    page = tiny / plots.PAGE
    declared = YAML(typ="safe").load(tiny / "dvc.yaml")["plots"]
    data = [name for plot in declared if isinstance(plot, dict) for name in plot]
    figures = {f"plots/figures/{path.name}" for path in (tiny / "plots/figures").iterdir()}

    dom, logged, asked = draw(page, tmp_path / "profile")
    parts = dict(re.findall(r'<figure id="(\S+)">(.*?)</figure>', dom, re.DOTALL))
    assert list(parts) == [*plots_page.PLOTS, *plots_page.FIGURES]
    assert set(data) == plots_page.PLOTS.keys()
    assert figures == {*plots_page.FIGURES, *plots_page.SHOWN_AS_PLOTS}
    for name in data:
        marks = re.findall(r'<g class="mark-(?:symbol|line|rect|rule|bar)[^>]*>\s*<(?:path|line)', parts[name])
        assert marks, f"nothing is drawn of {name}"
    for name in plots_page.FIGURES:
        assert 'src="data:image/png;base64,' in parts[name]
    assert not logged
    assert not asked


def test_titles_and_revisions_are_shown_as_text_whatever_they_hold(tiny: Path, tmp_path: Path) -> None:
    yaml = YAML()
    design = yaml.load(tiny / "dvc.yaml")
    design["plots"][1]["plots/accuracy_by_scale.csv"]["title"] = EVIL
    yaml.dump(design, tiny / "dvc.yaml")
    branch = "a<i>&lt;<img/src=x>"
    git(tiny, "branch", branch)
    tool(tiny, "plots", branch)
    dom, logged, asked = draw(tiny / plots.PAGE, tmp_path / "profile")
    assert html.escape(branch, quote=False) in dom
    assert html.escape(EVIL, quote=False) in dom
    elements = Elements(dom).elements
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in elements if tag == "img")
    assert [tag for tag, _ in elements if tag in ("i", "script")] == ["script", "script"]  # the page's own
    assert not logged
    assert not asked


def test_what_a_revision_lacks_is_named_and_the_rest_is_drawn(tiny: Path, tmp_path: Path) -> None:
    """A missing table, one without a column, one without rows, and a revision that dvc cannot read."""
    git(tiny, "checkout", "--quiet", "-b", "feature/old")
    (tiny / "plots/curves.csv").unlink()
    table = tiny / "plots/denoise.csv"
    table.write_text(table.read_text().replace("accuracy", "score", 1))
    table = tiny / "plots/new_digits.csv"
    table.write_text(table.read_text().splitlines(keepends=True)[0])
    git(tiny, "commit", "--quiet", "--all", "--message", "Old tables")
    git(tiny, "checkout", "--quiet", "-b", "broken", "main")
    (tiny / "dvc.yaml").write_text("stages: [")
    git(tiny, "commit", "--quiet", "--all", "--message", "Broken")
    git(tiny, "checkout", "--quiet", "main")
    output = tool(tiny, "plots", "feature/old", "broken", "main")
    assert "not drawn for feature/old: plots/curves.csv (" in output
    assert "not drawn for feature/old: plots/denoise.csv (Could not find provided field ('accuracy')" in output
    assert "not drawn for feature/old: plots/new_digits.csv (not there, or without rows)" in output
    assert re.search(r"not drawn for broken: plots/\S+.*, plots/curves.csv, .*plots/figures/\S+ \(.*dvc.yaml", output)
    assert not re.search("not drawn for (main|workspace)", output)
    assert "repro" not in output

    dom, logged, _ = draw(tiny / plots.PAGE, tmp_path / "profile")
    captions = re.findall(r'<figure id="(\S+)"><figcaption>(.*?)</figcaption>', dom)
    drawn: dict[str, set[str]] = {}
    for name, caption in captions:
        drawn.setdefault(name, set()).update(re.findall(r'class="revision"[^>]*>(.*?)<', caption))
    assert drawn.pop("plots/curves.csv") == drawn.pop("plots/denoise.csv") == {"workspace", "main"}
    assert drawn.pop("plots/new_digits.csv") == {"workspace", "main"}
    assert all(revisions == {"workspace", "main", "feature/old"} for revisions in drawn.values())
    assert "<p>not drawn for feature/old: plots/curves.csv (" in dom
    assert not logged


@pytest.mark.parametrize(
    "spec",
    [
        {"title": None, "mark": "point"},
        {"title": ["a", "b"], "facet": {"field": "computed"}, "spec": {"width": "container"}},
        {"facet": {"column": {"field": "rev"}}, "spec": {"width": {"step": 2}, "encoding": {"color": {"field": "x"}}}},
    ],
)
@pytest.mark.parametrize("names", [["workspace"], ["main", "workspace"]])
def test_plots_of_a_users_own_templates_are_left_as_they_are(spec: dict[str, Any], names: list[str]) -> None:
    part = {"type": "vega", "content": spec, "revisions": names}
    shown = plots_page.figure("plots/mine.csv", part, names)
    (content,) = re.findall(r'data-spec="(.*?)"', shown)
    assert json.loads(html.unescape(content)) == spec


def test_a_headline_has_a_gap_where_a_method_lacks_a_scale() -> None:
    table = pd.DataFrame({"method": ["a", "a", "b"], "scale": [0, 1, 1], "accuracy": 0.5, "ci95": [0.1, np.nan, 0.1]})
    cells = re.findall("<td>(.*?)</td>", plots_page.headline(table).replace("<b>", "").replace("</b>", ""))
    assert cells == ["a", "0.5000 ± 0.1000", "0.5000", "b", "–", "0.5000 ± 0.1000"]


def test_the_page_opens_with_the_headline_and_what_differs(tiny: Path, change: Callable[..., None]) -> None:
    change({"models.tiny.epochs": 3, "grid.seeds": [0]})
    table = (tiny / "plots/comparison.csv").read_text()
    (tiny / "plots/comparison.csv").write_text(re.sub("^tiny,0,[^,]+", "tiny,0,1.0", table, flags=re.MULTILINE))
    tool(tiny, "plots", "main")
    page = html.unescape((tiny / plots.PAGE).read_text())
    before, now, params = re.findall(r'<div class="wide[^"]*"><table>(.*?)</table>', page)
    comparison = tables.read_csv(tiny / "plots/comparison.csv")
    cells = [re.sub("</?b>", "", cell) for cell in re.findall("<td>(.*?)</td>", now)]
    assert [cell for cell in cells if "±" in cell] == [
        f"{row['accuracy']:.4f} ± {row['ci95']:.4f}" for row in comparison.to_dict("records")
    ]
    assert re.findall("<b>(.*?) ±", now)[0] == "1.0000"
    assert "1.0000" not in before
    assert re.findall("<td>(.*?)</td>", params) == ["models.tiny.epochs", "2", "3"]
    colours = re.findall(r'class="revision" style="background: (.*?)">(.*?)<', page)
    assert len({*colours}) == 2
    for colour, name in colours:
        for spec in re.findall(r'data-spec="(.*?)"></div>', (tiny / plots.PAGE).read_text()):
            for scale in re.findall(r'"domain": (\["main", "workspace"\]), "range": (\[.*?\])', html.unescape(spec)):
                assert dict(zip(*map(json.loads, scale), strict=True))[name] == colour


def test_a_revision_that_is_not_in_this_clone_is_named(tiny: Path) -> None:
    output = tool(tiny, "plots", "main~9", status=1)
    assert "unknown Git revision 'main~9': expected a commit, branch, tag or experiment that this clone has" in output
    assert not (tiny / plots.PAGE).exists()


def test_a_plot_that_cannot_be_read_is_named(tiny: Path) -> None:
    (tiny / "plots/curves.csv").unlink()
    output = tool(tiny, "plots", status=1)
    assert "plots/curves.csv" in output
    assert "dvc repro" in output
    assert not (tiny / plots.PAGE).exists()


def test_a_project_that_cannot_be_read_and_one_without_plots_get_a_message(tiny: Path) -> None:
    lock, design = tiny / "dvc.lock", tiny / "dvc.yaml"
    whole = lock.read_bytes()
    lock.write_text("garbage")
    assert "all plots: " in tool(tiny, "plots", status=1)
    lock.write_bytes(whole)
    design.write_text(design.read_text().partition("\nplots:")[0])
    assert "dvc found no plot to draw" in tool(tiny, "plots", status=1)
