"""Merge the two sides of a conflict in dvc.lock stage by stage, as git cannot: it knows lines, not what was run."""

import functools

from dvc.repo import Repo

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import cache, git, lockfile
from tools.lockfile import LOCK_FILE, Entry
from tools.repository import open_repo, stages

# Entries by stage.
Side = dict[str, Entry]


def merge_conflict() -> bool:
    """Merge the sides of a conflict, print what came from where, and return whether there was one.

    It may be of a merge, a rebase, a cherry-pick or a stash. Hold DVC's lock for it. Raises UserError, and leaves
    dvc.lock as it is, if a side or the rest of the project cannot be read.
    """
    sides = find_sides()
    if sides is None:
        return False
    base, ours, theirs = sides
    unreadable = None if lockfile.readable(LOCK_FILE) else LOCK_FILE.read_bytes()
    if unreadable is not None:
        lockfile.write({"stages": theirs | ours})  # what DVC can read, to tell what fits
    try:
        with open_repo() as repo:
            merged = merge(repo, base, ours, theirs)
    except BaseException:
        if unreadable is not None:
            with files.replacing(LOCK_FILE) as path:
                path.write_bytes(unreadable)
        raise
    lockfile.write({"stages": merged})
    only_ours = sum(ours.get(name) == entry != theirs.get(name) for name, entry in merged.items())
    only_theirs = sum(theirs.get(name) == entry != ours.get(name) for name, entry in merged.items())
    counts = f"{only_ours} entries are ours, {only_theirs} theirs, {len(merged) - only_ours - only_theirs} of both"
    todo = f"when 'make repro' has run, 'git add {LOCK_FILE}' ends the conflict"
    print(f"{LOCK_FILE} held a merge conflict and is merged: {counts}; {todo}")
    return True


def find_sides() -> tuple[Side, Side, Side] | None:
    """Return the common ancestor's entries, ours and theirs; None if there is no conflict, or it has been solved.

    They stand in git's index, until 'git add', and between the markers in the file. One side that was taken as it is
    ('git checkout --ours') solves nothing: it lacks what the other has. Raises UserError if a side cannot be read.
    """
    staged = git.staged(LOCK_FILE)
    texts = [staged.get(stage, b"") for stage in (1, 2, 3)]
    in_index = all(texts[1:])
    marked = lockfile.holds_markers(LOCK_FILE)
    if marked and not in_index:
        texts = split(LOCK_FILE.read_bytes())
    elif not in_index:
        return None
    try:
        base, ours, theirs = (lockfile.parse(text) for text in texts)
    except UserError as error:
        todo = f"bring a whole {LOCK_FILE} back, as with 'git checkout HEAD -- {LOCK_FILE}', then 'make repro'"
        raise UserError(
            f"{LOCK_FILE} holds a merge conflict, and a side of it cannot be read ({error}): {todo}"
        ) from None
    solved = LOCK_FILE.exists() and lockfile.readable(LOCK_FILE) and lockfile.entries() not in (ours, theirs)
    return None if solved else (base, ours, theirs)


def split(text: bytes) -> list[bytes]:
    """Return what stood in the common ancestor, ours and theirs of a text with git's markers.

    The ancestor is empty where git does not show it: only merge.conflictStyle diff3 and zdiff3 do.
    """
    sides: list[list[bytes]] = [[], [], []]
    shown, to = False, sides
    for line in text.splitlines(keepends=True):
        match line.split(b" ")[0].strip(), to is sides:
            case b"<<<<<<<", True:
                to = [sides[1]]
            case b"|||||||", False:
                shown, to = True, [sides[0]]
            case b"=======", False:
                to = [sides[2]]
            case b">>>>>>>", False:
                to = sides
            case _:
                for side in to:
                    side.append(line)
    return [b"".join(side) if shown or number else b"" for number, side in enumerate(sides)]


def merge(repo: Repo, base: Side, ours: Side, theirs: Side) -> Side:
    """Return for each stage the entry that one side has changed or has alone; of two, the one that fits, else ours.

    An entry that a side has removed goes, unless the graph names its stage. Fitting are command, params and
    dependencies as they are now, and of dependencies that stages write, what the merged entries of those say: here
    they may be of another version, or missing. Of two that fit, the one whose outputs the cache has is taken.
    """
    graph = {stage.name: stage for stage in stages(repo)}
    describe = functools.cache(functools.partial(lockfile.description, repo))
    merged: Side = {}
    outs: dict[str, Entry] = {}

    def fits(name: str, entry: Entry) -> tuple[bool, bool]:
        current = lockfile.current_entry(graph[name], lambda path: outs[path] if path in outs else describe(path))
        in_cache = all(cache.object_path(repo, str(out.get("md5"))).exists() for out in entry.get("outs", []))
        return lockfile.same_run(entry, current), in_cache

    for name in [*graph, *(ours | theirs).keys() - graph.keys()]:
        both = [side[name] for side in (ours, theirs) if name in side]
        changed = [entry for entry in both if entry != base.get(name)]
        if len(changed) == 2 and changed[0] != changed[1] and name in graph:
            changed.sort(key=functools.partial(fits, name), reverse=True)
        if changed or len(both) == 2 or (both and name in graph):
            merged[name] = (changed or both)[0]
            outs |= {out["path"]: out for out in merged[name].get("outs", [])}
    return {name: merged[name] for name in ours | theirs if name in merged}
