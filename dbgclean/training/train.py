"""Fine-tuning on a sample: examples from its own reads, training, and the model's folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbgclean import __version__
from dbgclean._folder import OutputFolder
from dbgclean.correct.correctors import PRETRAINED, AutoencoderCorrector
from dbgclean.errors import UsageError
from dbgclean.evidence.windows import COMPLEMENT
from dbgclean.log import Progress
from dbgclean.pipeline.passes import Options, open_run
from dbgclean.training.examples import gather_examples
from dbgclean.training.outputs import OUTPUTS, write_model

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder
    from dbgclean.pipeline.passes import Inputs
    from dbgclean.training.checkpoint import Checkpoint
    from dbgclean.training.comparison import FineTuned, LabelledWindows

__all__ = ["TrainOptions", "train_on_reads"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainOptions:
    """What `train` has beyond `Options`.

    Attributes
    ----------
    steps
        Optimiser steps.
    rounds
        Injections; None takes as many as the genome's size asks for.
    device
        ``auto``, ``cpu`` or ``cuda``.
    force, resume
        Write into a folder that is not empty; go on where a killed run stopped.
    """

    steps: int = 1000
    rounds: int | None = None
    device: str = "auto"
    force: bool = False
    resume: bool = False


@dataclass(frozen=True, eq=False)
class _Start:
    """The network to begin with, and where it came from."""

    model: Autoencoder
    thresholds: tuple[float, float]
    sha256: str
    name: str


def train_on_reads(
    reads: Sequence[str],
    output: str,
    options: Options,
    training: TrainOptions,
    progress: Progress,
) -> FineTuned:
    """Fine-tune on a sample's reads and write the model's folder.

    Parameters
    ----------
    output
        Folder that ``--model`` takes afterwards; appears only when whole. What a killed
        run needs to go on is in ``OUTPUT.checkpoint`` beside it until then.

    Raises
    ------
    InputError
        If the sample is too shallow or its reads too short to inject anything.
    UsageError
        If a checkpoint is there and neither ``resume`` nor ``force`` is given, or there
        is no GPU where one is asked for.
    """
    from dbgclean.training.checkpoint import Checkpoint
    from dbgclean.training.finetune import FineTuneSettings, fine_tune

    start = _load(options)
    _place(start, training.device)
    run = open_run(reads, options, progress)
    settings = FineTuneSettings(steps=training.steps, seed=options.seed)
    with OutputFolder(output, training.force, [*reads, *options.paths]) as folder:
        folder.claim(*OUTPUTS)
        fingerprint = _fingerprint(reads, options, training, start)
        checkpoint = Checkpoint(f"{str(output).rstrip('/')}.checkpoint", fingerprint)
        _open_checkpoint(checkpoint, training)
        rows, facts = _examples(run, training, checkpoint)
        progress.start("Fine-tuning", total=settings.steps)
        tuned = fine_tune(
            start.model,
            rows,
            COMPLEMENT,
            start.thresholds,
            settings,
            options.threads,
            checkpoint,
            progress.advance,
        )
        progress.start("Writing")
        facts |= {"started_from": start.name, "started_from_sha256": start.sha256}
        write_model(folder, tuned, facts, options, settings)
        folder.commit()
    checkpoint.remove()
    return tuned


def _load(options: Options) -> _Start:
    """The weights to begin with, as a corrector would load them."""
    from dbgclean.model import Autoencoder, load_model, read_card

    AutoencoderCorrector().check(options.model)
    folder = Path(options.model) if options.model else PRETRAINED
    found = read_card(folder)
    thresholds = float(found.card["real_threshold"]), float(found.card["error_threshold"])
    name = str(found.card.get("name", folder.name))
    return _Start(Autoencoder.of(load_model(folder)), thresholds, found.sha256, name)


def _place(start: _Start, device: str) -> None:
    """Move the network to where it is trained."""
    from dbgclean.model.autoencoder import best_device

    best = best_device()
    if device == "cuda" and best.type != "cuda":
        msg = "--device cuda: no GPU that torch can use; give --device cpu"
        raise UsageError(msg)
    start.model.to("cpu" if device == "cpu" else best)


def _fingerprint(
    reads: Sequence[str], options: Options, training: TrainOptions, start: _Start
) -> dict[str, Any]:
    """What a checkpoint has to agree with, by what the user knows it as."""
    sizes = [Path(path).stat().st_size if Path(path).is_file() else -1 for path in reads]
    return {
        "version": __version__,
        "reads": [[Path(path).name, size] for path, size in zip(reads, sizes, strict=True)],
        "layout": [options.interleaved, options.single, options.paired],
        "k": [options.k, options.correction_k],
        "min-quality": options.min_quality,
        "seed": options.seed,
        "steps": training.steps,
        "rounds": training.rounds,
        "device": start.model.identity.device.type,
        "model": start.sha256,
    }


def _open_checkpoint(checkpoint: Checkpoint, training: TrainOptions) -> None:
    if checkpoint.exists() and training.resume:
        checkpoint.check()
        logger.info("going on with the run in %s", checkpoint.folder)
        return
    if checkpoint.exists() and not training.force:
        msg = (
            f"{checkpoint.folder}: an unfinished run is there; --resume goes on with it, "
            "--force begins anew"
        )
        raise UsageError(msg)
    checkpoint.remove()


def _examples(
    run: Inputs, training: TrainOptions, checkpoint: Checkpoint
) -> tuple[LabelledWindows, dict[str, Any]]:
    """Labelled windows of all rounds, from the checkpoint where it has them."""
    from dbgclean.training.comparison import LabelledWindows

    if checkpoint.has_examples():
        arrays, facts = checkpoint.load_examples()
        return LabelledWindows(**arrays), facts
    rows, facts = gather_examples(run, training.rounds)
    # Not before: until now there was nothing to go on from.
    checkpoint.begin()
    checkpoint.save_examples(rows._asdict(), facts)
    return rows, facts
