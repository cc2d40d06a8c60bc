"""All of ``params.yaml``: every section, and what must hold between them."""

from typing import Annotated

from pydantic import StringConstraints, model_validator

from noisy_mnist.core import params
from noisy_mnist.core.params import Section
from noisy_mnist.data.noise import KINDS
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.datasets.params import DataParams, SplitParams
from noisy_mnist.denoising.params import AutoencoderParams, DenoiseParams
from noisy_mnist.learning.params import ComputeParams, ModelParams, TrainParams
from noisy_mnist.reporting.params import FiguresParams, GridParams, WeightDecayParams
from noisy_mnist.synthesis import SynthesizeParams

OTHER_METHODS = ("denoised", "posterior")  # beside the models in the comparison
# Names become folder names, stage names and arguments of a shell command.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class Params(Section):
    """The whole file. An unknown section or key is refused."""

    data: DataParams
    split: SplitParams
    noise: NoiseParams
    train: TrainParams
    compute: ComputeParams
    models: dict[Name, ModelParams]
    weight_decay: WeightDecayParams
    autoencoder: AutoencoderParams
    denoise: DenoiseParams
    synthesize: SynthesizeParams
    figures: FiguresParams
    grid: GridParams

    @model_validator(mode="after")
    def _models_named_apart(self) -> "Params":
        for name in OTHER_METHODS:
            if name in self.models:
                raise ValueError(f"models: found {name!r}. Expected a name that no other method has")
        return self

    @model_validator(mode="after")
    def _models_defined(self) -> "Params":
        for name in self.grid.models:
            if name not in self.models:
                raise ValueError(f"grid.models: found {name!r}. Expected keys of models: {', '.join(self.models)}")
        model = self.weight_decay.model
        if model not in self.models:
            raise ValueError(f"weight_decay.model: found {model!r}. Expected a key of models: {', '.join(self.models)}")
        return self

    @model_validator(mode="after")
    def _scales_within_kind(self) -> "Params":
        kind, largest = self.noise.kind, KINDS[self.noise.kind].largest_scale
        for scale in self.grid.scales:
            if scale > largest:
                raise ValueError(f"grid.scales: found {scale!r}. Expected scales of {kind} between 0 and {largest:g}")
        return self

    @model_validator(mode="after")
    def _classifier_trained(self) -> "Params":
        for key, axis, trained in (
            ("classifier", "models", self.grid.models),
            ("seed", "seeds", self.grid.seeds),
        ):
            value = getattr(self.denoise, key)
            if value not in trained:
                raise ValueError(f"denoise.{key}: found {value!r}. Expected one of grid.{axis}: {trained}")
        return self

    @model_validator(mode="after")
    def _figures_in_study(self) -> "Params":
        scale, scales = self.figures.scale, self.grid.scales
        if scale not in scales:
            raise ValueError(f"figures.scale: found {scale}. Expected one of grid.scales: {scales}")
        return self


def check() -> Params:
    """Return the checked ``params.yaml`` of the working folder. Raises UserError naming every problem in it."""
    data = params.load()
    return params.validated(lambda: Params.model_validate(data))
