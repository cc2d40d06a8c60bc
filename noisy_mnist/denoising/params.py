"""The sections ``autoencoder`` and ``denoise`` of ``params.yaml``."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from noisy_mnist.core.params import Scale, Section, Seed
from noisy_mnist.learning.params import OptimizerParams

# Share of pixels that salt and pepper replace.
Level = Annotated[Scale, Field(le=1)]
Units = Annotated[int, Field(ge=1, le=65536)]


class AutoencoderParams(OptimizerParams):
    """A network from noisy images through a narrow code back to clean images.

    encoder: units of the dense layers from the 784 pixels to the code, which is the last of them; decoder: from the
    code to the 784 pixels. All have relu, the pixels a sigmoid.
    """

    encoder: list[Units] = Field(min_length=1)
    decoder: list[Units]
    seed: Seed


def evenly_spaced(count: int) -> list[float]:
    """Return ``count`` levels from 0 to 1."""
    return [index / (count - 1) for index in range(count)]


def name(level: float) -> str:
    """Return a level as tables have it: with six digits at most."""
    return f"{level:g}"


class DenoiseParams(Section):
    """At which levels denoising is tried, and with which classifier.

    classifier, seed: the training on clean images that classifies what was denoised. level: what the autoencoder learns
    to take away. levels: how many are tried, evenly spaced from 0 to 1. control_levels: some of them, at which the
    classifier is also trained on noisy images instead.
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
