"""The progress of a training: a bar in a terminal, one line per epoch in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


@contextmanager
def epochs(total: int) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Yield the function to call after each of ``total`` epochs with its rows of the history (see training.fit)."""
    with tqdm(total=total, unit="epoch", disable=None) as bar:
        began = time.perf_counter()

        def show(rows: list[dict[str, Any]]) -> None:
            """Show the newest epoch; in a log, with the seconds since the previous one."""
            nonlocal began
            epoch = rows[0]["epoch"]
            parts = [
                f"{row['split']} " + " ".join(f"{key} {row[key]:.4f}" for key in ("accuracy", "loss") if key in row)
                for row in rows
            ]
            if bar.disable:
                ended = time.perf_counter()
                print(f"epoch {epoch}/{total}: {', '.join(parts)}, {ended - began:.2f} s", file=sys.stderr, flush=True)
                began = ended
            bar.set_postfix_str(", ".join(parts))
            bar.update(epoch - bar.n)

        yield show
