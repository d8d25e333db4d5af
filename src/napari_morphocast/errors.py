"""Errors that are shown to a person: one sentence, what was found and what to do."""

from __future__ import annotations


class MorphocastError(Exception):
    """Something the user can put right; ``str(error)`` is the whole message.

    Parameters
    ----------
    message : str
        One sentence: what was found, and what to do.
    option : str
        The end of that sentence, if it names options of the command line.
    """

    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(f"{message}; {option}" if option else message)
        self._plain = f"{message}." if option else message

    @property
    def on_screen(self) -> str:
        """The message for people who have buttons instead of options."""
        return self._plain


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
