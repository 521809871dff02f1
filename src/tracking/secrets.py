"""Passwords and tokens, kept out of everything that is written or shown."""

import os
import re

HIDDEN = "***"
_USER_INFO = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY = re.compile(r"(?i)((?:token|password|secret|api_?key)=)[^&\s]+")
_SECRET_NAME = re.compile(r"TOKEN|PASSWORD|SECRET|API_?KEY", re.IGNORECASE)
# Shorter values (`TOKENIZERS_PARALLELISM=false`) would blank out innocent text.
_SHORTEST_SECRET = 8


def redact(text: str) -> str:
    """`text` without the user names and passwords of its URIs, and without the values of secret environment variables.

    An environment variable is secret by its name (TOKEN, PASSWORD, SECRET, API_KEY).
    """
    text = _QUERY.sub(rf"\1{HIDDEN}", _USER_INFO.sub(f"{HIDDEN}@", text))
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_SECRET and _SECRET_NAME.search(name):
            text = text.replace(value, HIDDEN)
    return text
