"""Tests: ``test_<module>.py`` for each module of the library, and tests of the pipeline."""
