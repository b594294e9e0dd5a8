"""Validators of a plan's values. Each returns the value to use, or says what is wrong and what would be right."""

import difflib
import ipaddress
import re
import unicodedata
import uuid
from typing import TypeVar

from migration import ids, regions
from migration.errors import InvalidPlanError, InvalidValueError
from migration.parity.aspects import ASPECTS, PREFIX, aspect_of_waiver
from migration.rules.catalogue import BY_ID

T = TypeVar("T")
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
MAX_VMS = 5_000
"""As many as one plan checks and moves."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS}
_MAX_DURATION_SECONDS = 365 * DAY_SECONDS
_NETWORK_TYPE = "Microsoft.Network/virtualNetworks"
_ENCRYPTION_SET_TYPE = "Microsoft.Compute/diskEncryptionSets"
_NOBODYS_ADDRESSES = {"168.63.129.16", "255.255.255.255"}
"""Azure's own service address, which every machine sees, and the broadcast."""


def safe_name(text: str) -> str:
    """Return a name of ours, in normal form: fit for a file path, a workflow id and an Azure tag.

    1 to 64 letters of any script, digits, `.`, `_` and `-`, beginning with a letter or a digit, not ending with `.`.
    """
    _present(text)
    name = unicodedata.normalize("NFC", text)
    fit = all(unicodedata.category(character)[0] in "LMN" or character in "._-" for character in name)
    if not fit or not name[0].isalnum() or name.endswith(".") or len(name) > 64 or len(name.encode()) > 200:
        raise InvalidValueError(
            f"{_quoted(text)} is no safe name",
            "use 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or a digit, not ending with '.'",
        )
    return name


def azure_name(text: str) -> str:
    """Return the name of a resource group, subnet or other resource, by the widest of Azure's rules for them."""
    _present(text)
    if text.startswith("/"):
        raise InvalidValueError(
            f"{_quoted(text)} is an id", f'give the name alone: "{text.rstrip("/").split("/")[-1]}"'
        )
    if not re.fullmatch(r"[\w().-]{1,90}(?<!\.)", text):
        raise InvalidValueError(
            f"{_quoted(text)} is no name that Azure takes",
            "use 1 to 90 letters, digits, '_', '-', '.', '(' and ')', not ending with '.'",
        )
    return text


def vm_name(text: str) -> str:
    """Return the name of a virtual machine that is to be made."""
    _present(text)
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?", text):
        raise InvalidValueError(
            f"{_quoted(text)} is no name that Azure gives a virtual machine",
            "use 1 to 64 letters a-z, digits, '_', '.' and '-', beginning with a letter or a digit, "
            "not ending with '.' or '-'",
        )
    return text


def vault_name(text: str) -> str:
    """Return the name of a Recovery Services vault."""
    _present(text)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,49}", text):
        raise InvalidValueError(
            f"{_quoted(text)} is no name that Azure gives a Recovery Services vault",
            "use 2 to 50 letters a-z, digits and '-', beginning with a letter",
        )
    return text


def storage_name(text: str) -> str:
    """Return the name of a storage account."""
    _present(text)
    if not re.fullmatch(r"[a-z0-9]{3,24}", text):
        raise InvalidValueError(
            f"{_quoted(text)} is no name that Azure gives a storage account",
            "use 3 to 24 lower-case letters and digits",
        )
    return text


def vm_size(text: str) -> str:
    """Return the name of a virtual machine size, such as `Standard_D2s_v5`."""
    _present(text)
    if re.fullmatch(r"(Standard|Basic)_[A-Za-z0-9_-]{1,60}", text, re.IGNORECASE):
        return text
    wanted = f"write Standard_{text}" if re.fullmatch(r"[A-Z]+\d+[\w-]*", text) else "write it like Standard_D2s_v5"
    raise InvalidValueError(f"{_quoted(text)} is no size of a virtual machine", wanted)


def region(text: str) -> str:
    """Return the name of an Azure region. One that we do not know passes: clouds differ, and preflight asks Azure."""
    _present(text)
    name = regions.canonical(text)
    meant = regions.nearest(name)
    if meant is not None:
        raise InvalidValueError(f"{_quoted(text)} is no Azure region", f"did you mean {meant}?")
    if name != text:
        raise InvalidValueError(f"{_quoted(text)} is not how Azure names the region", f"write {name or 'westeurope'}")
    if not re.fullmatch(r"[a-z][a-z0-9]{2,49}", text):
        raise InvalidValueError(f"{_quoted(text)} is no Azure region", "write a name such as westeurope")
    return text


