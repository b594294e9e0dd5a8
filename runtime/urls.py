"""Addresses that a token or a secret is sent to, and this machine's own."""

from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_LOOPBACK = frozenset({"localhost", LOOPBACK, "::1"})


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


def called_url(text: str) -> str:
    """Return *text* as an address that may be called with what it names: https, or http on this machine itself.

    Raises:
        ValueError: it is neither; the text is not repeated, since such addresses are often secrets.
    """
    parts = urlsplit(text)
    try:
        named = parts.hostname and parts.port != 0
    except ValueError:
        named = None
    allowed = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(text))
    if not named or not allowed or parts.username or parts.fragment:
        raise ValueError("this is not an https address such as https://hooks.example/services/T0/B0")
    return text


def is_loopback(url: str) -> bool:
    """Whether the host of *url* is this machine itself."""
    return (urlsplit(url).hostname or "").lower() in _LOOPBACK
