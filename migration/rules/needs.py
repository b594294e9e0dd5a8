"""What the move of a case does, by place and scope: what the identity has to be allowed.

It comes from `migration.calls`, the same table that `plan` prints and `roles` makes roles of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration import ids
from migration.calls.call import Place
from migration.calls.move import Attached, Move, cache_account_id
from migration.calls.table import permissions
from migration.inventory import Fact, Located

if TYPE_CHECKING:
    from migration.rules.case import Case


@dataclass(frozen=True)
class Need:
    """What the move does on a scope: each action with the first step that does it."""

    place: Place
    scope: str
    actions: dict[str, str]
    optional: frozenset[str] = frozenset()
    """Those without which the move goes on."""


def needs_of(case: Case) -> tuple[Need, ...]:
    """Return what the move of a case does, by scope; for a group that does not exist, on its subscription."""
    wanted: dict[tuple[Place, str], Need] = {}
    musts: dict[tuple[Place, str], set[str]] = {}
    for (place, scope), actions in permissions(move_of(case)).items():
        there = _where(case, scope)
        key = (place, ids.id_key(there))
        need = wanted.setdefault(key, Need(place, there, {}))
        need.actions.update({action: step for action, step in actions.items() if action not in need.actions})
        musts.setdefault(key, set()).update(actions.required)
    return tuple(replace(need, optional=frozenset(set(need.actions) - musts[key])) for key, need in wanted.items())


def scopes(case: Case) -> list[str]:
    """Return the scopes on which the identity's permissions have to be known."""
    return list({ids.id_key(need.scope): need.scope for need in case.needs}.values())


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
        hooks=case.hooks,
        attached={vm.name: _attached(case, vm.source_id) for vm in case.vms},
        there=frozenset(there),
    )


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
