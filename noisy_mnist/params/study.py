"""All of ``params.yaml``: every section, and what must hold between them."""

from typing import Annotated

from pydantic import StringConstraints, model_validator

from noisy_mnist import params
from noisy_mnist.params import Section
from noisy_mnist.params.data import DataParams, SplitParams
from noisy_mnist.params.denoise import AutoencoderNoise, DenoiseParams, SynthesizeParams
from noisy_mnist.params.grid import FiguresParams
from noisy_mnist.params.models import AutoencoderParams, ModelParams
from noisy_mnist.params.noise import NoiseParams
from noisy_mnist.params.train import TrainParams
from noisy_mnist.params.weight_decay import WeightDecayParams

# Names become folder names, stage names and words of a shell command.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


class Autoencoder(AutoencoderParams, AutoencoderNoise):
    """The whole section ``autoencoder``: the network, and the noise of its own study."""


class Params(Section):
    """The whole file. An unknown section or key is refused."""

    data: DataParams
    split: SplitParams
    noise: NoiseParams
    train: TrainParams
    models: dict[Name, ModelParams]
    weight_decay: WeightDecayParams
    autoencoder: Autoencoder
    denoise: DenoiseParams
    synthesize: SynthesizeParams
    figures: FiguresParams

    @model_validator(mode="after")
    def _models_defined(self) -> "Params":
        for name in self.train.models:
            if name not in self.models:
                raise ValueError(f"train.models: found {name!r}. Expected keys of models: {', '.join(self.models)}")
        found = self.weight_decay.model
        if found not in self.models:
            raise ValueError(f"weight_decay.model: found {found!r}. Expected a key of models: {', '.join(self.models)}")
        return self

    @model_validator(mode="after")
    def _classifier_trained(self) -> "Params":
        for key, trained in (("classifier", self.train.models), ("seed", self.train.seeds)):
            found = getattr(self.denoise, key)
            if found not in trained:
                expected = f"Expected one of train.{'models' if key == 'classifier' else 'seeds'}: {trained}"
                raise ValueError(f"denoise.{key}: found {found!r}. {expected}")
        return self

    @model_validator(mode="after")
    def _figures_in_study(self) -> "Params":
        if self.figures.scale not in self.noise.scales:
            raise ValueError(
                f"figures.scale: found {self.figures.scale}. Expected one of noise.scales: {self.noise.scales}"
            )
        return self


def check() -> Params:
    """Return the checked ``params.yaml`` of the working folder. Raises UserError naming every problem in it."""
    data = params.load()
    return params.validated(lambda: Params.model_validate(data))
