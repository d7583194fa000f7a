"""Reachability of the hub of pretrained weights, asked once before the libraries that use it are imported.

Without an answer the hub's library is put into its offline mode, for this process and for all that it starts:
weights that were fetched before are still found, and others are missed at once instead of after a minute of
retries.
"""

import logging
import os
import socket
from urllib.parse import urlsplit

TIMEOUT_S = 5.0
DEFAULT_HUB = "https://huggingface.co"
# What timm looks for in a repository, the first that is there.
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
YES = ("1", "ON", "YES", "TRUE")


def prepare_hub() -> None:
    """Set HF_HUB_OFFLINE when the hub can't be reached; leave a choice made by the user alone."""
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    if "HF_HUB_OFFLINE" not in os.environ and not _answers():
        os.environ["HF_HUB_OFFLINE"] = "1"


def can_be_fetched(repository: str) -> bool:
    """Tell whether the weights of a hub's repository (owner/name, or owner/name@revision) can be had.

    They lie in the local cache, or the hub answers, as far as `prepare_hub` has found out.
    """
    from huggingface_hub import try_to_load_from_cache

    name, _, revision = repository.partition("@")
    for file in WEIGHT_FILES:
        if isinstance(try_to_load_from_cache(name, file, revision=revision or None), str):
            return True
    return os.environ.get("HF_HUB_OFFLINE", "").upper() not in YES


def no_weights_text(backbone: str, reason: str) -> str:
    """Say that the pretrained weights of a backbone can't be had, why, and the ways out."""
    return (
        f"the pretrained weights of {backbone} can't be had ({reason}); "
        "run once with a network, name a file with --set pretrained=weights.safetensors, or train from "
        "scratch with --set pretrained=false or --preset cpu"
    )


def _answers() -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        # What a proxy can reach is not for a plain connection to say.
        return True
    hub = urlsplit(os.environ.get("HF_ENDPOINT", DEFAULT_HUB))
    port = hub.port or (80 if hub.scheme == "http" else 443)
    try:
        socket.create_connection((hub.hostname or "", port), timeout=TIMEOUT_S).close()
    except OSError:
        return False
    return True
