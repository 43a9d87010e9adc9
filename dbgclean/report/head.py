"""What the JSON of every verb begins with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dbgclean import __version__
from dbgclean._sample import sample_name

__all__ = ["files_of", "head"]


def head(
    kind: str,
    schema: Sequence[int],
    files: Iterable[str],
    sample: str | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """``tag``, ``schema_version``, ``version``, ``command`` and ``sample``, in this order.

    Parameters
    ----------
    kind
        The verb; of ``run`` it is ``report``.
    schema
        Major and minor number.
    files
        Inputs, of which the first names the sample where ``sample`` is None.
    command
        The command line as far as it decides the result; None where there was none.
    """
    return {
        "tag": f"dbgclean {kind}",
        "schema_version": list(schema),
        "version": __version__,
        "command": command,
        "sample": sample or sample_name(files),
    }


def files_of(inputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Names of all files of a report's ``inputs``."""
    return (name for group in inputs for name in group.get("files") or [])
