"""The section ``train`` of ``params.yaml``."""

from typing import Annotated

from pydantic import Field, field_validator

from noisy_mnist.params import Section
from noisy_mnist.params.models import Precision


class ComputeParams(Section):
    """How networks are computed. Equal bytes need an equal number of threads."""

    threads: int = Field(ge=1, le=1024)


class FitParams(ComputeParams):
    """What all trainings share."""

    precision: Precision
    curve_images: int = Field(ge=1, le=2**31)


class TrainParams(FitParams):
    """The whole section: also which models are trained, and how often."""

    models: list[str] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0, lt=2**32)]] = Field(min_length=1)

    @field_validator("models", "seeds")
    @classmethod
    def _distinct(cls, values: list[object]) -> list[object]:
        if len(set(values)) < len(values):
            raise ValueError("Expected each entry once")
        return values
