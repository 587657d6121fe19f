"""The trainer's errors: what happened, where, and what to do, with the exit status of the process.

TrainerError       1   the rest: a full disk, a device that fails
+-- ConfigError    2   an unknown key, model, preset, or a value out of range
+-- DataError      5   a video, a split file, a class list, a checkpoint is damaged or missing
+-- Superseded    98   another start of the trainer has taken over this run directory
+-- Interrupted  143   asked to stop by a signal; the state is saved
    +-- RequeueFailed 75   the same, and Slurm could not be asked to queue the job again
"""

from __future__ import annotations


class TrainerError(Exception):
    """A failure that a user can understand and mend.

    `what` is one sentence, `where` names the file, line or key, `cure` says what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, cure: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cure = cure

    def __str__(self) -> str:
        """One line: `where: what (cure)`."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} ({self.cure})" if self.cure else line


class ConfigError(TrainerError):
    """An unknown key, model or preset, or a value out of range."""

    exit_code = 2


class DataError(TrainerError):
    """A video, a split file, a class list or a checkpoint is damaged or missing."""

    exit_code = 5


class Superseded(TrainerError):
    """Another start of the trainer has taken over this run directory."""

    exit_code = 98


class Interrupted(TrainerError):
    """A signal asked the trainer to stop; its state is saved."""

    exit_code = 143


class RequeueFailed(Interrupted):
    """As Interrupted, but the job could not be queued again."""

    exit_code = 75
