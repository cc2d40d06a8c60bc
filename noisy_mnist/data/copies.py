"""Noisy copies of splits, drawn whole or a block at a time, and the record of how they were drawn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from noisy_mnist.core import tables
from noisy_mnist.core.errors import UserError
from noisy_mnist.data import noise
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import SPLITS, Split

DRAW_FILE = "noise.json"


def blocks(clean: Split, name: str, draw: NoiseParams, scale: float) -> Iterator[NDArray[np.float16]]:
    """Yield noisy copies of a split's images, in order; ``name``, the name of the split, selects its noise."""
    return noise.blocks(clean.images, draw.kind, scale, draw.clip, draw.seed, SPLITS.index(name))


def noisy(clean: Split, name: str, draw: NoiseParams, scale: float) -> Split:
    """Return a split with noise (float16); see blocks."""
    return Split(np.concatenate(list(blocks(clean, name, draw, scale))), clean.labels)


def save_draw(folder: Path, draw: NoiseParams, scale: float) -> None:
    """Write how noise was drawn to the folder of the noisy images; at scale 0, write that there is none.

    Stages that depend only on the images of scale 0 then do not rerun when the section ``noise`` changes.
    """
    tables.write_json(folder / DRAW_FILE, draw.model_dump() if scale else None)


def load_draw(folder: Path) -> NoiseParams | None:
    """Return how the noise of the images in a folder was drawn, or None if they have none.

    Raises UserError if the file is missing or damaged.
    """
    content = tables.read_json(folder / DRAW_FILE)
    try:
        return None if content is None else NoiseParams.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{folder / DRAW_FILE} is damaged ({error}): delete it and run 'dvc repro'") from None
