"""The key `consistency_group`: virtual machines that Site Recovery replicates, fails over and commits together.

`Multi-VM consistency
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-common-questions#multi-vm-consistency>`_: a group has at
most 16 machines of one subscription and region; none of them fails over alone, and none joins later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from migration import checks, ids
from migration.errors import InvalidPlanError, PathStep
from migration.plan_types import SafeName
from migration.plan_windows import Cutover

FEWEST, MOST = 2, 16

GroupName = Annotated[
    SafeName | None,
    Field(
        description="Multi-VM consistency group: those of one name replicate, fail over, are approved and go back "
        "together. 2 to 16 machines of one wave."
    ),
]


@dataclass(frozen=True)
class Member:
    """One virtual machine of a group as the plan has it, and where its key stands."""

    group: str
    name: str
    wave: str
    source_id: str
    vault: int | None
    """Which of the plan's vaults it has to go by; None: the planner chooses one for the whole group."""
    cutover: Cutover | None
    place: tuple[PathStep, ...]

    @property
    def path(self) -> tuple[PathStep, ...]:
        """Where the key stands in the plan."""
        return (*self.place, "consistency_group")


def by_group(members: Iterable[Member]) -> list[list[Member]]:
    """Return the members of each group, in the plan's order; names are compared without regard to case."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(checks.name_key(member.group), []).append(member)
    return list(found.values())


def refuse_unfit(groups: Mapping[str, list[Member]], *, test_first: bool, reprotects: bool) -> None:
    """Refuse groups that Site Recovery, or the plan itself, could not move together.

    Raises:
        InvalidPlanError: it is so.
    """
    for group in {id(group): group for group in groups.values()}.values():
        first, others = group[0], group[1:]
        told = f'the consistency group "{first.group}"'
        if not FEWEST <= len(group) <= MOST:
            raise InvalidPlanError(
                f"{told} has {len(group)} virtual machine{'s' if len(group) != 1 else ''}",
                f"a group has {FEWEST} to {MOST}: give others the same name, or leave the key out",
                (group[MOST] if len(group) > MOST else first).path,
            )
        for other in others:
            _refuse_differing(told, first, other)
        if test_first:
            raise InvalidPlanError(
                f"{told} cannot be tested first: a test failover is of one virtual machine, and its members fail over "
                "only together",
                "leave failover.test_first out, or move those of the group by a plan of their own",
                first.path,
            )
        if reprotects:
            raise InvalidPlanError(
                f"{told} cannot be replicated back once it is committed: its members would be turned round one by one",
                "leave after_commit.reprotect out, or move those of the group by a plan of their own",
                first.path,
            )


def _refuse_differing(told: str, first: Member, other: Member) -> None:
    """Refuse a member that differs from the first one in what all of a group have to share."""
    home, there = ids.ResourceId.parse(first.source_id), ids.ResourceId.parse(other.source_id)
    cases = (
        (
            first.wave != other.wave,
            f"{told} is in the waves {first.wave} and {other.wave}",
            f"list {other.name} in the wave {first.wave}, or name its group otherwise",
        ),
        (
            home.subscription != there.subscription,
            f"{told} spans the subscriptions {home.subscription} and {there.subscription}",
            "Site Recovery takes machines of one subscription into a group; make a group for each",
        ),
        (
            first.vault != other.vault,
            f"{told} has one vault, and {first.name} and {other.name} do not name the same",
            "give all of the group the same vault:, or none",
        ),
        (
            home.name.lower() == there.name.lower(),
            f"{told} has two virtual machines that are called {there.name} in Azure",
            "Site Recovery's jobs tell members by these names; move one of them outside the group",
        ),
        (
            first.cutover != other.cutover,
            f"{told} fails over at one moment, and {first.name} and {other.name} have different cutover windows",
            "give both the same cutover:, or write it for their wave",
        ),
    )
    for differs, problem, fix in cases:
        if differs:
            raise InvalidPlanError(problem, fix, other.path)
