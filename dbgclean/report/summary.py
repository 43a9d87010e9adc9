"""The report dict: built, checked, written as ``report.json``, read back.

One dict holds everything the other outputs show. It carries no times, host names
or absolute paths, its keys stand in a fixed order and its floats are rounded, so
that the same run writes the same bytes anywhere and the file can be a golden file.
The schema, field by field, is in ``docs/report.md``.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, NoReturn

from dbgclean._files import open_text
from dbgclean._sample import sample_name
from dbgclean.errors import InputError
from dbgclean.report.graph_picture import check_picture
from dbgclean.report.head import files_of, head

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "AMBIGUITY_KEYS",
    "SCHEMA_VERSION",
    "TAG",
    "build_report",
    "histogram_pairs",
    "plain",
    "read_report",
    "sample_of",
    "validate_report",
    "write_report",
]

TAG = "dbgclean report"
SCHEMA_VERSION = (0, 4)

AMBIGUITY_KEYS = (
    "kmers",
    "unitigs",
    "total_bases",
    "n50",
    "junctions",
    "tips",
    "simple_bubbles",
    "superbubbles",
    "components",
    "eulerian_deficit",
)
"""What every column of ``ambiguity`` holds."""

SIGNIFICANT_DIGITS = 6

_TOP = (
    "tag",
    "schema_version",
    "version",
    "command",
    "sample",
    "verdict",
    "config",
    "inputs",
    "dropped",
    "spectrum",
    "corrections",
    "ambiguity",
    "abundance",
    "alleles",
    "expected_loss",
    "truth",
    "picture",
    "outputs",
)
# Parts that came with a minor step of the schema: older reports do not have them.
_LATER = ("command", "dropped", "expected_loss", "sample", "verdict", "picture", "outputs")
_SPECTRUM = ("k", "distinct", "total", "fit", "histogram", "curve")
_INPUT = ("files", "layout", "format", "reads", "bases")


def build_report(
    *,
    config: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    ambiguity: Mapping[str, Mapping[str, Any]],
    spectrum: Mapping[str, Any] | None = None,
    corrections: Mapping[str, Any] | None = None,
    abundance: Mapping[str, Any] | None = None,
    alleles: Mapping[str, Any] | None = None,
    verdict: Mapping[str, Any] | None = None,
    expected_loss: Mapping[str, Any] | None = None,
    truth: Mapping[str, Any] | None = None,
    picture: Mapping[str, Any] | None = None,
    dropped: Mapping[str, Any] | None = None,
    sample: str | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Put the parts of a run together into a checked report.

    Parameters
    ----------
    config
        Options that decide the result (k, corrector, seed, ...): no threads, no outputs.
    inputs
        One mapping per input group: ``files``, ``layout``, ``format``, ``reads``,
        ``bases`` and any further counts (what was skipped, and why).
    ambiguity
        Column name (``raw`` first, then controls and correctors) to the counts of
        :data:`AMBIGUITY_KEYS`, and where truth is known to the cost.
    spectrum, corrections, abundance, alleles, verdict, expected_loss, truth, picture, dropped
        Further parts; ``None`` where a run has none. ``docs/report.md`` says what
        each holds, and of ``sample`` and ``command``.

    Returns
    -------
    dict
        Plain Python values only: numpy scalars and arrays are turned into numbers
        and lists, floats rounded to six significant digits (not a number and
        infinity become ``None``), paths cut to the file's name.

    Raises
    ------
    ValueError
        Where a part does not follow the schema.
    """
    parts: dict[str, Any] = {
        **head("report", SCHEMA_VERSION, files_of(inputs), sample, command),
        "verdict": verdict,
        "config": config,
        "inputs": [_ordered(group, _INPUT) for group in inputs],
        "dropped": dropped,
        "spectrum": None if spectrum is None else _ordered(spectrum, _SPECTRUM),
        "corrections": _refusals_by_name(corrections),
        "ambiguity": {name: _ordered(column, AMBIGUITY_KEYS) for name, column in ambiguity.items()},
        "expected_loss": expected_loss,
        **{"abundance": abundance, "alleles": alleles, "truth": truth, "picture": picture},
    }
    report = {key: plain(parts[key]) for key in _TOP if key in parts}
    validate_report(report)
    return report


