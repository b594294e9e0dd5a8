"""Lists in pages, as Azure gives them: ``value``, and ``nextLink`` while there is more.

The link carries a token that names the last entry shown, so that what is deleted between two pages hides nothing.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from simulator.jsontext import encode
from simulator.provider import ArmError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.provider import Call
    from simulator.store import Resource

TOKEN_NAMES = ("$skiptoken", "skiptoken")


def page(call: Call, keys: Sequence[str], show: Callable[[str], Any], *, size: int, null_link: bool = False) -> Reply:
    """The page of *keys* that the request asks for, each entry made by *show* (None: it is gone and left out).

    *null_link*: the last page has ``"nextLink": null``, as Site Recovery writes it; others leave the key out.
    """
    start = _start(call, keys)
    chosen = keys[start : start + size]
    # Each entry is written as soon as it is made: a page of them at once would not stay in the processor's cache.
    shown = [encode(entry) for key in chosen if (entry := show(key)) is not None]
    end = ""
    if start + size < len(keys):
        end = f',"nextLink":{encode(_link(call, start + size, chosen[-1]))}'
    elif null_link:
        end = ',"nextLink":null'
    return Reply(200, f'{{"value":[{",".join(shown)}]{end}}}')


def page_of_resources(call: Call, type_: str, scope: str, show: Callable[[Resource], Any]) -> Reply:
    """A page of the resources of *type_* under *scope*, each shown by *show*."""
    store = call.world.store

    def shown(key: str) -> Any:
        resource = store.get(key)
        return None if resource is None else show(resource)

    return page(call, store.keys(type_, scope), shown, size=call.world.setting("provider_page_size"))


def _link(call: Call, count: int, last: str) -> str:
    token = base64.urlsafe_b64encode(f"{count}|{last}".encode()).decode()
    kept = {name: value for name, value in call.query.items() if name not in {"api-version", *TOKEN_NAMES}}
    return call.url(call.path, **kept, **{"$skiptoken": token})


def _start(call: Call, keys: Sequence[str]) -> int:
    text = next((call.query[name] for name in TOKEN_NAMES if call.query.get(name)), None)
    if text is None:
        return 0
    try:
        number, _, last = base64.urlsafe_b64decode(text).decode().partition("|")
        count = int(number)
    except (binascii.Error, ValueError):
        raise ArmError(400, "InvalidSkipToken", f"The provided skip token '{text}' is invalid.") from None
    if 0 < count <= len(keys) and keys[count - 1] == last:
        return count
    return list(keys).index(last) + 1 if last in keys else max(0, min(count, len(keys)))
