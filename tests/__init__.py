"""Tests: ``test_<module>.py`` for each module of the library, and the pipeline's own."""
