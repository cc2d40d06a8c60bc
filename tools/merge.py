"""Merge the two sides of a conflict in dvc.lock stage by stage; git can only merge lines."""

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
    """Merge the sides of a conflict, print how many entries came from each, and return whether there was a conflict.

    It may come from a merge, a rebase, a cherry-pick or a stash. The caller must hold DVC's lock. Raises UserError, and
    leaves dvc.lock unchanged, if a side or the rest of the project cannot be read.
    """
    sides = find_sides()
    if sides is None:
        return False
    base, ours, theirs = sides
    unreadable = None if lockfile.readable(LOCK_FILE) else LOCK_FILE.read_bytes()
    if unreadable is not None:
        lockfile.write({"stages": theirs | ours})  # DVC must be able to read it to tell which entries fit
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
    """Return the common ancestor's entries, ours and theirs; None if there is no conflict, or it is resolved.

    They are in git's index, until 'git add', and between the markers in the file. Taking one side as it is
    ('git checkout --ours') does not resolve the conflict: that side lacks entries of the other. Raises UserError if a
    side cannot be read.
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
        todo = f"restore a readable {LOCK_FILE}, as with 'git checkout HEAD -- {LOCK_FILE}', then 'make repro'"
        raise UserError(
            f"{LOCK_FILE} holds a merge conflict, and a side of it cannot be read ({error}): {todo}"
        ) from None
    solved = LOCK_FILE.exists() and lockfile.readable(LOCK_FILE) and lockfile.entries() not in (ours, theirs)
    return None if solved else (base, ours, theirs)


def split(text: bytes) -> list[bytes]:
    """Return the common ancestor, ours and theirs of a text with git's markers.

    The ancestor is empty unless merge.conflictStyle is diff3 or zdiff3.
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
    """Return for each stage the entry that only one side has or has changed; of two, the one that fits, else ours.

    An entry that a side has removed is dropped, unless its stage is in the graph. An entry fits if its command, params
    and dependencies are the current ones. Dependencies that stages write are compared with the merged entries of those
    stages: in the workspace they may be missing or of another version. If both fit, the entry whose outputs the cache
    has is taken.
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
