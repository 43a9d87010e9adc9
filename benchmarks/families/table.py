"""Scores of families as text: a block per sample, and one table of all."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["allele_words", "pooled", "show", "table"]


def pooled(runs: list[dict], tool: str) -> dict[str, list[int]]:
    """Alleles of each group over several samples: [kept, shown].

    Shown means that three raw reads hold the middle k-mer (`variants/score.py`); of Zika,
    whose rows are reads, [reads that show the allele still, reads that showed it].
    """
    found: dict[str, list[int]] = {}
    for run in runs:
        alleles = run["tools"][tool]["alleles"]
        for group, counts in alleles.get("by_kmers", alleles).items():
            total = found.setdefault(group, [0, 0])
            total[0] += counts[0]
            total[1] += counts[-1]
    return found


def _percent(group: str) -> str:
    try:
        return f"{100 * float(group):g}%"
    except ValueError:
        return group


def allele_words(alleles: Mapping[str, list[int]]) -> str:
    """Kept of those shown, by group, on one line."""
    return "  ".join(f"{_percent(name)} {kept}/{of}" for name, (kept, of) in alleles.items())


def show(run: dict, absent: Mapping[str, str]) -> str:
    """One sample: a line per corrector."""
    head = f"{run['family']}, seed {run['seed']}"
    if "raw_false" in run:
        head += f": raw false {run['raw_false']}, ours in {run['seconds']} s"
    lines = [head]
    for name, row in run["tools"].items():
        left = (
            f"false {row['false_left']} lost {row['true_lost'][0]}" if "false_left" in row else ""
        )
        line = f"  {name:12s} {left}  {allele_words(pooled([run], name))}"
        if "kept" in row:
            line += f"  kept {row['kept']} of {row['of']}"
        if "alternatives" in row:
            words = " ".join(f"{k} {a}+{b}" for k, (a, b) in row["alternatives"].items())
            line += f"  [true+false: {words}]"
        if "calibration" in row:
            found, clear = row["calibration"], row["max_share_error"]
            line += f"  calibration {found['error']:.3f} ({found['above']})"
            line += f"  overruled {clear['true']}+{clear['false']}"
        if "overruled" in row:
            line += f"  overruled {row['overruled']}"
        lines.append(line)
    lines += [f"  {name:12s} failed: {why}" for name, why in run.get("failed", {}).items()]
    lines += [f"  {name:12s} absent" for name in absent]
    return "\n".join(lines)


def _cell(runs: list[dict], tool: str) -> str:
    rows = [run["tools"][tool] for run in runs]
    alleles = pooled(runs, tool)
    if "false_left" not in rows[0]:
        return f"{sum(row['kept'] for row in rows)} of {sum(row['of'] for row in rows)} sites"
    left = sum(row["false_left"][0] for row in rows) / len(rows)
    low = [alleles[name] for name in list(alleles)[2:]] if len(alleles) > 3 else alleles.values()
    return f"{left:,.0f} ({', '.join(f'{kept}/{of}' for kept, of in low)})"


def table(runs: list[dict], absent: Mapping[str, str]) -> str:
    """All families by all tools: mean false k-mers left (alleles kept/shown, seeds pooled).

    The two highest fractions are left out where there are more than three.
    """
    families = list(dict.fromkeys(run["family"] for run in runs))
    tools = list(dict.fromkeys(name for run in runs for name in run["tools"]))
    lines = [
        f"| family | {' | '.join([*tools, *absent])} |",
        "|---" * (1 + len(tools) + len(absent)) + "|",
    ]
    for family in families:
        mine = [run for run in runs if run["family"] == family]
        cells = [
            _cell(mine, tool) if all(tool in run["tools"] for run in mine) else "failed"
            for tool in tools
        ]
        lines.append(f"| {' | '.join([family, *cells, *('absent' for _ in absent)])} |")
    return "\n".join(lines)
