"""Training that is fast, gives the same bytes each time, and resumes after a kill as if nothing had happened.

Everything random depends on (seed, epoch) and not on what ran before: the order of the examples, fresh noise, and
dropout masks. So the next epoch needs only the weights and the optimizer's state.
"""

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.core.errors import UserError
from noisy_mnist.data import noise
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import IMAGE_SHAPE, SPLITS, Split, scaled, take
from noisy_mnist.learning import backend, checkpoints, models, scores
from noisy_mnist.learning.backend import keras, tf
from noisy_mnist.learning.checkpoints import Row
from noisy_mnist.learning.params import OptimizerParams

# Images that are gathered, given noise and trained on in one call of TensorFlow, as whole batches: enough to hide the
# cost of the call, few enough that memory use does not grow with the data set.
CHUNK = 4096
# The random streams of one (seed, epoch). The noise of stored copies uses the streams of SPLITS.
ORDER, FRESH_NOISE, DROPOUT = range(len(SPLITS), len(SPLITS) + 3)

Item = TypeVar("Item")
Report = Callable[[list[Row]], None]


class SettingError(UserError):
    """A setting of a training that does not work. The message begins with its key."""


@dataclass(frozen=True)
class FreshNoise:
    """New noise for every epoch, added to clean images (uint8) on their way to the model."""

    draw: NoiseParams
    scale: float


@dataclass(frozen=True)
class Examples:
    """Images (n, 28, 28), uint8 if clean or float16 if noisy, and the targets of a network.

    targets: the labels (n,), or the clean images (n, 28, 28), both uint8.
    """

    images: NDArray[Any]
    targets: NDArray[np.uint8]


Curve = dict[str, Examples]


