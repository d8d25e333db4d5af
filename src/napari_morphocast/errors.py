"""Errors that are shown to a person: one sentence, what was found and what to do."""

from __future__ import annotations


class MorphocastError(Exception):
    """Something the user can put right; ``str(error)`` is the whole message."""


class MovieError(MorphocastError):
    """A movie cannot be read, or cannot be used for what was asked."""


class SettingsError(MorphocastError):
    """A setting is unknown, out of bounds, or contradicts another one."""


class CheckpointError(MorphocastError):
    """A model file is missing, damaged, foreign, or from the future."""


class TrainingError(MorphocastError):
    """Training could not go on; what was learned so far has been kept."""


class ForecastError(MorphocastError):
    """A forecast could not be finished; the frames made so far are good."""
