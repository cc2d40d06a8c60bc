"""Writing so that a file or folder stands under its name only when it is whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noisy_mnist.core.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write a file or folder to; move it into place if no error was raised.

    The temporary name is hidden and fixed, so that what a killed run left behind is overwritten by the next. Raises
    UserError for what the operating system refuses: a full disk, a folder that may not be written to.
    """
    partial, former = (path.with_name(f".{path.name}.{state}") for state in ("partial", "former"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(partial)
        try:
            yield partial
            if path.is_dir() and partial.exists():  # a file is replaced in one step, a folder cannot be
                remove(former)
                path.replace(former)
            partial.replace(path)
        finally:
            remove(partial)
            remove(former)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error}): fix that and run the same command again") from error


def remove(path: Path) -> None:
    """Delete a file, a whole folder or a link, if it is there; not what a link leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