@dataclass(frozen=True)
class Training:
    """Everything that the weights of a trained network depend on, except the versions of the libraries.

    build: returns the untrained network that settings describe. precision: that of the network, a Keras dtype policy.
    """

    settings: OptimizerParams
    build: Callable[[], keras.Model]
    precision: str
    threads: int
    seed: int
    examples: Examples
    fresh: FreshNoise | None

    @property
    def chunk(self) -> int:
        """Images trained on in one call: whole batches, about CHUNK."""
        return max(1, CHUNK // self.settings.batch_size) * self.settings.batch_size

    @property
    def steps(self) -> int:
        """Weight updates in one epoch, each on a whole batch.

        The remaining examples, fewer than batch_size and different in each epoch, are not used: a fixed batch shape
        makes a step of the MLP a fifth faster.
        """
        return len(self.examples.targets) // self.settings.batch_size

    def fingerprint(self, curve: Curve) -> str:
        """Return a digest of everything that weights and history depend on, including the code."""
        digest = hashlib.sha256()
        settings: list[Any] = [self.settings.model_dump(), self.precision, self.threads, self.seed]
        settings += [self.fresh and [self.fresh.draw.model_dump(), self.fresh.scale]]
        settings += [{name: len(part.targets) for name, part in curve.items()}]
        settings += [keras.__version__, tf.__version__, np.__version__, sys.version, backend.gpus()]
        digest.update(json.dumps(settings).encode())
        for start in range(0, len(self.examples.targets), CHUNK):
            chunk = slice(start, start + CHUNK)
            digest.update(take(self.examples.images, chunk).data)
            digest.update(take(self.examples.targets, chunk).data)
        for name in sorted(name for name in sys.modules if name.startswith("noisy_mnist.")):
            digest.update(Path(str(sys.modules[name].__file__)).read_bytes())
        return digest.hexdigest()


def labelled(split: Split) -> Examples:
    """Return images with their labels as targets."""
    return Examples(split.images, split.labels)


def fit(training: Training, curve: Curve, checkpoint: Path, report: Report) -> tuple[keras.Model, list[Row]]:
    """Train a network and return it with its history.

    curve: the examples scored after every epoch with dropout off, by split. checkpoint: the file that holds the last
    finished epoch. If it exists and belongs to the same training, the training resumes from it. It is kept after the
    last epoch: if DVC fails to record the results, they need not be trained again. report: called with the newest rows
    of the history after every epoch.

    Returns the network, without its optimizer, and the history: a row with epoch (from 1), split, accuracy (for a
    classifier) and loss for every epoch and split. Raises SettingError if the examples do not fill one batch, or the
    loss is NaN or infinite.
    """
    settings = training.settings
    if training.steps == 0:
        most = len(training.examples.targets)
        raise SettingError(f"batch_size: found {settings.batch_size}. Expected at most the {most} training images")
    keras.utils.set_random_seed(training.seed)
    model = training.build()
    model.compile(
        optimizer=models.optimizer(settings, training.steps * settings.epochs),
        loss="sparse_categorical_crossentropy" if training.examples.targets.ndim == 1 else "binary_crossentropy",
        # On 2 Zen 5 cores an epoch of the 512-512 MLP takes 1.67 s with XLA and 0.95 s without (one thread), and XLA
        # makes convolutions on a CPU several times slower. Keras turns XLA off anyway when operations must be
        # deterministic (backend.set_up).
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    fingerprint = training.fingerprint(curve)
    history = restore(model, checkpoint, fingerprint)
    done = history[-1]["epoch"] if history else 0
    if done:
        print(f"resuming from epoch {done} of {settings.epochs}, in {checkpoint}", file=sys.stderr, flush=True)
    step = updates(model, training)
    chunks = ((epoch, chunk) for epoch in range(done + 1, settings.epochs + 1) for chunk in batches(training, epoch))
    for epoch, of_epoch in groupby(ahead(chunks), itemgetter(0)):
        seed_dropout(model, training.seed, epoch)
        for _, (images, targets) in of_epoch:
            step(images, targets)
        rows: list[Row] = [{"epoch": epoch, "split": name, **score(model, part)} for name, part in curve.items()]
        if not all(math.isfinite(row["loss"]) for row in rows):
            found = f"learning_rate: found {settings.learning_rate}"
            raise SettingError(f"{found}. Expected a smaller one: after epoch {epoch} the loss is NaN or infinite")
        history += rows
        state = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
        checkpoints.store(checkpoint, state, history, fingerprint)
        report(rows)
    trained = training.build()
    trained.set_weights(model.get_weights())
    return trained, history


def restore(model: keras.Model, checkpoint: Path, fingerprint: str) -> list[Row]:
    """Restore model and optimizer from a checkpoint and return its history.

    Without a checkpoint of this training, returns an empty history and leaves the model untouched.
    """
    stored = checkpoints.restore(checkpoint, fingerprint)
    if not stored:
        return []
    state, history = stored
    for variable, value in zip([*model.variables, *model.optimizer.variables], state, strict=True):
        variable.assign(value)
    return history


def updates(model: keras.Model, training: Training) -> Callable[[Any, Any], None]:
    """Return a function that updates the weights once for each batch.

    Its arguments are images, float32 (n, batch, 28, 28), and targets: labels, uint8 (n, batch), or clean images, shaped
    like the images. All updates run in one call of one graph, without Python between them and without retracing.
    """
    shape = training.examples.targets.shape[1:]
    images = tf.TensorSpec((None, training.settings.batch_size, *IMAGE_SHAPE), tf.float32)
    targets = tf.TensorSpec((None, training.settings.batch_size, *shape), tf.float32 if shape else tf.uint8)

    @tf.function(input_signature=[images, targets])  # type: ignore[untyped-decorator]
    def update(images: Any, targets: Any) -> None:
        for index in tf.range(tf.shape(images)[0]):
            model.train_step((images[index], targets[index]))

    return cast(Callable[[Any, Any], None], update)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items of an iterator; a thread prepares the next one while one is in use."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming: Future[Any] = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item


def batches(training: Training, epoch: int) -> Iterator[tuple[NDArray[np.float32], NDArray[Any]]]:
    """Yield one epoch in whole batches, a chunk at a time: images (n, batch, 28, 28) and targets (n, batch, ...)."""
    size = training.settings.batch_size
    for images, targets in examples(training, epoch):
        if n := len(targets) // size:
            whole = slice(n * size)
            yield images[whole].reshape(n, size, *IMAGE_SHAPE), targets[whole].reshape(n, size, *targets.shape[1:])


def examples(training: Training, epoch: int) -> Iterator[tuple[NDArray[np.float32], NDArray[Any]]]:
    """Yield all examples in the order of this epoch, a chunk at a time, with fresh noise if the training has it."""
    images, targets = training.examples.images, training.examples.targets
    order = noise.generator(training.seed, ORDER, epoch).permutation(len(targets))
    for index, start in enumerate(range(0, len(order), training.chunk)):
        chosen = order[start : start + training.chunk]
        chunk, wanted = take(images, chosen), take(targets, chosen)
        if training.fresh:
            draw = training.fresh.draw
            rng = noise.generator(draw.seed, FRESH_NOISE, training.seed, epoch, index)
            chunk = noise.add(chunk, draw.kind, training.fresh.scale, draw.clip, rng)
        yield scaled(chunk), wanted if wanted.ndim == 1 else scaled(wanted)


def seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Set the state of each dropout layer's generator from (seed, layer, epoch), because Keras does not save it."""
    for index, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            state = layer.seed_generator.state
            words = np.random.SeedSequence(seed, spawn_key=(DROPOUT, epoch, index)).generate_state(2)
            state.assign(words.astype(state.dtype))


def score(model: keras.Model, part: Examples) -> dict[str, float]:
    """Return accuracy (for a classifier) and loss of ``model`` on examples, with dropout off."""
    outputs = models.predict(model, part.images)
    if part.targets.ndim > 1:
        return {"loss": scores.pixel_loss(outputs, part.targets)}
    return {"accuracy": scores.accuracy(outputs, part.targets), "loss": scores.loss(outputs, part.targets)}
