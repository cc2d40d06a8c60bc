"""The sections ``data`` and ``split`` of ``params.yaml``."""

from typing import Literal

from pydantic import Field

from noisy_mnist.core.params import Section, Seed


class DataParams(Section):
    """Which images the study uses."""

    dataset: Literal["mnist", "fashion_mnist", "kmnist", "digits"]


class SplitParams(Section):
    """How validation images are held out of the training images."""

    validation: float = Field(gt=0, lt=1)
    seed: Seed
