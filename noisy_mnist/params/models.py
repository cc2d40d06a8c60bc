"""The section ``models`` of ``params.yaml``: what each model is and how it is trained."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from noisy_mnist.params import Section

Precision = Literal["float32", "mixed_bfloat16"]


class Dense(Section):
    """A fully connected layer of ``dense`` units with relu; the first one flattens the images."""

    dense: int = Field(ge=1)


class Conv(Section):
    """``conv`` square filters of side ``kernel`` pixels without padding, batch norm if asked for, then relu."""

    conv: int = Field(ge=1)
    kernel: int = Field(ge=1, le=28)
    batch_norm: bool = False


class Pool(Section):
    """The largest value of each ``pool`` × ``pool`` square."""

    pool: int = Field(ge=2, le=28)


class Dropout(Section):
    """Zero a share ``dropout`` of the values while training."""

    dropout: float = Field(ge=0, lt=1)


def _layer(value: Any) -> str | None:
    """Return which layer a mapping is: the one known key that names it."""
    if isinstance(value, Section):
        return type(value).__name__.lower()
    return next((key for key in ("dense", "conv", "pool", "dropout") if key in value), None) if value else None


Layer = Annotated[
    Annotated[Dense, Tag("dense")]
    | Annotated[Conv, Tag("conv")]
    | Annotated[Pool, Tag("pool")]
    | Annotated[Dropout, Tag("dropout")],
    Discriminator(
        _layer,
        custom_error_type="layer",
        custom_error_message="Expected a layer: {dense: 512}, {conv: 32, kernel: 3}, {pool: 2} or {dropout: 0.5}",
    ),
]


class ModelParams(Section):
    """One entry of ``models``. A softmax over the ten classes follows the last layer."""

    layers: list[Layer]
    optimizer: Literal["adam", "rmsprop", "sgd", "adadelta"]
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    fresh_noise: bool = False
    precision: Precision | None = None

    @model_validator(mode="after")
    def _fits_image(self) -> "ModelParams":
        """Follow the side of the image through the layers, as Keras will, before anything runs."""
        side: int | None = 28
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Dense):
                side = None
            elif isinstance(layer, Conv | Pool):
                if side is None:
                    raise ValueError(f"layers[{index}]: conv and pool must come before the first dense layer")
                side = side - layer.kernel + 1 if isinstance(layer, Conv) else side // layer.pool
                if side < 1:
                    raise ValueError(f"layers[{index}]: nothing is left of the 28×28 image: use fewer or smaller ones")
        return self
