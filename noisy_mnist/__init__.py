"""The library behind the stages, in layers: a layer imports only those above it in this list.

core, data, datasets, learning, denoising, reporting; then the single modules posterior, synthesis and study.
"""
