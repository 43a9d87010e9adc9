"""The model card and the training plots."""

from pathlib import Path
from typing import Any

from benchmarks.train_trials import as_table

__all__ = ["card_values", "plot_training", "write_card"]

_TEXT = """# Model card: the network that judges alternatives

## What it is

An evidence-conditioned denoising autoencoder ({parameters:,} parameters) over the pooled window
of one alternative: 31 positions with 10 channels (the k-mer, the path's k-mer, mean quality of
the supporting reads, how often they are edited there too) and {globals} features of the
alternative as a whole (`dbgclean/evidence/windows.py`, scheme `{scheme}`). It gives the k-mer
back, corrected or as it is; the posterior of the k-mer's own middle base is P(real).

- P(real) >= {real_threshold}: real, the reads keep their base
- P(real) <= {error_threshold}: error, the reads get the path's base
- between: undecided, left alone and reported

The thresholds are `real_threshold` and `error_threshold` under `[card]` in `config.toml`;
logits are divided by the temperature {temperature}, as `dbgclean.model.predict` does.

## How it was trained

    python -m benchmarks.train_model {arguments}

{examples:,} examples ({real_examples:,} of them real) of {conditions} simulated samples of 2 to 14
million bases each: depth 8 to 1000 (most 30 to 400), reads of 75 to 250 bases, errors of 0.1 to
1 % by quality (full range or eight levels; several declines) or uniform, some without qualities;
no alleles, heterozygous sites, or sites at 0.5 to 50 %, one per 150 to 1000 bases; half of the
samples with systematic errors on one strand (0.5 to 3 a kilobase, 0.5 to 15 %, anywhere or behind
GGC, homopolymers or a motif drawn for the sample); mates apart or overlapping; some with
duplicates, chimeras, indels and adapters; one in eight with errors of copying the molecules (5 to
30 a kilobase, most below 1 %), which both mates show; one in seven as a k-mer set without reads
(k = 21, 25 or 31), where all that only reads can tell is missing and flagged so.

Genomes: E. coli O157:H7 strain 2159 (first 4 Mb) and random genomes of 30 to 70 % GC with
repeats, for the weights; phage lambda and human chr20:10.0-10.5 Mb to decide when to stop; human
mtDNA, SARS-CoV-2 and chr20:10.5-11.1 Mb for temperature and thresholds (with other random genomes
each). E. coli K-12, phiX174 and M. tuberculosis were never used in training. O157:H7 shares much
sequence with K-12, but the encoder is blind to bases more than 4 from the middle (their weights
are zero), so there is little sequence to remember.

Lone errors are the bulk of all alternatives; they are thinned out and the rest weighted (at most
5-fold in the loss, fully in the figures and the temperature).

Weights, temperature and thresholds follow from the samples above alone, but weight decay, the
allele cost behind the thresholds, what the encoder is blind to and how often molecules are copied
wrongly were settled over a handful of runs whose K-12 trials had been seen: take those trials as
slightly kind to the network. The examples were kept from one run to the next while threading
still changed in small ways, so the command gives weights as good, not the same bytes.

## Figures

Samples of genomes held out from training, natural mix of alternatives (average precision;
cross-entropy in nats; calibration error over ten bins, P(real) > 0.02):

{held_out}

Most real alternatives here are shown by one or two fragments and cannot be told from errors by
anything, which holds every average precision down.

Trials. *False kept*: alternatives the genome does not have that stay in the reads, each worth up
to 31 false k-mers. *True kept*: alternatives of real alleles (those not solid already). By
allele fraction: alleles kept of those that at least three reads show, solid ones included.
{trials}

## Where it fails

- Every figure on alleles is from simulated reads with stylised qualities and systematic errors.
  On real reads only false positives were measured, on two clones.
- On a mixture without systematic errors the network adds nothing: the likelihood ratio, which
  then knows all there is to know, is as good at every threshold (`benchmarks/oracle.py`).
- An allele that one to three reads show is decided by the qualities of a few bases; at 1 to 2 %
  and 200x part of them is lost, at lower depth more.
- Systematic errors of high quality that strike both strands look like alleles and are called
  real. So do errors of reverse transcription, amplification or synthesis that many molecules
  share: in amplicons of a virus most of what is called real at 0.5 to 5 % is of that kind.
- Paralogue differences rarer than the solid threshold count as alleles.
- Reads without qualities (FASTA) are judged by counts alone; expect to lose rare alleles.
- Long reads, RNA and single-cell amplification were not in the training data.
"""


def card_values(figures: dict[str, Any], scheme: str, seed: int) -> dict[str, Any]:
    """What goes under ``[card]`` in config.toml."""
    return {
        "name": "pretrained",
        "description": "P(real) of pooled alternatives in Illumina short reads",
        "command": "python -m benchmarks.train_model",
        "seed": seed,
        "scheme": scheme,
        "trained_on": "simulated reads of E. coli O157:H7 and random genomes",
        "real_threshold": figures["real_threshold"],
        "error_threshold": figures["error_threshold"],
        "examples": figures["examples"],
        "held_out": {judge: dict(scores.items()) for judge, scores in figures["held_out"].items()},
    }


def _held_out_table(held_out: dict[str, dict[str, float]]) -> str:
    columns = ("average_precision", "log_loss", "calibration_error")
    lines = ["| judge | average precision | log loss | calibration error |", "|---|---|---|---|"]
    for judge, scores in held_out.items():
        cells = [f"{scores[column]:g}" if column in scores else "" for column in columns]
        lines.append("| " + " | ".join([judge.replace("_", " "), *cells]) + " |")
    return "\n".join(lines)


def write_card(
    folder: Path, figures: dict[str, Any], scheme: str, globals_: int, arguments: dict[str, Any]
) -> None:
    """Write MODEL_CARD.md into the model's folder."""
    shown = ("conditions", "steps", "seed")
    text = _TEXT.format(
        **figures
        | {"held_out": _held_out_table(figures["held_out"])}
        | {"trials": "\n".join(as_table(figures["trials"]))},
        scheme=scheme,
        globals=globals_,
        conditions=arguments["conditions"],
        arguments=" ".join(f"--{name} {arguments[name]}" for name in shown),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def plot_training(history: dict[str, Any], folder: Path) -> None:
    """Loss and Hamming over the steps, training and held-out, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    for what, label in (("loss", "cross-entropy (nats)"), ("hamming", "Hamming (share of bases)")):
        figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
        axes.plot(history["steps"], history[what], label="training")
        axes.plot(history["steps"], history[f"held_out_{what}"], label="held-out genomes")
        axes.axvline(history["best_step"], color="grey", linestyle=":", label="kept")
        axes.set(xlabel="optimiser step", ylabel=label, yscale="log")
        axes.legend(frameon=False)
        # No software version in the file: the same history gives the same bytes.
        figure.savefig(folder / f"train_model_{what}.png", dpi=120, metadata={"Software": None})
        plt.close(figure)
