"""TensorFlow and Keras, imported after what they read at import is set, and without TensorFlow's own lines.

Every other module takes ``keras`` and ``tf`` from here, so that this one always comes first.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# TensorFlow reads these when it is first imported. It reports on every import what this machine lacks, a GPU for one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# It uses oneDNN by itself only where the processor has AVX-512. With AVX2 (two AMD cores of 2.4 GHz, one thread) an
# epoch of the ConvNet takes 53 s with it and 91 s without, one of the 512-512 MLP 4.0 s and 6.3 s.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


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


with _stderr_shown_on_failure():
    import keras as keras  # `as`: other modules import both from here
    import tensorflow as tf

__all__ = ["keras", "set_up", "tf"]


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
