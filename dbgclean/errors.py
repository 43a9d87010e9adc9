"""The exceptions a user may see, and how any name is made fit to be shown.

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
    "printable",
]


def printable(text: object) -> str:
    r"""Make a name safe to show: control characters and broken Unicode are replaced.

    File names may hold line ends, terminal escapes, or bytes that are no UTF-8.

    Examples
    --------
    >>> printable("a\x1b[31mb")
    'a�[31mb'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text))


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
