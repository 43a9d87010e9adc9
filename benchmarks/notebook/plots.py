"""The notebook's two plots: loss, and Hamming distance with its two thresholds."""

import re
from pathlib import Path

from benchmarks.harness.plots import panels, save
from benchmarks.notebook.networks import Curves

__all__ = ["plot_curves"]


def plot_curves(folder: Path, stem: str, name: str, curves: Curves) -> Path:
    """Write ``STEM-NAME.png`` and return its path.

    Parameters
    ----------
    folder : path
        Must exist.
    stem : str
        First word of the file's name.
    name : str
        ``"NOISE METHOD"``; the first threshold stands at the noise rate, the second,
        the notebook's "good denoise", at half of it.
    curves : Curves
        One value per epoch, or per fraction of one.
    """
    noise = float(name.split()[0])
    figure, ((left, right),) = panels(1, 2, 4.5, 3.4)
    left.plot(curves.epochs, curves.loss, marker=".", label="training")
    left.plot(curves.epochs, curves.held_out_loss, marker=".", label="held out")
    # The notebook's held-out loss, on the wrong axis, is twenty times the training loss.
    left.set_yscale("log")
    left.set_ylabel("loss")
    right.plot(curves.epochs, curves.hamming, marker=".", label="training")
    right.plot(curves.epochs, curves.held_out_hamming, marker=".", label="held out")
    right.axhline(noise, color="black", linestyle="--", linewidth=0.8)
    right.axhline(noise / 2, color="green", linestyle="--", linewidth=0.8)
    for height, word in ((noise, "noise"), (noise / 2, "good denoise")):
        right.text(
            *(0.99, height, f"{word} {height:g}"),
            transform=right.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize="small",
        )
    right.set_ylim(bottom=0)
    right.set_ylabel("Hamming distance per base")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.legend(fontsize="small")
    figure.suptitle(name.partition(" ")[2] + f", noise {noise:g}", fontsize="medium")
    path = folder / f"{stem}-{re.sub('[^a-z0-9.]+', '-', name.lower()).strip('-')}.png"
    return save(figure, path, 80)
