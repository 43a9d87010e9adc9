"""The folder that `train` writes: weights, card, history, plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbgclean import __version__
from dbgclean._folder import OutputFolder
from dbgclean.pipeline.figures import SCHEMA_VERSION
from dbgclean.report.head import files_of, head
from dbgclean.training.plots import write_training_plots

if TYPE_CHECKING:
    from dbgclean.pipeline.passes import Options
    from dbgclean.training.comparison import FineTuned
    from dbgclean.training.finetune import FineTuneSettings

__all__ = ["OUTPUTS", "write_model"]

_TEXT = """# Model card: {title}

Made by dbgclean {version} on one sample; use it with `--model` on that sample, or on others of the
same library and run. It began with the weights `{started_from}`, SHA-256
`{started_from_sha256}`.

**{verdict}**

## What it was trained on

{reads:,} reads ({bases:,} bases, depth {depth}), threaded at k = {correction_k}; nothing of them is
in this folder. Rounds of injection: {rounds}, at {places:,} places where all k-mers are frequent,
evenly so, and where nothing recurs: alleles in 0.4 to 40 % of the fragments (both mates, both
strands, the reads' own qualities), and recurring errors by the sample's own error rates (by
quality and substitution; four in five on one strand only). Beside them the sample's own
alternatives, as often as they occur: bases of low quality seen once as errors, all others with
the chances that the weights it began with give them, so that these are not forgotten.

| part | errors | real | the sample's own, unknown |
|---|---|---|---|
{rows}

Places are told apart by a hash of their sequence: six tenths to train on, two to stop and to
calibrate on, two to judge by. Adam, at most {steps} steps of {batch} rows, rate
{learning_rate:g}, weights held to where they began by {anchor:g}/2 times the squared distance,
seed {seed}.

## Places that were only judged

| | before | after |
|---|---|---|
{scores}

*Own kept*: alternatives of the sample itself, of unknown truth, that would stay in the reads, in
all rounds; in the sample as it came as many stay as before, by a shift of the own base's logit.
*Cost*: errors kept and 1.5 times the alleles lost. The gain in log loss, which counts the sample's
own alternatives too, at the chances they had before, is {gain} standard errors.

- P(real) >= {real_threshold}: real, the reads keep their base
- P(real) <= {error_threshold}: error, the reads get the path's base
- between: undecided, left alone and reported

## Where it fails

What is injected is what the sample's own reads and error rates allow: artefacts that are not in
them (chimeras, indels, contamination), and systematic errors of high quality on both strands, are
judged as before. See also the card of the weights it began with.
"""

_SHOWN = {
    "average_precision": "average precision",
    "log_loss": "log loss (nats)",
    "alleles_kept": "injected alleles kept",
    "errors_kept": "errors kept",
    "own_kept": "own kept",
    "cost": "cost",
}


OUTPUTS = (
    "config.toml",
    "weights.safetensors",
    "MODEL_CARD.md",
    "history.json",
    "hamming.svg",
    "loss.svg",
)
"""Names of what `write_model` writes."""


def write_model(
    folder: OutputFolder,
    tuned: FineTuned,
    facts: dict[str, Any],
    options: Options,
    settings: FineTuneSettings,
) -> None:
    """Write weights, ``config.toml``, ``MODEL_CARD.md``, ``history.json`` and the plots.

    Parameters
    ----------
    facts
        Of the sample, the rounds, and the weights begun with; ``inputs`` and ``dropped`` are
        for ``history.json`` alone.
    """
    from dbgclean.model import save_model

    about = {name: facts[name] for name in ("inputs", "dropped")}
    facts = {name: value for name, value in facts.items() if name not in about}
    home = folder.path("config.toml").parent
    save_model(home, tuned.model, _card(tuned, facts, settings))
    (home / "MODEL_CARD.md").write_text(_card_text(tuned, facts, settings), encoding="utf-8")
    history = tuned.history.to_dict()
    document = {
        **head("train", SCHEMA_VERSION, files_of(about["inputs"]), options.sample, options.command),
        **about,
        "accepted": tuned.accepted,
        "reason": tuned.reason,
        "trained_on": facts,
        "figures": tuned.figures,
        "history": history,
    }
    (home / "history.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    write_training_plots(history, home)


def _card(tuned: FineTuned, facts: dict[str, Any], settings: FineTuneSettings) -> dict[str, Any]:
    """What goes under ``[card]`` in config.toml."""
    return {
        "name": "fine-tuned" if tuned.accepted else facts["started_from"],
        "description": "P(real) of pooled alternatives in Illumina short reads",
        "command": "dbgclean train",
        "version": __version__,
        "seed": settings.seed,
        "scheme": tuned.model.config.scheme,
        "fine_tuned": tuned.accepted,
        "reason": tuned.reason,
        "real_threshold": tuned.real_threshold,
        "error_threshold": tuned.error_threshold,
        "sample": facts,
        "held_out": {name: tuned.figures[name] for name in ("before", "after")},
    }


def _card_text(tuned: FineTuned, facts: dict[str, Any], settings: FineTuneSettings) -> str:
    verdict = f"Fine-tuned: {tuned.reason}."
    if not tuned.accepted:
        verdict = f"The weights are those it began with: fine-tuning was {tuned.reason}."
    rows = [
        f"| {part} | {sizes['error']:,} | {sizes['real']:,} | {sizes['unknown']:,} |"
        for part, sizes in tuned.figures["rows"].items()
    ]
    scores = [
        f"| {words} | {tuned.figures['before'][name]:g} | {tuned.figures['after'][name]:g} |"
        for name, words in _SHOWN.items()
    ]
    return _TEXT.format(
        **facts,
        title="fine-tuned on a sample" if tuned.accepted else "as it came",
        version=__version__,
        verdict=verdict,
        rows="\n".join(rows),
        scores="\n".join(scores),
        gain=tuned.figures["gain_in_standard_errors"],
        real_threshold=tuned.real_threshold,
        error_threshold=tuned.error_threshold,
        steps=settings.steps,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        anchor=settings.anchor,
        seed=settings.seed,
    )
