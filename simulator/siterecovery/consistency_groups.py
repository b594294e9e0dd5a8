"""Multi-VM consistency groups: items that were enabled under one group's name, and fail over together or not at all.

`Can I fail over a single virtual machine in a replication group?
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-common-questions#multi-vm-consistency>`_
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.siterecovery import names, refusals

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.provider import Call
    from simulator.store import Resource
    from simulator.world import World


def name_of(item: Resource) -> str:
    """The name of the item's group; empty where it has none but its own."""
    return str(item.meta.get("multi_vm_group_name") or "")


def members_of(world: World, id_: str, group: str) -> list[Resource]:
    """The items of a group in the vault that *id_* lies in, whatever the case of its name."""
    listed = world.store.list(names.ITEM, names.vault_id(id_))
    return [item for item in listed if name_of(item).lower() == group.lower()]


def group_id(world: World, id_: str, group: str | None) -> str:
    """The id of the named group, which its first member brings about; without a name a machine has its own."""
    members = members_of(world, id_, group) if group else []
    return str(members[0].meta["multi_vm_group"]) if members else names.new_uuid()


def refuse_parts(call: Call, items: list[Resource]) -> None:
    """Answer 400 for items that others of their groups are not among: a recovery plan fails them over together."""
    given = {item.id.lower() for item in items}
    for item in items:
        group = name_of(item)
        lacking = [m for m in members_of(call.world, item.id, group) if m.id.lower() not in given] if group else []
        if lacking:
            told = ", ".join(sorted(member.name for member in lacking))
            raise refusals.bad_request(
                call,
                "SingleVmFailoverNotAllowed",
                f"'{item.name}' can't be failed over without '{told}', since they belong to the multi-VM consistency "
                f"group '{group}'.",
                "The virtual machines of a multi-VM consistency group depend on each other.",
                "Fail over a recovery plan that all virtual machines of the group belong to.",
            )


def shared_moment(item: Resource, newest: dict[str, datetime], items: list[Resource]) -> datetime | None:
    """Until when all members among *items* have points, by their *newest* ones; None for an item without a group."""
    group = name_of(item).lower()
    times = [newest[one.id] for one in items if name_of(one).lower() == group and one.id in newest]
    return min(times) if group and times else None