def validate_report(report: Mapping[str, Any]) -> None:
    """Check a report against the schema.

    Raises
    ------
    ValueError
        Naming the field and what was found in it.
    """
    if report.get("tag") != TAG:
        _fail("tag", report.get("tag"), repr(TAG))
    if list(report) != [key for key in _TOP if key in report or key not in _LATER]:
        _fail("the keys", list(report), ", ".join(_TOP))
    if not isinstance(report["config"], dict):
        _fail("config", report["config"], "a mapping")
    _check_inputs(report["inputs"])
    _check_ambiguity(report["ambiguity"])
    _check_spectrum(report["spectrum"])
    for side, pairs in (report["abundance"] or {}).items():
        _check_rows(f"abundance.{side}", pairs, width=2)
    for key in ("verdict", "corrections", "alleles", "expected_loss", "truth", "picture"):
        if report.get(key) is not None and not isinstance(report[key], dict):
            _fail(key, report[key], "a mapping or None")
    if report.get("picture"):
        check_picture(report["picture"])
    for fraction, found in (report.get("expected_loss") or {}).items():
        for key in ("shown", "kept"):
            value = found.get(key) if isinstance(found, dict) else None
            _check_count(f"expected_loss.{fraction}.{key}", value)
    for reason, count in ((report["corrections"] or {}).get("refused") or {}).items():
        _check_count(f"corrections.refused.{reason}", count)
    _check_no_paths("report", report)


