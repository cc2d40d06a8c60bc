"""The sections ``data`` and ``split`` of ``params.yaml``, and the variable that names a mirror."""

from typing import Literal

from pydantic import Field

from noisy_mnist.core.params import Section, Seed

# The environment variable that names the user's own mirror: a URL, a file:// URL or a folder.
MIRROR_VARIABLE = "MNIST_MIRROR"


class DataParams(Section):
    """Which images the study uses."""

    dataset: Literal["mnist", "fashion_mnist", "kmnist", "digits"]


class SplitParams(Section):
    """How validation images are held out of the training images."""

    validation: float = Field(gt=0, lt=1)
    seed: Seed
