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


def prepare_hub() -> None:
    """Set HF_HUB_OFFLINE when the hub can't be reached; leave a choice made by the user alone."""
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
    if "HF_HUB_OFFLINE" not in os.environ and not _answers():
        os.environ["HF_HUB_OFFLINE"] = "1"


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
