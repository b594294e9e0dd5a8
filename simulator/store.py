"""Resources by id, and small areas of other state (jobs, operations, events) by key.

Ids are compared in lower case and kept as they were first written. Every object that a read returns is a fresh copy:
change it and ``put`` it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator import context, paths
from simulator.errors import group_not_found, resource_not_found

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from simulator.database import Database

RESOURCES = "resources"


@dataclass
class Resource:
    """An ARM resource: ``doc`` is the JSON that Azure shows, ``meta`` what only the simulator knows.

    ``meta["created_by"]`` is ``seed``, a client id or ``site-recovery``; a provider may keep private state beside it.
    """

    doc: dict[str, Any]
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id as first written."""
        return str(self.doc["id"])

    @property
    def name(self) -> str:
        """The resource's own name."""
        return str(self.doc["name"])

    @property
    def type(self) -> str:
        """The full type (``Microsoft.Compute/virtualMachines``)."""
        return str(self.doc["type"])

    @property
    def location(self) -> str:
        """The region, or an empty string."""
        return str(self.doc.get("location") or "")

    @property
    def properties(self) -> dict[str, Any]:
        """The properties, to be read or changed in place before a ``put``."""
        return self.doc.setdefault("properties", {})  # type: ignore[no-any-return]


class Area:
    """A small table of JSON objects that are not resources; keys do not regard case."""

    def __init__(self, database: Database, name: str) -> None:
        """Give access to the area *name*."""
        self._database = database
        self._name = name

    def get(self, key: str) -> dict[str, Any] | None:
        """A fresh copy of the value at *key*, or None."""
        return self._database.read(self._name, key)  # type: ignore[no-any-return]

    def put(self, key: str, value: dict[str, Any], *, quiet: bool = False) -> None:
        """Write *value*. *quiet*: bookkeeping that does not count as a change of the cloud."""
        self._database.write(self._name, key, value, quiet=quiet)

    def delete(self, key: str, *, quiet: bool = False) -> bool:
        """Remove *key*; tell whether it was there."""
        return self._database.delete(self._name, key, quiet=quiet)

    def keys(self, prefix: str = "") -> list[str]:
        """The (lower-cased) keys that begin with *prefix*, oldest first."""
        return [key for key in self._database.keys(self._name) if key.startswith(prefix.lower())]

    def items(self, prefix: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Keys and fresh values whose key begins with *prefix*, oldest first."""
        if not prefix:
            return list(self._database.items(self._name))
        found = ((key, self.get(key)) for key in self.keys(prefix))
        return [(key, value) for key, value in found if value is not None]

    def values(self, prefix: str = "") -> list[dict[str, Any]]:
        """Fresh values whose key begins with *prefix*, oldest first."""
        return [value for _, value in self.items(prefix)]


def _is_hidden(id_: str) -> bool:
    hidden = context.hidden.get()
    return bool(hidden) and id_.rstrip("/").lower() in hidden


class Store:
    """The resources of every subscription."""

    def __init__(self, database: Database) -> None:
        """Index what *database* holds by type."""
        self._database = database
        self._by_type: dict[str, dict[str, str]] = {}
        self.access_version = 0
        """Grows with every change of roles, assignments and the like."""
        self.reindex()

    def reindex(self) -> None:
        """Build the index of types anew."""
        self._by_type.clear()
        for key, value in self._database.items(RESOURCES):
            self._by_type.setdefault(value["doc"]["type"].lower(), {})[key] = value["doc"].get("location") or ""
        self.access_version += 1

    def area(self, name: str) -> Area:
        """The area of other state called *name* (choose a unique one, such as ``asr-jobs``)."""
        return Area(self._database, name)

    def get(self, id_: str) -> Resource | None:
        """The resource, or None."""
        if _is_hidden(id_):
            return None
        value = self._database.read(RESOURCES, id_.rstrip("/"))
        return None if value is None else Resource(value["doc"], value["meta"])

    def glance(self, id_: str) -> Resource | None:
        """The resource to look at only, or None: quicker than :meth:`get`, but nobody may change it."""
        if _is_hidden(id_):
            return None
        value = self._database.glance(RESOURCES, id_.rstrip("/"))
        return None if value is None else Resource(value["doc"], value["meta"])

    def exists(self, id_: str) -> bool:
        """Tell whether the resource is there."""
        return self._database.has(RESOURCES, id_.rstrip("/")) and not _is_hidden(id_)

    def require(self, id_: str) -> Resource:
        """The resource, or Azure's 404 ``ResourceNotFound`` (``ResourceGroupNotFound`` for a group)."""
        resource = self.get(id_)
        if resource is not None:
            return resource
        parsed = paths.parse(id_)
        if parsed.type == "Microsoft.Resources/subscriptions/resourceGroups":
            raise group_not_found(parsed.name)
        raise resource_not_found(parsed.type, parsed.type_name, parsed.group)

    def put(self, doc: dict[str, Any], meta: dict[str, Any] | None = None) -> Resource:
        """Create or replace the resource ``doc["id"]`` (``name`` and ``type`` are filled in where missing).

        An existing resource keeps the case of its id, name and type and, where *meta* is None, its meta. A new one
        belongs to ``world.created_by`` unless *meta* says otherwise.
        """
        old = self.get(doc["id"])
        doc = dict(doc)
        if old is not None:
            doc |= {"id": old.id, "name": old.name, "type": old.type}
        parsed = paths.parse(doc["id"])
        doc.setdefault("name", parsed.name)
        doc.setdefault("type", parsed.type)
        kept = dict(old.meta if meta is None and old is not None else meta or {})
        creator = context.current_actor.get() if old is None else old.meta["created_by"]
        kept.setdefault("created_by", creator)
        key = doc["id"].rstrip("/").lower()
        self._database.write(RESOURCES, key, {"doc": doc, "meta": kept})
        self._by_type.setdefault(doc["type"].lower(), {})[key] = doc.get("location") or ""
        self._note_access(doc["type"])
        return Resource(doc, kept)

    def save(self, resource: Resource) -> Resource:
        """Write back a resource that was read and changed (doc and meta)."""
        return self.put(resource.doc, resource.meta)

    def delete(self, id_: str) -> bool:
        """Remove one resource (not what lies under it); tell whether it was there."""
        resource = self.get(id_)
        if resource is None:
            return False
        self._database.delete(RESOURCES, id_.rstrip("/"))
        self._by_type.get(resource.type.lower(), {}).pop(id_.rstrip("/").lower(), None)
        self._note_access(resource.type)
        return True

    def _note_access(self, type_: str) -> None:
        if type_.lower().startswith("microsoft.authorization/"):
            self.access_version += 1

    def location_of(self, type_: str, id_: str) -> str:
        """The region of the resource of that type and id; an empty string where it is absent or in none."""
        return self._by_type.get(type_.lower(), {}).get(id_.rstrip("/").lower(), "")

    def delete_tree(self, id_: str) -> list[str]:
        """Remove a resource and all under it, the innermost first; the ids that were removed."""
        found = [resource.id for resource in self.children(id_)]
        if self.exists(id_):
            found.append(id_)
        ordered = sorted(found, key=lambda inner: -inner.count("/"))
        for inner in ordered:
            self.delete(inner)
        return ordered

    def list(self, type_: str, scope: str = "") -> list[Resource]:
        """Every resource of *type_* under *scope* (an id prefix: subscription, group or parent; empty: all)."""
        return [resource for key in self.keys(type_, scope) if (resource := self.get(key)) is not None]

    def keys(self, type_: str, scope: str = "") -> list_of_texts:
        """The lower-cased ids of every resource of *type_* under *scope*, oldest first."""
        prefix = scope.lower().rstrip("/") + "/" if scope else ""
        if context.as_of.get() is not None:
            past = (resource for resource in self.everything() if resource.type.lower() == type_.lower())
            return [key for resource in past if (key := resource.id.lower()).startswith(prefix)]
        known, hidden = self._by_type.get(type_.lower(), {}), context.hidden.get()
        shown = [key for key in known if key.startswith(prefix)] if prefix else list(known)
        return [key for key in shown if key not in hidden] if hidden else shown

    def too_new(self, moment: datetime) -> frozenset[str]:
        """The lower-cased ids of the resources that did not exist yet at *moment*."""
        return self._database.created_since(RESOURCES, moment)

    def located_keys(self, scope: str) -> Iterator[tuple[str, str]]:
        """The lower-cased type and id of everything under *scope* that is in a region, type by type."""
        prefix = scope.lower().rstrip("/") + "/"
        if context.as_of.get() is not None:
            past = ((r.type.lower(), r.id.lower()) for r in self.everything() if r.location)
            yield from ((type_, key) for type_, key in past if key.startswith(prefix))
            return
        for type_, keys in self._by_type.items():
            found = (key for key, located in keys.items() if located and key.startswith(prefix))
            yield from ((type_, key) for key in found if not _is_hidden(key))

    def count(self, type_: str, scope: str = "") -> int:
        """How many resources of *type_* lie under *scope*."""
        return len(self.keys(type_, scope)) if scope else len(self._by_type.get(type_.lower(), {}))

    def children(self, scope: str) -> list_of_resources:
        """Every resource of any type strictly under *scope*."""
        prefix = scope.lower().rstrip("/") + "/"
        found = (self.get(key) for key in self._database.keys(RESOURCES) if key.startswith(prefix))
        return [resource for resource in found if resource is not None]

    def everything(self) -> list_of_resources:
        """Every resource of every subscription."""
        return [Resource(value["doc"], value["meta"]) for _, value in self._database.items(RESOURCES)]


# Inside the class ``list`` names its method, so annotations after it need another name for the builtin.
list_of_resources = list[Resource]
list_of_texts = list[str]
