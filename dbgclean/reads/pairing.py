"""Which files hold the mates of each other: told by the names of their first reads."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from dbgclean.errors import UsageError
from dbgclean.reads.names import id_of, names_are_mates

__all__ = ["LOOKED_AT", "Looked", "pair_up"]

logger = logging.getLogger(__name__)

LOOKED_AT = 10
"""Reads of each file whose names are looked at."""

_FASTX = ("fasta", "fastq")
_MATE_LETTERS = (("1", "2"), ("F", "R"), ("f", "r"))


class Looked(NamedTuple):
    """A file, its format, and of FASTA and FASTQ the header lines of its first reads and the
    bases of the longest of them."""

    path: str
    format: str
    names: tuple[bytes, ...] = ()
    longest: int = 0


def pair_up(
    files: Sequence[Looked], *, single: bool, paired: bool
) -> list[tuple[tuple[Looked, ...], bool]]:
    """Put files together that hold mates, in the order given.

    Two in a row are a pair if most of the first names go together, as many as with the
    file after them at least: orphans may stand in front. Where two stay apart it is said
    which names do not go together.

    Parameters
    ----------
    single
        Pair nothing.
    paired
        Every two files in a row are a pair, whatever their names.

    Returns
    -------
    list
        One file or two, and whether their names go together.

    Raises
    ------
    UsageError
        With `paired`, if the files cannot be pairs.
    """
    if single:
        return [((file,), True) for file in files]
    if paired:
        return list(_by_place(files))
    groups: list[tuple[tuple[Looked, ...], bool]] = []
    at = 0
    while at < len(files):
        here = _mates(files[at : at + 2])
        n = 2 if here and _mates(files[at + 1 : at + 3]) <= here else 1
        groups.append((tuple(files[at : at + n]), True))
        at += n
    for (one, _), (two, _) in pairwise(groups):
        if len(one) == len(two) == 1:
            _tell_apart(one[0], two[0])
    return groups


def _by_place(files: Sequence[Looked]) -> Iterator[tuple[tuple[Looked, ...], bool]]:
    formats = [file.format for file in files]
    if len(files) % 2 or formats[::2] != formats[1::2] or not set(formats) <= set(_FASTX):
        found = f"{len(files)} files ({', '.join(dict.fromkeys(formats))})"
        message = (
            f"--paired takes FASTA or FASTQ, two files for two mates, and these are {found}; "
            "name them R1 R2, R1 R2 ..., or leave it out"
        )
        raise UsageError(message)
    for one, two in zip(files[::2], files[1::2], strict=True):
        named = _mates((one, two)) > 0
        if not named:
            first, second = _first_apart(one, two)
            logger.warning(
                "%s and %s: %r and %r are not names of mates; taken as pairs by their place",
                one.path, two.path, first, second,
            )  # fmt: skip
        yield (one, two), named


def _mates(files: Sequence[Looked]) -> int:
    """How many of the first names of two files go together; 0 if that is not most of them."""
    if len(files) < 2 or files[0].format != files[1].format or files[0].format not in _FASTX:
        return 0
    together = [names_are_mates(*names) for names in zip(*(f.names for f in files), strict=False)]
    return sum(together) if 2 * sum(together) > len(together) else 0


def _first_apart(one: Looked, two: Looked) -> tuple[str, str]:
    names = zip(one.names, two.names, strict=False)
    first, second = next(pair for pair in names if not names_are_mates(*pair))
    if id_of(first) == id_of(second):  # the comments say that both are the same mate
        return first.decode("utf-8", "replace"), second.decode("utf-8", "replace")
    return id_of(first), id_of(second)


def _tell_apart(one: Looked, two: Looked) -> None:
    """Say why two files are not taken as a pair; louder where they are named as one."""
    if one.format != two.format or one.format not in _FASTX:
        return
    names = [os.path.basename(file.path) for file in (one, two)]
    differ = [pair for pair in zip(*names, strict=False) if pair[0] != pair[1]]
    alike = len(names[0]) == len(names[1]) and len(differ) == 1 and differ[0] in _MATE_LETTERS
    first, second = _first_apart(one, two)
    logger.log(
        logging.WARNING if alike else logging.INFO,
        "%s and %s: taken as single reads, for %r and %r are not names of mates; "
        "if they are mates, give --paired",
        one.path, two.path, first, second,
    )  # fmt: skip
