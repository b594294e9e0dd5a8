"""What the move of a case does, by place and scope: what the identity has to be allowed.

It comes from `migration.calls`, the same table that `plan` prints and `roles` makes roles of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migration import ids
from migration.calls.call import Place
from migration.calls.move import Attached, Move, others, shared_out
from migration.calls.table import permissions
from migration.facts import Fact
from migration.inventory import Located

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
    for (place, scope), actions in permissions(*moves_of(case)).items():
        there = _where(case, scope)
        key = (place, ids.id_key(there))
        need = wanted.setdefault(key, Need(place, there, {}))
        need.actions.update({action: step for action, step in actions.items() if action not in need.actions})
        musts.setdefault(key, set()).update(actions.required)
    return tuple(replace(need, optional=frozenset(set(need.actions) - musts[key])) for key, need in wanted.items())


def scopes(case: Case) -> list[str]:
    """Return the scopes on which the identity's permissions have to be known."""
    return list({ids.id_key(need.scope): need.scope for need in case.needs}.values())


def moves_of(case: Case) -> list[Move]:
    """Return the moves of a case, one for each vault that is used, with what is known of its sources."""
    inventory = case.inventory
    there = {key for key, fact in inventory.groups.items() if fact.value or fact.unasked}
    there |= {key for key, fact in inventory.vaults.items() if _may_be_there(fact)}
    there |= {key for key, fact in inventory.accounts.items() if _may_be_there(fact)}
    places = {vm.name: case.place_of(vm) for vm in case.vms} if case.placement else None
    moves = []
    for vault, mine in zip(case.vaults, shared_out(case.vms, len(case.vaults), places), strict=True):
        if mine:
            accounts = {case.place_of(vm).account for vm in mine}
            moves.append(
                Move(
                    vms=mine,
                    vault_id=vault.id,
                    failover=case.failover,
                    cache_account_ids=tuple(vault.account(mine[0].source_region, n) for n in sorted(accounts)),
                    asks_guests=bool(case.asks_guests),
                    hooks=case.hooks,
                    attached={vm.name: _attached(case, vm.source_id) for vm in mine},
                    there=frozenset(there),
                    fellows=others(case.vms, mine),
                )
            )
    return moves


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
