"""The section ``weight_decay`` of ``params.yaml``."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from noisy_mnist.params import Section
from noisy_mnist.params.noise import Scale


class WeightDecayGrid(Section):
    """Penalties, factors and seeds of the study. Factors stay as they are written: DVC names stages by them."""

    penalties: list[Literal["kernel", "activity"]] = Field(min_length=1)
    factors: list[Scale] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(min_length=1)

    @field_validator("penalties", "factors", "seeds")
    @classmethod
    def _distinct(cls, values: list[object]) -> list[object]:
        if len(set(values)) < len(values):
            raise ValueError("Expected each entry once")
        return values

    @field_validator("factors")
    @classmethod
    def _zero_and_more(cls, factors: list[float]) -> list[float]:
        if 0 not in factors or len(factors) < 2:
            raise ValueError("Expected 0, the control, and at least one other factor")
        return factors


class WeightDecayParams(WeightDecayGrid):
    """The whole section: also the entry of ``models`` that is penalised."""

    model: str
