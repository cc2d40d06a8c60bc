"""Parts of ``noise``, ``train`` and ``figures`` that gathering stages read: which results belong to the study."""

from pydantic import Field

from noisy_mnist.params import Section
from noisy_mnist.params.noise import Scale


class Scales(Section):
    """The scales of ``noise``."""

    scales: list[Scale]

    @property
    def names(self) -> list[str]:
        """Return the scales as DVC writes them in the names of stages, and so as folders and files are named."""
        return [str(scale) for scale in self.scales]


class Seeds(Section):
    """The seeds of ``train``."""

    seeds: list[int]


class Grid(Seeds):
    """The models and seeds of ``train``."""

    models: list[str]


class FiguresParams(Section):
    """The section ``figures``: what the figures show in detail."""

    scale: Scale
    digits: int = Field(ge=1, le=20)
