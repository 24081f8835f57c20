"""E-mail addresses and URLs as far as Chart.yaml is checked for them (asaskevich/govalidator)."""

import re
from typing import Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.urls import parse_url

__all__ = ["is_email", "is_request_url", "is_url"]

_EMAIL: Final = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~\-\u00a0-\ud7ff]+(\.[\w!#$%&'*+/=?^`{|}~\-\u00a0-\ud7ff]+)*"
    r"@([a-zA-Z0-9\u00a0-\ud7ff]([\w\-~\u00a0-\ud7ff]*[a-zA-Z0-9\u00a0-\ud7ff])?\.)+"
    r"[a-zA-Z\u00a0-\ud7ff]([\w\-~.\u00a0-\ud7ff]*[a-zA-Z\u00a0-\ud7ff])?\.?"
)
_URL: Final = re.compile(
    r"((ftp|tcp|udp|wss?|https?)://)?(\S+(:\S*)?@)?"
    r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9\u00a1-\uffff]([a-zA-Z0-9\u00a1-\uffff_.\-]*[a-zA-Z0-9\u00a1-\uffff])?)\.?"
    r"(:\d{1,5})?([/?#]\S*)?"
)


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """A URL, or a host and a path."""
    if not 3 < len(text) < 2083 or text.startswith("."):
        return False
    try:
        url = parse_url(text if ":" not in text or "://" in text else f"http://{text}")
    except FunctionError:
        return False
    if url.host.startswith(".") or (not url.host and url.path and "." not in url.path):
        return False
    return _URL.fullmatch(text) is not None


def is_request_url(text: str) -> bool:
    """A URL with a scheme, as Go's ``ParseRequestURI`` takes it."""
    if not text:
        return False
    try:
        # No fragment there: the sign belongs to the path.
        url = parse_url(text.replace("#", "%23"))
    except FunctionError:
        return False
    return bool(url.scheme) and not (url.opaque and not url.opaque.startswith("/"))
