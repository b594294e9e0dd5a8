"""Taking secrets out of what is told: of logs, of Azure's words before they reach a history, of what a guest says.

Pure functions over text and over nested values. They know secrets by their shape, or by the name they stand under:
what is neither cannot be told from other words.
"""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "***"

_SECRET_KEY = re.compile(
    r"(?i)(authorization|secret|password|passwd|passphrase|api[_-]?key|account[_-]?key|access[_-]?key|private[_-]?key"
    r"|connection[_-]?string|assertion|credential|sas[_-]?(token|ur[il])|(access|refresh|id|bearer)[_-]?token|^token$|cookie)"
)
_HARMLESS_KEY = re.compile(r"(?i)(_path|_file|_name|_id|_uri_host|task_?token|_count)$")

_NAMES = (
    r"account_?key|shared_?access_?key|client_?secret|client_?assertion|password|passwd|passphrase|api_?key"
    r"|access_?token|refresh_?token|id_?token|sas_?token"
)
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"',;&}\])]+)"""

_HOOKS = r"hooks\.slack\.com/\w+|[\w.-]+\.webhook\.office\.com|discord(?:app)?\.com/api/webhooks"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?s)-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)"), REDACTED),
    (re.compile(r"(?i)(authorization\\*[\"']?\s*[:=]\s*\\*[\"']?)(?:[a-z]+\s+)?[^\s\"',;\\]+"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)\b(bearer|sharedkey|sharedaccesssignature)\s+[\w.~+/=:%&-]{16,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*"), REDACTED),
    (re.compile(rf"(?i)(\b(?:admin_?)?(?:{_NAMES})\b\\*[\"']?\s*[=:]\s*\\*){_VALUE}"), rf"\1{REDACTED}"),
    (re.compile(rf"(?i)(\s--?(?:{_NAMES}|token|secret)[= ]\s*)(?!-){_VALUE}"), rf"\1{REDACTED}"),
    (re.compile(rf"(?i)(\b(?:[a-z0-9]+[_-])*(?:token|secret|pwd)=){_VALUE}"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)([?&;](?:sig|code|signature|token)=)[^&\s\"'<>;]+"), rf"\1{REDACTED}"),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)"), rf"\1{REDACTED}"),
    # Whoever has such an address may write to the channel: its path is the secret.
    (re.compile(rf"(?i)(https://(?:{_HOOKS})/)[^\s\"'<>]+"), rf"\1{REDACTED}"),
)
# ARM signs an operation's URL with the parameters t, c, s and h; names this short mean nothing in another query.
_QUERY = re.compile(r"\?[^\s\"'<>]+")
_SIGNED = re.compile(r"(?P<name>[?&](?:t|c|s|h)=)[^&\s\"'<>]+")


def redact_text(text: str) -> str:
    """Return *text* without bearer tokens, passwords, keys, shared access signatures and signed operation URLs."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _QUERY.sub(_redact_signed_query, text)


def redact(value: Any, key: str = "") -> Any:
    """Return *value* without secrets; what stands under a key that names a secret goes whole."""
    if is_secret_name(key) and not isinstance(value, bool | None):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {name: redact(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    return value if isinstance(value, int | float | bool | None) else redact_text(str(value))


def is_secret_name(key: str) -> bool:
    """Whether what stands under *key* is a secret, by its name."""
    return bool(_SECRET_KEY.search(key)) and not _HARMLESS_KEY.search(key)


_INSERTED = re.compile(r"\$\([^)]*\)|\$\{[^}]*\}|\$env:\w+|\$\w+|`[^`]*`|%\w+%")
"""What a shell puts in place: the secret itself does not stand there."""
_MASKED = re.compile(rf"""(?i)(?:(?:bearer|basic)\s+)?["']?{re.escape(REDACTED)}["']?""")


def holds_secret(text: str, key: str = "") -> bool:
    """Whether what looks like a secret stands in *text*, itself and not by the name of a variable."""
    plain = _INSERTED.sub(REDACTED, text)
    if is_secret_name(key):
        return bool(plain.strip()) and _MASKED.sub("", plain).strip() != ""
    return _MASKED.sub(REDACTED, redact_text(plain)) != _MASKED.sub(REDACTED, plain)


def shortened(text: str, limit: int, length: int = 0) -> str:
    """Return *text* with its end cut, and a note of that, where it is longer than *limit*, or was (*length*)."""
    length = max(length, len(text))
    if length <= limit:
        return text
    note = f"... ({length} characters, cut)"
    return text[: max(0, limit - len(note))] + note


def told(text: str, limit: int) -> str:
    """Return what a stranger said without secrets, and cut: for a message or a history.

    However long it was, it is looked through only a little further than it is kept.
    """
    head = text[: _LOOKED_THROUGH * limit]
    return shortened(redact_text(head), limit, len(text) if len(head) < len(text) else 0)


_LOOKED_THROUGH = 8


def _redact_signed_query(match: re.Match[str]) -> str:
    query = match[0]
    signed = re.search(r"[?&]c=", query) and re.search(r"[?&]s=", query)
    return _SIGNED.sub(rf"\g<name>{REDACTED}", query) if signed else query
