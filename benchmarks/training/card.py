"""The model card and the training plots."""

from pathlib import Path
from typing import Any

from benchmarks.training.score import table

__all__ = ["card_values", "write_card"]

_TEXT = """# Model card: the network that judges alternatives

## What it is

An evidence-conditioned denoising autoencoder ({parameters:,} parameters) that corrects a
likelihood ratio within bounds. It reads the pooled window of one alternative: 31 positions with
10 channels (the k-mer, the path's k-mer, mean quality of the supporting reads, how often they are
edited there too) and {globals} features of the alternative as a whole
(`dbgclean/evidence/windows.py`, scheme `{scheme}`). It gives the k-mer back, corrected or as it
is; the posterior of the k-mer's own middle base is P(real).

The last feature is the *anchor*: the likelihood ratio that knows of errors of one strand or
orientation, and counts molecules (`dbgclean/evidence/explanations.py`). The log odds of the own
base are a rising line in the anchor plus what the network adds, which is at most {bound:g}
nats either way. None of its other features grows with the number of molecules, so P(real)
does not fall where molecules are added at equal quality.

- P(real) >= {real_threshold}: real, the reads keep their base
- P(real) <= {error_threshold}: error, the reads get the path's base
- between: undecided, left alone and reported

The thresholds are `real_threshold` and `error_threshold` under `[card]` in `config.toml`.
Alternatives whose plain ratio is below 3 nats are errors without being shown to the network.

## How it was trained

    python -m benchmarks.training {arguments}

{examples:,} alternatives ({real_examples:,} of them real) that may be real at all, of
{samples} samples of each family of `benchmarks/simulators/family`: independent errors, places that
err on one strand (anywhere, or behind motifs), FFPE damage, oxidation, PCR duplicates, a
contaminating strain, binned and miscalibrated qualities with tails of G, no qualities, slipping
homopolymers, tiled amplicons, low depth. The constants of a family (rates, densities, copies,
qualities, depth of 20 to 400, reads of 100 to 250 bases, one allele in 400 to 1500 bases at 0.4 to
50 %) are drawn anew for every sample (`benchmarks/training/families.py`). One sample in eight is
read from one end only, one in nine is a k-mer set without reads, and one in six is shown as where
the reads cannot be looked at again. Families weigh the same, whatever their number of rows. The
loss is that of the contested alternatives, with an anchor of 3 to 16 nats.

Genomes: slices of E. coli O157:H7 strain 2159, phage lambda, and random genomes with repeats.
Figures are from E. coli K-12, which was in no training sample. O157:H7 shares much sequence with
K-12, but the encoder is blind to bases more than 4 from the middle (their weights are zero).

Thresholds: by what networks that were trained without a family make of that family's samples,
all families alike, an allele lost counting {cost:g} errors kept.

## Figures: leave one family out

For each family the network (and the line) was trained without it and tried on the family as its
benchmark has it: K-12, other places than the benchmark's, seeds {seeds}. *ratio* is the plain
likelihood ratio of 0.3.0, *likelihood* the anchor alone, *line* the anchor with slope and offset
fitted to the other families. True + false alternatives kept; false ones kept where the judge keeps
as many true ones as the ratio does; calibration error over ten bins of P > 0.02 (number of
alternatives above it).

{table}

Over all families: {sums}.

Alternatives whose reads mostly have another difference within 15 bases are left out of the false:
two SNVs of one haplotype make such.

## Where it fails

{where}
- Where few alleles are to be had at all (low depth, amplicons, a second strain) it keeps more
  alleles than the ratio, and more false ones with them; with PCR duplicates fewer of both.
- Every figure is from simulated reads; the table itself was seen while features, bound and the
  part of the anchor that frequent alleles move were chosen, so take it as slightly kind.
- An allele that one to three reads show is decided by the qualities of a few bases.
- Errors of early PCR cycles that many molecules share look like alleles, in amplicons most of
  all, where the ends of fragments do not tell molecules apart.
- Reads without qualities (FASTA) are judged by counts alone.
- Long reads, RNA and single-cell amplification were not in the training data.
"""
_BETTER = (
    "- On families that it has not seen it leaves fewer false alternatives than the anchor alone\n"
    "  at the ratio's alleles ({network} against {anchor}, all families), but not on each: see\n"
    "  the table."
)
_WORSE = (
    "- On families that it has not seen it does not beat the anchor alone: {network} false\n"
    "  alternatives against {anchor} at the ratio's alleles, all families. What it adds there are\n"
    "  chances that hold better. `--corrector likelihood` is the anchor."
)


def card_values(figures: dict[str, Any], scheme: str, seed: int) -> dict[str, Any]:
    """What goes under ``[card]`` in config.toml."""
    return {
        "name": "pretrained",
        "description": "P(real) of pooled alternatives in Illumina short reads",
        "command": "python -m benchmarks.training",
        "seed": seed,
        "scheme": scheme,
        "trained_on": "simulated families of errors, E. coli O157:H7, lambda, random genomes",
        "real_threshold": figures["real_threshold"],
        "error_threshold": figures["error_threshold"],
        "examples": figures["examples"],
        "left_out": {
            family: {
                "calibration_error": found["autoencoder"]["calibration_error"],
                "kept_true": found["autoencoder"]["kept_true"],
                "kept_false": found["autoencoder"]["kept_false"],
            }
            for family, found in figures["left_out"].items()
        },
    }


def _sums(left_out: dict[str, dict[str, Any]]) -> dict[str, tuple[int, int, int]]:
    """True and false kept, and false at the ratio's true, over all families, by judge.

    A family in which any judge cannot keep as many true ones as the ratio is not in the last.
    """
    judges = list(next(iter(left_out.values())))
    able = [
        found
        for found in left_out.values()
        if all(found[judge]["false_at_ratio"] is not None for judge in judges)
    ]
    return {
        judge: (
            sum(found[judge]["kept_true"] for found in left_out.values()),
            sum(found[judge]["kept_false"] for found in left_out.values()),
            sum(found[judge]["false_at_ratio"] for found in able),
        )
        for judge in judges
    }


def write_card(
    folder: Path, figures: dict[str, Any], scheme: str, globals_: int, arguments: dict[str, Any]
) -> None:
    """Write MODEL_CARD.md into the model's folder."""
    shown = ("samples", "steps", "seed")
    sums = _sums(figures["left_out"])
    network, anchor = sums["autoencoder"][2], sums["likelihood"][2]
    where = (_BETTER if network < anchor else _WORSE).format(network=network, anchor=anchor)
    each = [
        f"{judge} {true} + {false} kept, {at} false at the ratio's true"
        for judge, (true, false, at) in sums.items()
    ]
    text = _TEXT.format(
        **figures | {"table": "\n".join(table(figures["left_out"]))},
        scheme=scheme,
        globals=globals_,
        samples=arguments["samples"],
        cost=arguments["allele_cost"],
        seeds=", ".join(map(str, arguments["test_seeds"])),
        sums="; ".join(each),
        where=where,
        arguments=" ".join(f"--{name} {arguments[name]}" for name in shown),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")
