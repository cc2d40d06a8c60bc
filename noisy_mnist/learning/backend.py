"""TensorFlow and Keras, imported after what they read at import is set, and without TensorFlow's own lines.

Every other module takes ``keras`` and ``tf`` from here, so that this one always comes first.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# How the names of variables begin that TensorFlow, Keras and the libraries below them read, each when it is imported or
# first used: they change results or break a run, and neither a checkpoint nor DVC's run cache knows of them. The
# exceptions change only how much TensorFlow says, or are Terraform's.
SETTINGS = ("AUTOGRAPH_", "CUBLAS", "CUDNN_", "DNNL_", "KERAS_", "MLIR_", "NVIDIA_TF32_", "ONEDNN_", "TF_", "XLA_")
EXCEPTIONS = ("TF_CPP_", "TF_CLI_", "TF_TOKEN_", "TF_VAR_")
PINNED = {
    # TensorFlow uses oneDNN by itself only where the processor has AVX-512. With AVX2 (two AMD cores of 2.4 GHz, one
    # thread) an epoch of the ConvNet takes 53 s with it and 91 s without, one of the 512-512 MLP 4.0 s and 6.3 s.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # Keras reads keras.json in this folder, and writes it where there is none. In what is no folder it can do neither.
    "KERAS_HOME": os.devnull,
}


def _pin_settings() -> None:
    """Leave no setting from outside the project in the environment, and name those that there were."""
    names = {name for name in os.environ if name.startswith(SETTINGS) and not name.startswith(EXCEPTIONS)}
    outside = {name: os.environ.pop(name) for name in sorted(names)}
    os.environ.update(PINNED)
    ignored = [name for name, value in outside.items() if PINNED.get(name) != value]
    if ignored:
        what = "settings of TensorFlow or Keras from outside the project, which would change results"
        print(f"ignored {what}: {', '.join(ignored)}", file=sys.stderr, flush=True)


_pin_settings()
# It reports on every import what this machine lacks, a GPU for one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _stderr_shown_on_failure() -> Iterator[None]:
    """Keep what is written to the file descriptor of stderr, and write it there only if an error is raised.

    TensorFlow's C++ writes to the descriptor, before it has read how much it may say: sys.stderr does not see it.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            written.seek(0)
            os.write(stderr, written.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Let an import take packages for not installed, but for those that are imported already."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]  # documented: the import of what is None fails
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


# Keras imports these where they are installed, for wrappers and pictures that nothing here uses: a third of the CPU
# time that every stage takes to start (4.8 s with them, 3.3 s without; 2.3 GHz Xeon).
with _stderr_shown_on_failure(), _hidden("matplotlib", "sklearn"):
    import keras as keras  # `as`: other modules import both from here
    import tensorflow as tf

__all__ = ["gpus", "keras", "set_up", "tf"]


def set_up(threads: int) -> None:
    """Prepare TensorFlow, before its first use, to give the same bytes each time, and to say no more than errors.

    threads: of one operation. Operations that do not need each other's results still run side by side, which changes no
    byte.
    """
    tf.get_logger().setLevel("ERROR")  # it warns where batches of several shapes are predicted
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def gpus() -> list[str]:
    """Return the kinds of GPU that TensorFlow computes on here, as CUDA_VISIBLE_DEVICES leaves them; none on a CPU."""
    details = map(tf.config.experimental.get_device_details, tf.config.get_visible_devices("GPU"))
    return [str(detail.get("device_name")) for detail in details]