def subscription(text: str) -> str:
    """Return the id of a subscription, in lower case."""
    _present(text)
    if text.startswith("/"):
        raise InvalidValueError(
            f"{_quoted(text)} is a path", "give the subscription's id alone, without /subscriptions/"
        )
    return guid(text, "subscription's id", "`az account list` shows the ids of yours")


def ipv4_address(text: str) -> str:
    """Return a private IPv4 address that a network interface can have."""
    _present(text)
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise InvalidValueError(f"{_quoted(text)} is no IPv4 address", "write one such as 10.1.0.4") from None
    is_special = address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local
    if is_special or text in _NOBODYS_ADDRESSES:
        raise InvalidValueError(f"{text} cannot be the address of a network interface", "use one of the subnet's range")
    return text


def network(text: str) -> str:
    """Return the name, or the id, of a virtual network."""
    return name_or_id(text, _NETWORK_TYPE, "a virtual network")


def encryption_set(text: str) -> str:
    """Return the name, or the id, of a disk encryption set."""
    return name_or_id(text, _ENCRYPTION_SET_TYPE, "a disk encryption set")


def disk_name(text: str) -> str:
    """Return the name of a disk, or `*` for every disk that is not named."""
    return text if text == "*" else azure_name(text)


def each_disk_once(types: dict[str, T]) -> dict[str, T]:
    """Refuse a disk that is named twice in different case."""
    seen: dict[str, str] = {}
    for name in types:
        if name.lower() in seen:
            raise InvalidValueError(
                f"{_quoted(name)} and {_quoted(seen[name.lower()])} are one disk",
                "names are compared without regard to case; remove one",
            )
        seen[name.lower()] = name
    return types


def name_or_id(text: str, wanted: str, called: str) -> str:
    """Return the name of a resource, or its id where that is one of the *wanted* type."""
    if not text.startswith("/"):
        return azure_name(text)
    try:
        parsed = ids.ResourceId.parse(text)
    except ValueError:
        raise InvalidValueError(
            f"{_quoted(text)} is no resource id",
            "it should look like /subscriptions/<id>/resourceGroups/<name>/providers/...",
        ) from None
    kind = parsed.type.lower()
    if kind == f"{wanted}/subnets".lower():
        raise InvalidValueError(
            "this is the id of a subnet", "end it before /subnets/; the subnet's name has its own key"
        )
    if kind != wanted.lower() or parsed.resource_group is None:
        raise InvalidValueError(
            f"{_quoted(text)} names a resource of type {parsed.type}", f"give the id of {called} ({wanted})"
        )
    guid(parsed.subscription, "subscription's id", "`az account list` shows the ids of yours")
    return text.rstrip("/")