def write_report(report: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write ``report.json``: UTF-8, two spaces, one histogram row a line.

    Raises
    ------
    ValueError
        Where the report does not follow the schema.
    OutputError
        Where the file cannot be written.
    """
    validate_report(report)
    write_json(report, path)


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write any plain value as deterministic JSON, whole or not at all."""
    with open_text(path) as out:
        out.write(_dump(value) + "\n")


def read_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a ``report.json`` back.

    Raises
    ------
    InputError
        Where the file is missing, is no JSON, or is no dbgclean report of this
        schema.
    """
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: {error.strerror or error}; give the report.json of a dbgclean run"
        raise InputError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: not JSON ({error}); give the report.json of a dbgclean run"
        raise InputError(msg) from error
    if not isinstance(report, dict) or report.get("tag") != TAG:
        msg = f"{path}: no dbgclean report (the tag is missing); give a run's report.json"
        raise InputError(msg)
    found = report.get("schema_version")
    if not isinstance(found, list) or found[:1] != [SCHEMA_VERSION[0]]:
        msg = (
            f"{path}: schema version {found}, this dbgclean reads {SCHEMA_VERSION[0]}.x; "
            "use the version that wrote it"
        )
        raise InputError(msg)
    try:
        validate_report(report)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path}: {error}; write the report again with dbgclean run"
        raise InputError(msg) from error
    return report


def histogram_pairs(histogram: "np.ndarray | Sequence[int]") -> list[list[int]]:
    """``[[abundance, kmers], ...]`` of a histogram whose index is the abundance.

    Parameters
    ----------
    histogram
        Integers, shape (max_abundance + 1,); entry ``a`` is the number of distinct
        k-mers seen ``a`` times. Entry 0 and empty bins are left out.

    Examples
    --------
    >>> histogram_pairs([0, 40, 0, 7])
    [[1, 40], [3, 7]]
    """
    return [[a, int(n)] for a, n in enumerate(histogram) if a and n]


def sample_of(report: Mapping[str, Any]) -> str:
    """The sample's name, where a report has none that of its first file."""
    return str(report.get("sample") or sample_name(files_of(report.get("inputs") or [])))


def _refusals_by_name(corrections: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    refused = (corrections or {}).get("refused")
    if corrections is None or not isinstance(refused, Mapping):
        return corrections
    return {**corrections, "refused": dict(sorted(refused.items()))}


def _ordered(mapping: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """The named keys first, in that order, then the others as they came."""
    first = {key: mapping[key] for key in keys if key in mapping}
    return first | {key: value for key, value in mapping.items() if key not in first}


def plain(value: Any) -> Any:
    """Reduce to what JSON holds: see :func:`build_report`."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy scalar or array, without importing numpy
        value = value.tolist()
    if isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, str):
        return _file_name(value)
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    msg = f"a report cannot hold a {type(value).__name__}: {value!r}"
    raise ValueError(msg)


def _file_name(text: str) -> str:
    """The file's name where the text is an absolute path, else the text as it is."""
    for kind in (PurePosixPath, PureWindowsPath):
        if (path := kind(text)).is_absolute():
            return path.name or text
    return text


def _fail(field: str, found: object, expected: str) -> NoReturn:
    msg = f"report: {field} is {found!r:.80}, expected {expected}"
    raise ValueError(msg)


def _check_count(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        _fail(field, value, "a number of 0 or more")


def _check_inputs(inputs: object) -> None:
    if not isinstance(inputs, list):
        _fail("inputs", inputs, "a list, one mapping per input group")
    for i, group in enumerate(inputs):
        files = group.get("files") if isinstance(group, dict) else None
        if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
            _fail(f"inputs[{i}].files", files, "a list of file names")


def _check_ambiguity(columns: object) -> None:
    if not isinstance(columns, dict) or "raw" not in columns:
        _fail("ambiguity", columns, "a mapping with at least the column raw")
    for name, column in columns.items():
        if not isinstance(column, dict):
            _fail(f"ambiguity.{name}", column, "a mapping")
        for key in AMBIGUITY_KEYS:
            if key not in column:
                _fail(f"ambiguity.{name}.{key}", None, "a number (it is missing)")
        for key, value in column.items():
            if value is not None or key in AMBIGUITY_KEYS:
                _check_count(f"ambiguity.{name}.{key}", value)


def _check_spectrum(spectrum: object) -> None:
    if spectrum is None:
        return
    if not isinstance(spectrum, dict):
        _fail("spectrum", spectrum, "a mapping or None")
    _check_rows("spectrum.histogram", spectrum.get("histogram") or [], width=2)
    _check_rows("spectrum.curve", spectrum.get("curve") or [], width=3)
    fit = spectrum.get("fit") or {}
    if fit and not fit.get("fitted") and not fit.get("reason"):
        _fail("spectrum.fit.reason", fit.get("reason"), "why there is no fit, in words")


def _check_rows(field: str, rows: object, width: int) -> None:
    """Rows of ``width`` numbers, their first number rising."""
    if not isinstance(rows, list):
        _fail(field, rows, "a list of rows")
    last = -1.0
    for row in rows:
        if not isinstance(row, list) or len(row) != width:
            _fail(field, row, f"rows of {width} numbers")
        for number in row:
            _check_count(field, number)
        if row[0] <= last:
            _fail(field, row, f"abundances that rise (after {last:g})")
        last = row[0]


def _check_no_paths(field: str, value: object) -> None:
    """Refuse absolute paths: they name a machine and a user, and break golden files."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_no_paths(f"{field}.{key}", item)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str | dict):
                _check_no_paths(field, item)
    elif isinstance(value, str) and _file_name(value) != value:
        _fail(field, value, "a file name without its folders")


def _dump(value: Any, indent: str = "") -> str:
    """JSON with mappings and rows a line each, and numbers of a row on one line."""
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        lines = [f"{inner}{json.dumps(key)}: {_dump(v, inner)}" for key, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
        return "[\n" + ",\n".join(inner + _dump(v, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
