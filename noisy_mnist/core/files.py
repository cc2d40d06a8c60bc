"""Atomic writes: a file or folder gets its name only once it is complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noisy_mnist.core.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write a file or folder to; move it into place if no error was raised.

    The temporary name is hidden and fixed, so the next run overwrites what a killed one left behind. Raises UserError
    for an error of the operating system, such as a full disk or a read-only folder.
    """
    partial, former = (path.with_name(f".{path.name}.{state}") for state in ("partial", "former"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(partial)
        try:
            yield partial
            if path.is_dir() and partial.exists():  # a file can be replaced in one step, a folder cannot
                remove(former)
                path.replace(former)
            partial.replace(path)
        finally:
            remove(partial)
            remove(former)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error}): fix that and run the same command again") from error


def remove(path: Path) -> None:
    """Delete a file, a whole folder or a link, if it exists; the target of a link is kept."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
