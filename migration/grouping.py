"""The consistency group of a virtual machine, as its plan has it, in one run of that plan."""

from collections.abc import Collection

from migration import names
from migration.consistency import ConsistencyGroup, GroupMember
from migration.plan import Plan


def group_of(plan: Plan, name: str, run_id: str, gone: Collection[str] = ()) -> ConsistencyGroup | None:
    """Return the group with which the virtual machine of that name moves in a run of its plan; None: it moves alone.

    *gone*: those that move no more, since an earlier run has moved them.
    """
    members = plan.groups.get(name)
    if members is None:
        return None
    group = members[0].group
    return ConsistencyGroup(
        id=names.move_group_id(plan.name, group, run_id),
        name=group,
        azure_name=names.consistency_group_name(plan.name, group),
        members=[GroupMember(name=one.name, source_id=one.source_id) for one in members if one.name not in gone],
    )
