"""`roles`: the least that an identity has to be allowed, as custom roles of Azure."""

from console.errors import InputError
from console.plans import read_plan
from console.session import Session
from migration.calls.finalise import finaliser_roles
from migration.calls.roles import PLACES, custom_roles


def show_roles(
    session: Session, plan_file: str, *, only: str | None, groups_exist: bool, finaliser: bool = False
) -> int:
    """Print the roles for the plan in a file, or the one for a place; no Azure is asked."""
    if only is not None and (finaliser or only not in PLACES):
        raise InputError(f"choosing the role for {only!r}: there is one for each of {', '.join(PLACES)}")
    plan = read_plan(plan_file)
    roles = finaliser_roles(plan) if finaliser else custom_roles(plan, groups_exist=groups_exist)
    whose = "finaliser's identity, and to no other," if finaliser else "worker's identity"
    for role in roles:
        session.note(f"{role['Name']}: assign it to the {whose} on {', '.join(role['AssignableScopes'])}")
    if only is None:
        session.answer_json(roles)
        return 0
    session.answer_json(next(role for role, place in zip(roles, PLACES, strict=True) if place == only))
    return 0
