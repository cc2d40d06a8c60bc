"""TensorFlow and Keras, imported with pinned settings and without TensorFlow's log messages.

Every other module imports ``keras`` and ``tf`` from here, so that the settings are always pinned first.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# Prefixes of the environment variables that TensorFlow, Keras and the libraries below them read when imported or first
# used. They change results or break a run, and neither a checkpoint nor DVC's run cache records them. The exceptions
# change only how much TensorFlow logs, or belong to Terraform.
SETTINGS = ("AUTOGRAPH_", "CUBLAS", "CUDNN_", "DNNL_", "KERAS_", "MLIR_", "NVIDIA_TF32_", "ONEDNN_", "TF_", "XLA_")
EXCEPTIONS = ("TF_CPP_", "TF_CLI_", "TF_TOKEN_", "TF_VAR_")
PINNED = {
    # By default TensorFlow uses oneDNN only on processors with AVX-512. With AVX2 (two AMD cores of 2.4 GHz, one
    # thread) an epoch of the ConvNet takes 53 s with oneDNN and 91 s without; one of the 512-512 MLP 4.0 s and 6.3 s.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # Keras reads keras.json in this folder, or creates it if missing. If the path is not a folder it can do neither.
    "KERAS_HOME": os.devnull,
}


def _pin_settings() -> None:
    """Remove all settings from outside the project from the environment, and name them on stderr."""
    names = {name for name in os.environ if name.startswith(SETTINGS) and not name.startswith(EXCEPTIONS)}
    outside = {name: os.environ.pop(name) for name in sorted(names)}
    os.environ.update(PINNED)
    ignored = [name for name, value in outside.items() if PINNED.get(name) != value]
    if ignored:
        what = "settings of TensorFlow or Keras from outside the project, which would change results"
        print(f"ignored {what}: {', '.join(ignored)}", file=sys.stderr, flush=True)


_pin_settings()
# Otherwise every import reports what this machine lacks, such as a GPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _stderr_shown_on_failure() -> Iterator[None]:
    """Hold back what is written to the file descriptor of stderr; write it there only if an error is raised.

    TensorFlow's C++ code writes to the descriptor before it reads its log level, and bypasses sys.stderr.
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
    """Hide packages from an import as if not installed, except those already imported."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]  # documented: importing a module set to None fails
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


# Keras imports these if installed, for wrappers and plots that nothing here uses. They take a third of the CPU time
# that every stage needs to start (4.8 s with them, 3.3 s without; 2.3 GHz Xeon).
with _stderr_shown_on_failure(), _hidden("matplotlib", "sklearn"):
    import keras as keras  # `as`: other modules import both from here
    import tensorflow as tf

__all__ = ["gpus", "keras", "set_up", "tf"]


def set_up(threads: int) -> None:
    """Set up TensorFlow, before its first use, to give the same bytes each time and to log only errors.

    threads: per operation. Independent operations still run in parallel, which does not change a byte.
    """
    tf.get_logger().setLevel("ERROR")  # it warns when batches of different shapes are predicted
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def gpus() -> list[str]:
    """Return the names of the GPUs that TensorFlow uses, as CUDA_VISIBLE_DEVICES allows; none on a CPU."""
    details = map(tf.config.experimental.get_device_details, tf.config.get_visible_devices("GPU"))
    return [str(detail.get("device_name")) for detail in details]
