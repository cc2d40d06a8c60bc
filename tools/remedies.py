"""How to repair outputs that differ from dvc.lock."""

from dataclasses import dataclass
from pathlib import Path

from dvc.repo import Repo

from tools import git
from tools.faults import Fault
from tools.repository import stages


@dataclass(frozen=True)
class Remedies:
    """Outputs as (stage, path), stages by name in the order of the graph."""

    checkout: list[tuple[str, str]]  # intact in the cache
    store: list[tuple[str, str]]  # intact in the workspace
    from_git: list[tuple[str, str]]  # in no cache, and intact in git
    run: list[str]  # damaged, and intact nowhere
    missing: list[str]  # intact nowhere, not damaged: perhaps never created on this machine


def choose_remedies(repo: Repo, faults: list[Fault]) -> Remedies:
    """Return the remedies for faults."""
    ordered = stages(repo)
    outs = {(stage.name, out.def_path): out for stage in ordered for out in stage.outs}
    here, stored = ({(f.stage, f.output) for f in faults if f.place == place} for place in ("workspace", "cache"))
    uncached = {key for key, out in outs.items() if not out.use_cache}
    in_git = {key for key in here & uncached if git.digest(Path(key[1])) == outs[key].hash_info.value}
    gone = (here & (stored | uncached)) - in_git
    damaged = {fault.stage for fault in faults if fault.problem == "damaged"}
    stages_gone = {stage for stage, _ in gone}
    order = [stage.name for stage in ordered if stage.name in stages_gone]
    return Remedies(
        checkout=sorted(here - gone - in_git),
        store=sorted(stored - gone),
        from_git=sorted(in_git),
        run=[stage for stage in order if stage in damaged],
        missing=[stage for stage in order if stage not in damaged],
    )
