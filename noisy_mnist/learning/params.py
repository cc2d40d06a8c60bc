"""The sections ``models``, ``train`` and ``compute`` of ``params.yaml``: what each network is and how it is trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from noisy_mnist.core.params import Section

Precision = Literal["float32", "mixed_bfloat16"]


class Dense(Section):
    """A fully connected layer of ``dense`` units with relu; the first one flattens the images."""

    dense: int = Field(ge=1, le=65536)


class Conv(Section):
    """``conv`` square filters of side ``kernel`` pixels without padding, then pooling, batch norm and relu.

    stride: pixels from one place of a filter to the next. pool: only the largest value of each ``pool`` × ``pool``
    square is kept. Without batch norm, pooling before relu gives the same result as after it. With batch norm, it
    leaves fewer values to normalise.
    """

    conv: int = Field(ge=1, le=4096)
    kernel: int = Field(default=3, ge=1, le=28)
    stride: int = Field(default=1, ge=1, le=28)
    pool: int = Field(default=1, ge=1, le=28)
    batch_norm: bool = False


class Dropout(Section):
    """Zero a share ``dropout`` of the values while training."""

    dropout: float = Field(ge=0, lt=1)


LAYERS: dict[str, type[Dense | Conv | Dropout]] = {
    "dense": Dense,
    "conv": Conv,
    "dropout": Dropout,
}


def _layer(value: Any, _check: Any) -> Dense | Conv | Dropout:
    """Return the layer that a mapping describes; the first key of LAYERS in it determines the type."""
    if isinstance(value, Dense | Conv | Dropout):
        return value
    for key, layer in LAYERS.items():
        if isinstance(value, dict) and key in value:
            return layer.model_validate(value)
    expected = "Expected a layer: {dense: 512}, {conv: 32, kernel: 3, pool: 2} or {dropout: 0.5}"
    raise PydanticCustomError("layer", "{expected}", {"expected": expected})


Layer = Annotated[Dense | Conv | Dropout, WrapValidator(_layer)]


class OptimizerParams(Section):
    """How a network is fitted."""

    optimizer: Literal["adam", "rmsprop", "sgd", "adadelta"]
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: int = Field(ge=1, le=2**20)
    epochs: int = Field(ge=1, le=100_000)


class ModelParams(OptimizerParams):
    """One entry of ``models``. A softmax over the ten classes follows the last layer.

    standardise: subtract the mean of all pixels of the training images, and divide by their standard deviation. With
    fresh noise, both are those of the one noisy copy.
    kernel_l2: adds this factor times the sum of squares of all weights, except biases and batch norm's, to the loss.
    activity_l2: adds this factor times the sum of squares of an image's activations after each relu to the loss.
    """

    layers: list[Layer]
    kernel_l2: float = Field(default=0, ge=0)
    activity_l2: float = Field(default=0, ge=0)
    fresh_noise: bool = False
    standardise: bool = False
    precision: Precision | None = None

    @model_validator(mode="after")
    def _fits_image(self) -> "ModelParams":
        """Follow the side of the image through the layers, as Keras will, before anything runs."""
        side: int | None = 28
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Dense):
                side = None
            elif isinstance(layer, Conv):
                if side is None:
                    raise ValueError(f"layers[{index}]: conv must come before the first dense layer")
                side = ((side - layer.kernel) // layer.stride + 1) // layer.pool
                if side < 1:
                    raise ValueError(f"layers[{index}]: nothing is left of the 28×28 image: use fewer or smaller ones")
        return self


class TrainParams(Section):
    """What all trainings share.

    precision: a Keras dtype policy. curve_images: training images scored after each epoch.
    """

    precision: Precision
    curve_images: int = Field(ge=1, le=2**31)


class ComputeParams(Section):
    """How networks are computed. Equal bytes need the same number of threads."""

    threads: int = Field(ge=1, le=1024)