def zone(value: object) -> object:
    """Return an availability zone as text; a plan may write it as a number."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if text not in {"1", "2", "3"}:
        raise InvalidValueError(f"{_shown(value)} is no availability zone", "write 1, 2 or 3")
    return text


def duration_seconds(value: object) -> int:
    """Return the seconds of a duration such as `90s`, `15m`, `12h` or `7d`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise InvalidValueError(f"{value} has no unit", f"write {value}s, {value}m, {value}h or {value}d")
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", value) if isinstance(value, str) else None
    if match is None:
        raise InvalidValueError(
            f"{_shown(value)} is no duration", "write a whole number and a unit: 90s, 15m, 12h or 7d"
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= _MAX_DURATION_SECONDS:
        raise InvalidValueError(f"{value} is no duration to wait for", "write one above 0s, at most 365d")
    return seconds


def duration_text(seconds: int) -> str:
    """Return a duration as a plan writes it, in the largest unit that divides it."""
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def person(text: str) -> str:
    """Return who a person is: a user name like an e-mail address, or an object id of the directory."""
    _present(text)
    if "@" not in text:
        return guid(text, "approver", "write a name such as anna@contoso.example, or an object id")
    if not re.fullmatch(r"[^\s@/\x00-\x1f]+@[^\s@/\x00-\x1f]+", text) or len(text) > 320:
        raise InvalidValueError(f"{_quoted(text)} is no user name", "write one such as anna@contoso.example")
    return text


def waivable_rule(text: str) -> str:
    """Return the id of a rule that a plan may waive."""
    _present(text)
    if aspect_of_waiver(text) is not None:
        return text
    rule = BY_ID.get(text)
    if rule is None:
        near = difflib.get_close_matches(text, [*BY_ID, *(f"{PREFIX}{aspect}" for aspect in ASPECTS)], n=1)
        raise InvalidValueError(
            f"there is no rule {_quoted(text)}", f"did you mean {near[0]}?" if near else "docs/preflight.md lists them"
        )
    if not rule.waivable:
        raise InvalidValueError(
            f"the rule {text} blocks and may not be waived", f"mend what it finds instead: {rule.remedy}"
        )
    return text


def sentence(text: str) -> str:
    """Return what a person says to others, in one line."""
    _present(text)
    if len(text) > 500 or not text.isprintable():
        raise InvalidValueError("this is no sentence", "say it in one line of at most 500 characters")
    return text


def waivers(given: list[tuple[str, str | None]], vms: list[str]) -> None:
    """Refuse a waiver for a virtual machine that the plan does not have, and one that stands twice."""
    known, seen = {name_key(name) for name in vms}, dict[tuple[str, str], int]()
    for index, (rule, vm) in enumerate(given):
        if vm is not None and name_key(vm) not in known:
            near = difflib.get_close_matches(vm, vms, n=1)
            fix = f"did you mean {near[0]}?" if near else "write its name as in waves"
            raise InvalidPlanError(f"the plan has no virtual machine {_quoted(vm)}", fix, ("waivers", index, "vm"))
        if vm is not None and rule in BY_ID and BY_ID[rule].shared:
            problem = f"the rule {rule} judges what the virtual machines share"
            raise InvalidPlanError(problem, "remove the key vm", ("waivers", index, "vm"))
        key = (rule, name_key(vm or ""))
        if key in seen:
            first = ("waivers", seen[key], "rule")
            raise InvalidPlanError(f"the rule {rule} is waived twice", "remove one", ("waivers", index, "rule"), first)
        seen[key] = index


def name_key(name: str) -> str:
    """Return a name of ours as names are compared: without regard to case."""
    return unicodedata.normalize("NFC", name).casefold()


def differing_regions(source: str, target: str) -> None:
    """Refuse a plan that moves within a region."""
    if source == target:
        raise InvalidPlanError(
            f"source and target are the same region, {source}", "name the region to move to", ("target", "region")
        )


def not_too_many(names: list[str]) -> None:
    """Refuse a plan of more virtual machines than one plan holds."""
    if len(names) > MAX_VMS:
        raise InvalidPlanError(
            f"{len(names)} virtual machines are more than one plan holds",
            f"split it into plans of at most {MAX_VMS}",
            ("waves",),
        )


def unique(kind: str, names: list[str]) -> None:
    """Refuse a name that stands twice, whatever its case. The error's paths are the two indexes in *names*."""
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        key = name_key(name)
        if key in seen:
            raise InvalidPlanError(
                f"the {kind} {_quoted(ids.describe(name))} stands twice",
                "names are compared without regard to case; rename or remove one",
                (kind, index),
                (kind, seen[key]),
            )
        seen[key] = index


def _present(text: str) -> None:
    if not text.strip():
        raise InvalidValueError("it is empty", "write a value or remove the key")
    if text != text.strip():
        raise InvalidValueError(f"{_quoted(text)} begins or ends with a space", f"write {_quoted(text.strip())}")


def guid(text: str, what: str, fix: str) -> str:
    """Return a GUID in lower case; *what* it is the id of, and how to *fix* it, are for the error."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != text.lower():
        raise InvalidValueError(f"{_quoted(text)} is no {what}", fix)
    return text.lower()


def _quoted(value: object) -> str:
    text = str(value)
    shown = text if len(text) <= 80 else text[:77] + "..."
    return shown if shown.startswith(('virtualMachines "', '"')) else f'"{shown}"'


def _shown(value: object) -> str:
    """Return any value in words that a plan's author knows."""
    if value is None or isinstance(value, bool):
        return {None: "no value", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "keys with values"
    return _quoted(value)
