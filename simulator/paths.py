"""Reading resource ids: their subscription, group, type and name, whatever their case."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

GROUP_TYPE = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True)
class ResourceId:
    """A resource id taken apart. ``type`` has its namespace (``Microsoft.Compute/virtualMachines/extensions``)."""

    id: str
    subscription: str
    group: str
    type: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last name; for a group or subscription that is its own name."""
        return self.names[-1] if self.names else ""

    @property
    def namespace(self) -> str:
        """The provider's namespace (``Microsoft.Compute``)."""
        return self.type.partition("/")[0]

    @property
    def type_name(self) -> str:
        """The type without its namespace, joined to the names as errors print it (``a/b/name1/name2``)."""
        return "/".join(self.names)


def split(path: str) -> list[str]:
    """The non-empty segments of a path."""
    return [segment for segment in path.split("/") if segment]


@lru_cache(maxsize=1 << 14)
def parse(path: str) -> ResourceId:
    """Take an id apart. Collections (an even tail) have the names of their parents only."""
    segments = split(path)
    lowered = [segment.lower() for segment in segments]
    subscription = segments[1] if len(segments) > 1 and lowered[0] == "subscriptions" else ""
    in_group = len(segments) > 3 and lowered[2] == "resourcegroups"
    group = segments[3] if in_group else ""
    if "providers" in lowered:
        start = len(lowered) - 1 - lowered[::-1].index("providers")
        return _parse_provider_tail(path, subscription, group, segments[start + 1 :])
    if in_group:
        return ResourceId(path, subscription, group, "Microsoft.Resources/subscriptions/resourceGroups", (group,))
    return ResourceId(path, subscription, "", "Microsoft.Resources/subscriptions", (subscription,))


def _parse_provider_tail(path: str, subscription: str, group: str, tail: list[str]) -> ResourceId:
    namespace, rest = (tail[0], tail[1:]) if tail else ("", [])
    type_ = "/".join([namespace, *rest[0::2]])
    return ResourceId(path, subscription, group, type_, tuple(rest[1::2]))


def scope_of(path: str) -> str:
    """What an extension resource hangs on: the part before the last ``/providers/``."""
    return path[: path.lower().rindex("/providers/")]


def within(id_: str, scope: str) -> bool:
    """Tell whether *id_* is *scope* or lies under it, without regard to case."""
    inner, outer = id_.lower().rstrip("/"), scope.lower().rstrip("/")
    return inner == outer or inner.startswith(outer + "/")


def same(one: str, other: str) -> bool:
    """Tell whether two ids name the same resource."""
    return one.lower().rstrip("/") == other.lower().rstrip("/")
