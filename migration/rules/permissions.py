"""May the identity that runs the move do what the move does, at each place?

What it does comes from `migration.calls`, the same table that `plan` prints and `roles` makes roles of.
`Resource provider operations <https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations>`_.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migration import ids
from migration.access import Denial
from migration.calls.call import Place
from migration.calls.move import Attached, Move, cache_account_id
from migration.calls.table import permissions
from migration.ids import describe
from migration.inventory import Fact, Located, UnaskedError
from migration.rules.access import allows, denies
from migration.rules.built_in_roles import granting
from migration.rules.case import Case, Hit, SharedCheck
from migration.rules.perimeter import RUN_COMMAND
from migration.severities import Severity

_SHOWN = 8
_WISHED = {RUN_COMMAND}
"""Without these the move goes on: where no machine may be asked from inside, its network's rules are read."""


@dataclass(frozen=True)
class Need:
    """What the move does on a scope: each action with the first step that does it."""

    place: Place
    scope: str
    actions: dict[str, str]


def needs(case: Case) -> list[Need]:
    """Return what the move of a case does, by scope; for a group that does not exist, on its subscription."""
    wanted: dict[tuple[Place, str], Need] = {}
    for (place, scope), actions in permissions(move_of(case)).items():
        there = _where(case, scope)
        need = wanted.setdefault((place, ids.id_key(there)), Need(place, there, {}))
        need.actions.update({action: step for action, step in actions.items() if action not in need.actions})
    return list(wanted.values())


def scopes(case: Case) -> list[str]:
    """Return the scopes on which the identity's permissions have to be known."""
    return list({ids.id_key(need.scope): need.scope for need in needs(case)}.values())


def move_of(case: Case) -> Move:
    """Return the move of a case, with what is known of its sources."""
    inventory = case.inventory
    account = case.cache_account_id or cache_account_id(case.vault_id, case.vms[0].source_region)
    there = {key for key, fact in inventory.groups.items() if fact.value or fact.unasked}
    there |= {ids.id_key(case.vault_id)} if _may_be_there(inventory.vault) else set()
    there |= {ids.id_key(account)} if _may_be_there(inventory.accounts.get(ids.id_key(account), Fact())) else set()
    return Move(
        vms=case.vms,
        vault_id=case.vault_id,
        failover=case.failover,
        cache_account_id=account,
        asks_guests=bool(case.asks_guests),
        attached={vm.name: _attached(case, vm.source_id) for vm in case.vms},
        there=frozenset(there),
    )


def _checks(place: Place) -> SharedCheck:
    def check(case: Case) -> Iterator[Hit]:
        unasked: UnaskedError | None = None
        for need in needs(case):
            if need.place != place:
                continue
            try:
                yield from _objections(case, need)
            except UnaskedError as error:  # the other scopes are judged all the same
                unasked = unasked or error
        if unasked is not None:
            raise unasked

    return check


def _objections(case: Case, need: Need) -> Iterator[Hit]:
    granted = case.inventory.permissions.about(need.scope) or ()
    lacking = [action for action in need.actions if not allows(granted, action)]
    kinds: tuple[tuple[list[str], Severity | None], ...] = ((_musts(lacking), None), (_wishes(lacking), "warning"))
    for actions, severity in kinds:
        if actions:
            remedy = "; ".join(_grant(role, need.scope) for role in granting(actions))
            yield Hit(describe(need.scope), f"the identity may not {_told(actions, need)}", remedy, severity)
    for denial in case.inventory.deny_assignments.about(need.scope) or ():
        yield from _denied(need, denial)


def _denied(need: Need, denial: Denial) -> Iterator[Hit]:
    if denial.applies is False or not denial.holds(need.scope):
        return
    denied = _musts([action for action in need.actions if denies(denial, action)])
    if not denied:
        return
    what = f'the deny assignment "{denial.name}" on {describe(denial.scope)} forbids {_told(denied, need)}'
    remedy = "have the identity excluded from it, or run the move as another identity"
    if denial.applies is None:
        what += "; whether it concerns this identity could not be found out"
        yield Hit(describe(need.scope), what, remedy, severity="unknown")
    else:
        yield Hit(describe(need.scope), what, remedy)


def _musts(actions: list[str]) -> list[str]:
    return [action for action in actions if action not in _WISHED]


def _wishes(actions: list[str]) -> list[str]:
    return [action for action in actions if action in _WISHED]


def _told(actions: list[str], need: Need) -> str:
    steps = list(dict.fromkeys(need.actions[action] for action in actions))
    more = len(actions) - _SHOWN
    named = ", ".join(actions[:_SHOWN]) + (f" and {more} more (`roles` prints all)" if more > 0 else "")
    return f"{named} (to {', '.join(steps[:3])}{' and so on' if len(steps) > 3 else ''})"


def _grant(role: str, scope: str) -> str:
    return f'grant it {role} there: az role assignment create --role "{role}" --scope {scope} --assignee IDENTITY'


def _where(case: Case, scope: str) -> str:
    parsed = ids.ResourceId.parse(scope)
    if parsed.provider is not None or parsed.resource_group is None:
        return scope
    fact = case.inventory.groups.get(ids.id_key(scope))
    if fact is not None and not fact.unasked and fact.value is None:
        return f"/subscriptions/{parsed.subscription}"
    return scope


def _attached(case: Case, source_id: str) -> Attached:
    fact = case.inventory.machines.get(ids.id_key(source_id))
    machine = fact.value if fact else None
    if machine is None:
        return Attached()
    return Attached(os_type="Windows" if machine.os_type.lower() == "windows" else "Linux")


def _may_be_there(fact: Fact[Located]) -> bool:
    return bool(fact.value or fact.unasked)


_PLACES: tuple[Place, ...] = ("vault", "source", "target", "network", "subscription")
SHARED_CHECKS: dict[str, SharedCheck] = {f"permissions-{place}": _checks(place) for place in _PLACES}
