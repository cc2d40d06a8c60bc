"""The library behind the stages: data, noise, models, training, scores, charts."""

import os

# TensorFlow reads these when it is first imported. It reports on every import what this machine lacks, a GPU for one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# It uses oneDNN by itself only where the processor has AVX-512. With AVX2 (two AMD cores of 2.4 GHz, one thread) an
# epoch of the ConvNet takes 53 s with it and 91 s without, one of the 512-512 MLP 4.0 s and 6.3 s.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
