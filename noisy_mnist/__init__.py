"""The library behind the stages: data, noise, models, training, scores, charts."""

import os

# TensorFlow reports on every import what this machine lacks, a GPU for one. It reads this when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
