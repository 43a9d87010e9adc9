"""The evidence-conditioned autoencoder: architecture, weights, prediction.

Takes evidence as plain arrays (``windows``, ``globals_``, ``observed``; shapes of
the arrays in :class:`~dbgclean.model.autoencoder.AutoencoderConfig`) and gives
posteriors over the four bases at each position. Knows nothing of reads, spectra
or verdicts. Torch is imported on first use of a name below, so that importing
``dbgclean.model`` costs nothing; besides, only ``dbgclean.training`` imports it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbgclean.model.autoencoder import Autoencoder, AutoencoderConfig, predict
    from dbgclean.model.weights import ModelCard, load_model, read_card, save_model

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "ModelCard",
    "load_model",
    "predict",
    "read_card",
    "save_model",
]

_HOME = {
    "Autoencoder": "autoencoder",
    "AutoencoderConfig": "autoencoder",
    "predict": "autoencoder",
    "ModelCard": "weights",
    "load_model": "weights",
    "read_card": "weights",
    "save_model": "weights",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds ``name`` when it is first asked for."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
