"""The section ``noise`` of ``params.yaml``."""

from pydantic import field_validator

from noisy_mnist.core.params import Section, Seed
from noisy_mnist.data.noise import KINDS


class NoiseParams(Section):
    """How noise is drawn: everything that it depends on except its scale."""

    kind: str
    clip: bool
    seed: Seed

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"Expected one of {', '.join(KINDS)}")
        return kind
