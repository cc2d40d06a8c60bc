"""The sections ``grid``, ``weight_decay`` and ``figures`` of ``params.yaml``."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from noisy_mnist.core.params import Distinct, Factor, Scale, Section, Seed


class GridParams(Section):
    """The axes of the noise study: one run for each model, scale and seed."""

    models: Annotated[list[str], Field(min_length=1), Distinct]
    scales: Annotated[list[Scale], Field(min_length=1), Distinct]
    seeds: Annotated[list[Seed], Field(min_length=1), Distinct]

    @field_validator("scales")
    @classmethod
    def _with_zero(cls, scales: list[float]) -> list[float]:
        if 0 not in scales:
            raise ValueError("Expected the list to hold 0, the clean images that all else is compared with")
        return scales


class WeightDecayParams(Section):
    """The axes of the weight decay study, and the entry of ``models`` that is penalised.

    The control is the same model, trained without a penalty from each seed.
    """

    penalties: Annotated[list[Literal["kernel", "activity"]], Field(min_length=1), Distinct]
    factors: Annotated[list[Factor], Field(min_length=1), Distinct]
    seeds: Annotated[list[Seed], Field(min_length=1), Distinct]
    model: str


class FiguresParams(Section):
    """What the figures show in detail."""

    scale: Scale
    digits: int = Field(ge=1, le=20)
