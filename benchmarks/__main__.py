"""Run all benchmarks, or the named parts, and write the results to ``benchmarks/results.json``."""

import json
import platform
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblib import cpu_count

from benchmarks import full_study, gpu, growth, many_images, noise_speed, scaling, training_speed
from benchmarks.measure import BFLOAT16, Results, cpu_info
from noisy_mnist.core import tables
from noisy_mnist.core.errors import UserError
from tools.command import run

RESULTS = Path("benchmarks/results.json")
PARTS: dict[str, Callable[[], Iterator[Results]]] = {
    "noise": noise_speed.main,
    "memory": many_images.main,
    "train": training_speed.main,
    "graph": growth.main,
    "study": full_study.main,
    "parallel": scaling.two,
    "workers": scaling.many,
    "gpu": gpu.main,
}


def main(*parts: str) -> None:
    """Run the parts (all if none is named) one by one, and print a table. Raises UserError for an unknown part."""
    if unknown := set(parts) - PARTS.keys():
        raise UserError(f"found the parts {sorted(unknown)}, expected some of {list(PARTS)}")
    kept = earlier()
    print(machine(), flush=True)
    for part in parts or PARTS:
        used = f"{gpu.card()} beside {machine()}" if part == "gpu" else machine()
        for results in PARTS[part]():
            measured = {name: {**result.rounded(), "machine": used} for name, result in results.items()}
            kept |= measured
            tables.write_json(RESULTS, dict(sorted(kept.items())))
            for name, row in measured.items():
                spread = "(n = 1)" if row["n"] == 1 else f"({row['low']} to {row['high']}, n = {row['n']})"
                print(f"{name:40} {row['value']:>12} {row['unit']:20} {spread}", flush=True)


def earlier() -> dict[str, Any]:
    """Return the results of earlier runs. Raises UserError if the file is damaged."""
    try:
        results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    except ValueError as error:
        raise UserError(f"{RESULTS} is damaged ({error}): 'git checkout {RESULTS}' brings it back") from None
    return results


def machine() -> str:
    """Return what the figures depend on: processor, cores, and the versions of the libraries that compute."""
    cpu = cpu_info()
    model = re.search(r"model name\s*: (.*)", cpu)
    best = next((name for name in (BFLOAT16, "avx512f", "avx2") if name in cpu), "")
    libraries = " ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy", "dvc", "distributed"))
    named = model[1] if model else platform.processor()
    return f"{cpu_count()} cores of {named} {best}, Python {platform.python_version()}, {libraries}"


if __name__ == "__main__":
    run(main)
