"""The sections ``autoencoder`` and ``denoise`` of ``params.yaml``."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from noisy_mnist.core.params import Scale, Section, Seed
from noisy_mnist.learning.params import OptimizerParams

# Share of pixels that salt and pepper replace.
Level = Annotated[Scale, Field(le=1)]
Units = Annotated[int, Field(ge=1, le=65536)]


class AutoencoderParams(OptimizerParams):
    """A network that maps noisy images to clean ones through a narrow code.

    encoder: units of the dense layers after the 784 pixels; the last one gives the code. decoder: units of those
    between the code and the 784 pixels. All have relu, the pixels a sigmoid.
    """

    encoder: list[Units] = Field(min_length=1)
    decoder: list[Units]
    seed: Seed


def evenly_spaced(count: int) -> list[float]:
    """Return ``count`` levels from 0 to 1."""
    return [index / (count - 1) for index in range(count)]


def name(level: float) -> str:
    """Return a level as written in tables, with at most six digits."""
    return f"{level:g}"


class DenoiseParams(Section):
    """The levels at which denoising is tried, and the classifier.

    classifier, seed: the run on clean images whose model classifies the denoised images. level: the level that the
    autoencoder is trained to remove. levels: the number of levels tried, evenly spaced from 0 to 1. control_levels:
    those at which the classifier is also trained on noisy images, as a control.
    """

    classifier: str
    seed: Seed
    level: Level
    levels: int = Field(ge=2, le=1001)
    control_levels: list[Level] = Field(min_length=1)

    @field_validator("control_levels")
    @classmethod
    def _rising(cls, levels: list[float]) -> list[float]:
        names = [name(level) for level in levels]
        if names != sorted(set(names), key=float):
            raise ValueError("Expected each level once, from the lowest to the highest")
        return levels

    @model_validator(mode="after")
    def _control_among_levels(self) -> "DenoiseParams":
        levels = [name(level) for level in evenly_spaced(self.levels)]
        expected = f"the levels that denoise.levels gives: {', '.join(levels)}"
        for level in self.control_levels:
            if name(level) not in levels:
                raise ValueError(f"control_levels: found {level!r}. Expected some of {expected}")
        return self
