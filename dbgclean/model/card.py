"""What a model's folder says of it, and whether its weights are those: all without torch."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, deserialize

from dbgclean.errors import ModelError
from dbgclean.model.config import AutoencoderConfig

__all__ = ["FORMAT", "ModelCard", "check_model", "read_card"]

FORMAT = 1


class ModelCard(NamedTuple):
    """What ``config.toml`` says: the architecture, the card, the weights' SHA-256."""

    config: AutoencoderConfig
    card: dict[str, Any]
    sha256: str


def read_card(folder: str | Path) -> ModelCard:
    """Read ``config.toml`` alone.

    Raises
    ------
    ModelError
        If it is missing, damaged, or of a format of later versions.
    """
    path = Path(folder) / "config.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: cannot read ({error.strerror}); give a folder made by `dbgclean train`"
        raise ModelError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path}: the model's config is damaged ({error}); install it again or train anew"
        raise ModelError(msg) from error
    if document.get("format") != FORMAT:
        msg = (
            f"{path}: model format {document.get('format')}, this version reads {FORMAT}; "
            "train the model anew or use the version of dbgclean that made it"
        )
        raise ModelError(msg)
    try:
        config = AutoencoderConfig(**document["model"])
        return ModelCard(config, dict(document.get("card", {})), str(document["sha256"]))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{path}: the model's config is damaged ({error}); install it again or train anew"
        raise ModelError(msg) from error


def check_model(
    folder: str | Path,
    *,
    positions: int | None = None,
    channels: int | None = None,
    globals_: int | None = None,
    scheme: str | None = None,
) -> tuple[AutoencoderConfig, bytes]:
    """See that a model is whole and takes the evidence described; its config and weights.

    Parameters and errors as of `dbgclean.model.weights.load_model`.
    """
    config, _, sha256 = read_card(folder)
    # What a scheme's name stands for says more than the sizes that follow from it.
    wanted = {"scheme": scheme, "positions": positions, "channels": channels, "globals_": globals_}
    for name, value in wanted.items():
        found = getattr(config, name)
        if value is not None and found != value:
            what = name.rstrip("_")
            msg = (
                f"{folder}: the model was made for {what} {found}, the evidence has {what} "
                f"{value}; use a model trained for it (`dbgclean train`)"
            )
            raise ModelError(msg)
    path = Path(folder) / "weights.safetensors"
    try:
        weights = path.read_bytes()
    except OSError as error:
        msg = (
            f"{path}: cannot read the weights ({error.strerror}); install or train the model again"
        )
        raise ModelError(msg) from error
    # What config.toml asks for is built only where it is there.
    if hashlib.sha256(weights).hexdigest() != sha256 or _shapes(weights) != config.shapes():
        msg = (
            f"{path}: the weights are damaged or not those of config.toml; install the model again"
        )
        raise ModelError(msg)
    return config, weights


def _shapes(weights: bytes) -> dict[str, list[int]] | None:
    try:
        return {name: tensor["shape"] for name, tensor in deserialize(weights)}
    except SafetensorError:
        return None
