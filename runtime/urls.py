"""Addresses that a token or a secret is sent to."""

from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def https_url(text: str) -> str:
    """Return *text* as a base URL without a trailing slash; `https://` is added where a bare host is given.

    Raises:
        ValueError: it is no https address, or has a user, a query or a fragment.
    """
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        named = parts.hostname and parts.port != 0
    except ValueError:
        named = None
    if parts.scheme != "https" or not named or parts.username or parts.query or parts.fragment:
        message = f"{text!r} is not an https address such as https://management.azure.com"
        raise ValueError(message)
    return parts.geturl().rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the host of *url* is this machine itself."""
    return (urlsplit(url).hostname or "").lower() in _LOOPBACK
