"""The exceptions a user may see.

Each message has three parts on one line: where (file, record, option), what was
found, and what to do about it. The command line prints ``dbgclean: error: MESSAGE``
and exits with the exception's ``exit_code``; no traceback unless ``--debug``.
"""

__all__ = [
    "DbgcleanError",
    "DoubtfulError",
    "InputError",
    "ModelError",
    "OutputError",
    "UsageError",
]


class DbgcleanError(Exception):
    """Base of every anticipated failure."""

    exit_code = 1


class InputError(DbgcleanError):
    """An input file is missing, malformed, truncated, or holds nothing usable."""


class OutputError(DbgcleanError):
    """An output cannot be written: folder exists, not writable, disk full."""


class ModelError(DbgcleanError):
    """A weights folder is missing, damaged, or made for another k or scheme."""


class UsageError(DbgcleanError):
    """The command line asks for something impossible (even k, k out of range)."""

    exit_code = 2


class DoubtfulError(DbgcleanError):
    """The result is written, but it is doubtful and the user wants to be stopped by that."""
