"""What is compared between source and target, and what is done about each: the table behind `docs/parity.md`.

What Site Recovery carries: `Support matrix for Azure VM disaster recovery between Azure regions
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix>`_.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Aspect = Literal[
    "tags",
    "security-groups",
    "security-rules",
    "public-addresses",
    "load-balancer-pools",
    "ip-configurations",
    "dns-labels",
    "extensions",
    "managed-identities",
    "role-assignments",
    "diagnostics",
    "backup",
    "encryption-at-host",
    "licence-type",
    "locks",
    "auto-shutdown",
]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
PREFIX = "parity/"
"""How a waiver of a plan names an aspect: `parity/backup`."""

Restoring = Literal["by itself", "if the plan names one", "if the plan asks", "never"]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is told of an aspect."""

    compares: str
    carried: str
    """What Site Recovery does with it."""
    restored: Restoring
    how: str
    undo: str
    remedy: str
    """What a person does about a row that is open."""
    finding: str = ""
    """The rule of the check that foretells it; who waives that waives the row too."""


TABLE: dict[Aspect, Told] = {
    "tags": Told(
        compares="each tag of the machine",
        carried="yes, once a day; what was changed since the last time is missing",
        restored="by itself",
        how="the tag is set",
        undo="goes with the target",
        remedy="set the tag on the target",
    ),
    "security-groups": Told(
        compares="the network security group of each interface and of its subnet, and application security groups",
        carried="no; a group belongs to one region",
        restored="if the plan names one",
        how="`network_security_group` is put on the interfaces that had one",
        undo="goes with the interface",
        remedy="name a group of the target region in the plan (`network_security_group`), or put one on the target's "
        "interface or subnet",
        finding="security-groups-carried",
    ),
    "security-rules": Told(
        compares="each rule of the groups of an interface and of its subnet, where the target has a group in the same "
        "place: access, direction, priority, protocol, addresses and ports, whatever its name; also rules that only "
        "the target's group has",
        carried="no; they are those of the group that is there",
        restored="never",
        how="a group that was there before may serve others too, and what it lets through is its owner's to say",
        undo="-",
        remedy="make the rule of the target's group what it was at the source, or answer for the difference, as where "
        "addresses differ between the regions",
        finding="security-groups-carried",
    ),
    "public-addresses": Told(
        compares="the public address of each IP configuration",
        carried="no; an address belongs to one region",
        restored="if the plan names one",
        how="`public_ip` is given to the first interface",
        undo="taken from the interface before the source serves again",
        remedy="name a public address of the target region in the plan (`public_ip`), or give one to the interface",
        finding="public-addresses-carried",
    ),
    "load-balancer-pools": Told(
        compares="the backend pools of each IP configuration, also those of application gateways",
        carried="no; a load balancer belongs to one region",
        restored="if the plan names one",
        how="the first interface joins `load_balancer_pools`",
        undo="taken out of the pools before the source serves again",
        remedy="name pools of the target region in the plan (`load_balancer_pools`), or add the interface to one of "
        "the same name",
        finding="load-balancers-carried",
    ),
    "ip-configurations": Told(
        compares="the further IP configurations of each interface, and its IP forwarding",
        carried="further configurations as the protected item has them; IP forwarding no",
        restored="by itself",
        how="IP forwarding is switched on; configurations are not made",
        undo="goes with the interface",
        remedy="add the IP configuration to the target's interface",
        finding="addresses-carried",
    ),
    "dns-labels": Told(
        compares="the DNS label of each public address, the interface's internal name and its DNS servers",
        carried="no",
        restored="if the plan asks",
        how="internal name and DNS servers are set; the label of a public address is its owner's",
        undo="goes with the interface",
        remedy="give the public address of the target a DNS label, and set the interface's DNS as it was",
    ),
    "extensions": Told(
        compares="the extensions by publisher and type, without Site Recovery's own",
        carried="no",
        restored="never",
        how="their protected settings cannot be read",
        undo="-",
        remedy="install it on the target (`az vm extension set`)",
        finding="extensions-carried",
    ),
    "managed-identities": Told(
        compares="the identities assigned to the machine, and whether it has one of its own",
        carried="no",
        restored="by itself",
        how="the same identities are assigned; its own is another principal there",
        undo="goes with the target",
        remedy="assign the identity to the target",
        finding="identities-carried",
    ),
    "role-assignments": Told(
        compares="the roles of its own identity, and those that others have on the machine",
        carried="no",
        restored="if the plan asks",
        how="the role is assigned on the target, or to the target's identity; needs "
        "Microsoft.Authorization/roleAssignments/write",
        undo="the assignment is deleted",
        remedy="assign the role on the target, or to the target's identity",
        finding="roles-carried",
    ),
    "diagnostics": Told(
        compares="boot diagnostics, and the diagnostic settings",
        carried="no",
        restored="by itself",
        how="boot diagnostics are switched on with Azure's own storage; settings are set again where they write to a "
        "Log Analytics workspace, which may lie in any region",
        undo="settings are deleted; boot diagnostics go with the target",
        remedy="set up diagnostics on the target; storage and event hubs must lie in its region",
    ),
    "backup": Told(
        compares="whether a vault backs the machine up",
        carried="no",
        restored="never",
        how="a policy and a vault of the target region are the owner's choice",
        undo="-",
        remedy="set up backup of the target, or waive it until the commit; keep the old recovery points while needed",
        finding="backup-carried",
    ),
    "encryption-at-host": Told(
        compares="encryption at host",
        carried="no",
        restored="never",
        how="the target would have to be deallocated for it",
        undo="-",
        remedy="deallocate the target, switch encryption at host on and start it again",
        finding="encryption-at-host-carried",
    ),
    "licence-type": Told(
        compares="the licence type (Azure Hybrid Benefit)",
        carried="that of Windows",
        restored="by itself",
        how="it is set",
        undo="goes with the target",
        remedy="set the licence type of the target",
    ),
    "locks": Told(
        compares="the locks on the machine itself",
        carried="no",
        restored="if the plan asks",
        how="set after the commit, since a lock would block the way back; needs Microsoft.Authorization/locks/write",
        undo="none: it is not set before the commit",
        remedy="ask for it in the plan (`parity.restore`), or waive it and set the lock after the commit",
    ),
    "auto-shutdown": Told(
        compares="the machine's shutdown schedule",
        carried="no",
        restored="by itself",
        how="set after the commit: before it, it would switch the target off while people decide",
        undo="none: it is not set before the commit",
        remedy="set the schedule on the target",
    ),
}
AFTER_COMMIT: frozenset[Aspect] = frozenset({"locks", "auto-shutdown"})
BY_ITSELF: frozenset[Aspect] = frozenset(
    aspect for aspect, told in TABLE.items() if told.restored in {"by itself", "if the plan names one"}
)
"""What `restore: auto` stands for."""
RESTORABLE: frozenset[Aspect] = frozenset(aspect for aspect, told in TABLE.items() if told.restored != "never")


def aspect_of_waiver(rule: str) -> Aspect | None:
    """Return the aspect that the rule of a waiver names, None where it names none."""
    return next((aspect for aspect in ASPECTS if rule == f"{PREFIX}{aspect}"), None)


def waiving_rules(aspect: Aspect) -> tuple[str, ...]:
    """Return the rules whose waiver answers for an aspect; who answers for groups answers for what is in them."""
    wider = f"{PREFIX}security-groups" if aspect == "security-rules" else ""
    return tuple(filter(None, (f"{PREFIX}{aspect}", wider, TABLE[aspect].finding)))
