"""The section ``noise`` of ``params.yaml``."""

from typing import Annotated, Any

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator, field_validator, model_validator

from noisy_mnist.noise import KINDS
from noisy_mnist.params import Section


def _as_written(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Keep 1 apart from 1.0: DVC names stages and folders by the scale as it is written."""
    check(value)
    if value == 0 and str(value) != "0":
        raise ValueError("Expected 0 written as 0: stages and files are named as it is written")
    return value


Scale = Annotated[float, Field(ge=0), WrapValidator(_as_written)]


class DrawParams(Section):
    """How noise is drawn: all that a noisy image depends on beside its scale."""

    kind: str
    clip: bool
    seed: int = Field(ge=0, lt=2**32)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"Expected one of {', '.join(KINDS)}")
        return kind


class NoiseParams(DrawParams):
    """The whole section: the draw and the scales of the study."""

    scales: list[Scale] = Field(min_length=1)

    @field_validator("scales")
    @classmethod
    def _distinct_with_zero(cls, scales: list[float]) -> list[float]:
        if len(set(scales)) < len(scales):
            raise ValueError("Expected each scale once")
        if 0 not in scales:
            raise ValueError("Expected the list to hold 0, the clean images that all else is compared with")
        return scales

    @model_validator(mode="after")
    def _within_kind(self) -> "NoiseParams":
        largest = KINDS[self.kind].largest_scale
        for scale in self.scales:
            if scale > largest:
                raise ValueError(f"scales: found {scale!r}. Expected scales of {self.kind} between 0 and {largest:g}")
        return self
