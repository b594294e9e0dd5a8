"""May the identity that runs the move do what the move does, at each place?

What it does comes from `migration.calls`, the same table that `plan` prints and `roles` makes roles of.
`Resource provider operations <https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations>`_.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.access import Denial
from migration.calls.call import Place
from migration.facts import UnaskedError
from migration.ids import describe
from migration.rules.access import allows, denies
from migration.rules.built_in_roles import granting
from migration.rules.case import Case, Hit, SharedCheck
from migration.rules.needs import Need
from migration.rules.perimeter import RUN_COMMAND
from migration.severities import Severity

_SHOWN = 8
_WISHED = {
    RUN_COMMAND,
    "Microsoft.DevTestLab/schedules/read",
    "Microsoft.Insights/diagnosticSettings/read",
    "Microsoft.Network/publicIPAddresses/read",
    "Microsoft.Network/virtualNetworks/subnets/read",
}
"""Without these the move goes on: where no machine may be asked from inside, its network's rules are read; where a side
cannot be read, its rows of parity stay open until somebody answers for them."""


def _checks(place: Place) -> SharedCheck:
    def check(case: Case) -> Iterator[Hit]:
        unasked: UnaskedError | None = None
        for need in case.needs:
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
    kinds: tuple[tuple[list[str], Severity | None], ...] = (
        (_musts(need, lacking), None),
        (_wishes(lacking), "warning"),
        # Whoever lacks what the move needs will grant by that; this is for those who have just that.
        ([] if _musts(need, lacking) else [action for action in lacking if action in need.optional], "note"),
    )
    for actions, severity in kinds:
        if actions:
            remedy = "; ".join(_grant(role, need.scope) for role in granting(actions))
            yield Hit(describe(need.scope), f"the identity may not {_told(actions, need)}", remedy, severity)
    for denial in case.inventory.deny_assignments.about(need.scope) or ():
        yield from _denied(need, denial)


def _denied(need: Need, denial: Denial) -> Iterator[Hit]:
    if denial.applies is False or not denial.holds(need.scope):
        return
    denied = _musts(need, [action for action in need.actions if denies(denial, action)])
    if not denied:
        return
    what = f'the deny assignment "{denial.name}" on {describe(denial.scope)} forbids {_told(denied, need)}'
    remedy = "have the identity excluded from it, or run the move as another identity"
    if denial.applies is None:
        what += "; whether it concerns this identity could not be found out"
        yield Hit(describe(need.scope), what, remedy, severity="unknown")
    else:
        yield Hit(describe(need.scope), what, remedy)


def _musts(need: Need, actions: list[str]) -> list[str]:
    return [action for action in actions if action not in _WISHED and action not in need.optional]


def _wishes(actions: list[str]) -> list[str]:
    return [action for action in actions if action in _WISHED]


def _told(actions: list[str], need: Need) -> str:
    steps = list(dict.fromkeys(need.actions[action] for action in actions))
    more = len(actions) - _SHOWN
    named = ", ".join(actions[:_SHOWN]) + (f" and {more} more (`roles` prints all)" if more > 0 else "")
    return f"{named} (to {', '.join(steps[:3])}{' and so on' if len(steps) > 3 else ''})"


def _grant(role: str, scope: str) -> str:
    return f'grant it {role} there: az role assignment create --role "{role}" --scope {scope} --assignee IDENTITY'


_PLACES: tuple[Place, ...] = ("vault", "source", "target", "network", "subscription")
SHARED_CHECKS: dict[str, SharedCheck] = {f"permissions-{place}": _checks(place) for place in _PLACES}
