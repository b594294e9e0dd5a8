"""What Azure itself checks when Site Recovery makes or deletes a resource: subscription, provider, lock, policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import frontdoor, paths
from simulator.authorization import policies
from simulator.siterecovery import estate, failures
from simulator.siterecovery.refusals import JobFailureError

if TYPE_CHECKING:
    from simulator.world import World


def admit(world: World, id_: str, *, location: str, tags: dict[str, str] | None = None, **rest: Any) -> None:
    """Fail the job where writing the resource is refused; *rest* are more keys of its document (sku, properties)."""
    parsed = paths.parse(id_)
    if not frontdoor.is_active(world, parsed.subscription):
        disabled = frontdoor.read_only(parsed.subscription)
        raise JobFailureError(failures.azure_refused(disabled.code, disabled.message))
    if not world.is_registered(parsed.subscription, parsed.namespace):
        raise JobFailureError(failures.not_registered(parsed.subscription, parsed.namespace))
    refuse_locked(world, id_, "ReadOnly")
    document = {"id": id_, "name": parsed.name, "type": parsed.type, "location": location, "tags": tags or {}, **rest}
    refused = policies.refusal(world, document)
    if refused is not None:
        raise JobFailureError(failures.azure_refused(refused.code, refused.message))


def refuse_locked(world: World, id_: str, *levels: str) -> None:
    """Fail the job where a lock of one of *levels* holds for the resource."""
    lock = estate.lock_on(world, id_, *levels)
    if lock:
        raise JobFailureError(failures.locked(id_, lock))


def admit_deletion(world: World, id_: str) -> None:
    """Fail the job where a lock keeps a resource that exists."""
    if world.store.exists(id_):
        refuse_locked(world, id_, "CanNotDelete", "ReadOnly")
