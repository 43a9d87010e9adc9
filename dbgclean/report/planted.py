"""What became of the alleles that were planted in the sample's own reads, in words."""

from collections.abc import Mapping

__all__ = ["expected_loss_sentence", "planted_alleles"]

Expected = Mapping[str, Mapping[str, int]]


def planted_alleles(expected: Expected | None) -> list[tuple[float, int, int]]:
    """Fraction, alleles shown and kept, the most frequent first; none that are not shown."""
    found = [(float(f), counts["shown"], counts["kept"]) for f, counts in (expected or {}).items()]
    return sorted((row for row in found if row[1]), reverse=True)


def expected_loss_sentence(expected: Expected | None) -> str:
    """How many are kept at each fraction; empty where none were planted.

    Examples
    --------
    >>> expected_loss_sentence({"0.05": {"shown": 97, "kept": 96}})
    'Of alleles planted in copies of these reads, and shown by 3 or more, 96 of 97 at 5 % are kept.'
    """
    parts = [
        f"{kept:,} of {shown:,} at {100 * f:g} %" for f, shown, kept in planted_alleles(expected)
    ]
    if not parts:
        return ""
    keeps = ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
    return f"Of alleles planted in copies of these reads, and shown by 3 or more, {keeps} are kept."
