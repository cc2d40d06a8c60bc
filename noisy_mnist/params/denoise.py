"""The sections ``denoise`` and ``synthesize`` of ``params.yaml``, and what goes with the section ``autoencoder``."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from noisy_mnist.params import Section
from noisy_mnist.params.noise import Scale

# Share of pixels that salt and pepper replace.
Level = Annotated[Scale, Field(le=1)]


class NoiseSeed(Section):
    """The seed of ``noise`` alone: denoising has a kind of its own."""

    seed: int


class AutoencoderNoise(Section):
    """What the autoencoder learns to take away."""

    level: Level


class Levels(Section):
    """At which levels denoising is tried."""

    levels: list[Level] = Field(min_length=2)


class ControlLevels(Section):
    """At which levels a classifier is trained on noisy images."""

    control_levels: list[Level] = Field(min_length=1)


class DenoiseParams(Levels, ControlLevels):
    """The whole section: also the training on clean images whose classifier reads what was denoised."""

    classifier: str
    seed: int

    @field_validator("levels", "control_levels")
    @classmethod
    def _distinct(cls, levels: list[float]) -> list[float]:
        if levels != sorted(set(levels)):
            raise ValueError("Expected each level once, from the lowest to the highest")
        return levels

    @model_validator(mode="after")
    def _control_among_levels(self) -> "DenoiseParams":
        for level in self.control_levels:
            if level not in self.levels:
                raise ValueError(f"control_levels: found {level!r}. Expected some of denoise.levels: {self.levels}")
        return self


class SynthesizeParams(Section):
    """How many new digits are made of each class, and from which seed."""

    digits: int = Field(ge=10, le=2000)
    seed: int = Field(ge=0, lt=2**32)
