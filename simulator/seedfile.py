"""Reading a seed: YAML or JSON in, checked parts out, and one-line errors that name file, line, field and fix."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from simulator import paths, throttling
from simulator.resources.locations import location_name
from simulator.roles import ROLES

Path = tuple[str | int, ...]
TOP = ("subscriptions", "resources", "behaviour", "quotas", "identities")
KINDS = ("service_principal", "user")


class SeedError(ValueError):
    """A seed that cannot be used; the message is one line."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML in which a time stays the text that Azure printed."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Seed:
    """The parts of a checked seed."""

    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    behaviour: dict[str, dict[str, Any]] = field(default_factory=dict)
    quotas: dict[str, Any] = field(default_factory=dict)
    identities: list[dict[str, Any]] = field(default_factory=list)


def read(text: str, file: str) -> Seed:
    """Check a seed. Raises SeedError."""
    return _Reader(text, file).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    def read(self) -> Seed:
        try:
            data = self._json() or yaml.load(self._text, Loader=_Loader)  # noqa: S506 - a safe loader
        except yaml.YAMLError as problem:
            mark = getattr(problem, "problem_mark", None)
            line = mark.line + 1 if mark is not None else 1
            reason = getattr(problem, "problem", None) or "cannot be read"
            message = f"{self._file}:{line}: not YAML or JSON: {reason}; check quotes and indentation there"
            raise SeedError(message) from None
        if not isinstance(data, dict):
            raise self._error((), "is no mapping", "begin with a key such as 'resources:'")
        for key in data:
            self._check_known(key)
        if "resources" not in data:
            raise self._error((), "'resources' is missing", "add 'resources: []' or a list of ARM resources")
        seed = Seed(**{key: value for key in TOP if (value := data.get(key)) is not None})
        self._check(seed)
        return seed

    def _json(self) -> Any:
        """The data of a seed in JSON, or None: JSON is YAML too, but is read a hundred times as fast as such."""
        try:
            return json.loads(self._text)
        except ValueError:
            return None

    def _check_known(self, key: object) -> None:
        if key in TOP:
            return
        close = difflib.get_close_matches(str(key), TOP, n=1)
        fix = f"write '{close[0]}'" if close else f"the keys are {', '.join(TOP)}"
        raise self._error((str(key),), "is not known", fix)

    def _check(self, seed: Seed) -> None:
        for name, type_, word in (
            ("subscriptions", list, "list"),
            ("resources", list, "list"),
            ("behaviour", dict, "mapping from resource id to behaviour"),
            ("quotas", dict, "mapping"),
            ("identities", list, "list"),
        ):
            if not isinstance(getattr(seed, name), type_):
                raise self._error((name,), f"is no {word}", f"give a {word}")
        for index, subscription in enumerate(seed.subscriptions):
            self._check_subscription(index, subscription)
        seen: dict[str, int] = {}
        for index, resource in enumerate(seed.resources):
            self._check_resource(index, resource, seen)
        for id_, behaviour in seed.behaviour.items():
            if not str(id_).lower().startswith("/subscriptions/"):
                raise self._error(("behaviour", id_), "is no resource id", "begin with /subscriptions/")
            if not isinstance(behaviour, dict):
                raise self._error(("behaviour", id_), "is no mapping", "give names and values, as 'os: linux'")
        for index, identity in enumerate(seed.identities):
            self._check_identity(index, identity)
        self._check_throttling(seed)

    def _check_throttling(self, seed: Seed) -> None:
        try:
            throttling.checked(seed.quotas.get("throttling", {}))
        except throttling.SettingsError as problem:
            raise self._error(("quotas", "throttling"), str(problem), "see simulator/throttling.py") from None

    def _check_subscription(self, index: int, subscription: Any) -> None:
        where: Path = ("subscriptions", index)
        if not isinstance(subscription, dict) or not isinstance(subscription.get("subscriptionId"), str):
            raise self._error(where, "has no subscriptionId", "give {subscriptionId: <guid>, displayName: <text>}")

    def _check_resource(self, index: int, resource: Any, seen: dict[str, int]) -> None:
        where: Path = ("resources", index)
        if not isinstance(resource, dict) or not isinstance(resource.get("id"), str):
            raise self._error(where, "has no id", "give the resource as 'az resource show' prints it")
        segments = paths.split(resource["id"])
        lowered = [segment.lower() for segment in segments]
        if len(segments) < 4 or lowered[0] != "subscriptions" or len(segments) % 2:
            raise self._error(
                (*where, "id"),
                f"'{resource['id']}' is no resource id",
                "write /subscriptions/<id>/resourceGroups/<group>/providers/<namespace>/<type>/<name>",
            )
        key = resource["id"].lower().rstrip("/")
        if key in seen:
            raise self._error(
                (*where, "id"), f"'{resource['id']}' is also resources[{seen[key]}]", "remove one of the two"
            )
        seen[key] = index
        self._check_type(where, resource)
        self._check_location(where, resource)
        for name in ("properties", "tags"):
            if not isinstance(resource.get(name), (dict, type(None))):
                raise self._error((*where, name), "is no mapping", "give names and values")

    def _check_type(self, where: Path, resource: dict[str, Any]) -> None:
        given = resource.get("type")
        parsed = paths.parse(resource["id"]).type
        plain = parsed.lower().replace("/subscriptions/", "/")
        if given is not None and str(given).lower() not in {parsed.lower(), plain}:
            raise self._error((*where, "type"), f"'{given}' is not the type of the id", f"write {parsed}")

    def _check_location(self, where: Path, resource: dict[str, Any]) -> None:
        location = resource.get("location")
        parsed = paths.parse(resource["id"])
        extends = resource["id"].lower().count("/providers/") > 1
        tracked = parsed.type.count("/") == 1 and parsed.namespace.lower() != "microsoft.authorization" and not extends
        if location is None:
            if tracked:
                raise self._error(where, f"'{resource['id']}' has no location", "add 'location: westeurope' or another")
            return
        if location_name(str(location)) is None:
            raise self._error(
                (*where, "location"),
                f"'{location}' is no Azure region",
                "give a name such as westeurope or 'West Europe'",
            )

    def _check_identity(self, index: int, identity: Any) -> None:
        where: Path = ("identities", index)
        if not isinstance(identity, dict):
            raise self._error(where, "is no mapping", "give kind, client_id or user_name, and roles")
        kind = identity.get("kind", "service_principal")
        if kind not in KINDS:
            raise self._error((*where, "kind"), f"'{kind}' is not known", f"give one of {', '.join(KINDS)}")
        if kind == "user" and not isinstance(identity.get("user_name"), str):
            raise self._error(where, "has no user_name", "give a name such as ada@contoso.example")
        for number, assignment in enumerate(identity.get("roles") or []):
            self._check_role((*where, "roles", number), assignment)

    def _check_role(self, where: Path, assignment: Any) -> None:
        if not isinstance(assignment, dict) or not {"role", "scope"} <= set(assignment):
            raise self._error(where, "lacks role or scope", "give {role: Reader, scope: /subscriptions/<id>}")
        role = assignment["role"]
        if isinstance(role, str) and role.lower() not in {name.lower() for name in ROLES}:
            raise self._error(
                (*where, "role"),
                f"'{role}' is no role that the simulator has",
                f"give one of {', '.join(ROLES)}, or {{actions: [...], notActions: [...]}}",
            )
        if isinstance(role, dict) and not isinstance(role.get("actions"), list):
            raise self._error((*where, "role"), "has no actions", "give {actions: [...], notActions: [...]}")
        if not str(assignment["scope"]).startswith("/"):
            raise self._error((*where, "scope"), "is no scope", "begin with /")

    def _error(self, path: Path, problem: str, fix: str) -> SeedError:
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return SeedError(f"{self._file}:{self._line(path)}: {name or 'the seed'}: {problem}; {fix}")

    def _line(self, path: Path) -> int:
        node = yaml.compose(self._text, Loader=_Loader)
        line = 1
        for part in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
            elif isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is None:
                    return line
                line, node = found[0].start_mark.line + 1, found[1]
                continue
            else:
                return line
            line = node.start_mark.line + 1
        return line
