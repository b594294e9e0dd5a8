"""What PLAN means: a plan file, or the name of a plan that was started."""

from pathlib import Path

from console.errors import InputError
from migration.checks import safe_name
from migration.plan import Plan
from migration.plan_file import load_plan

_SUFFIXES = {".yaml", ".yml", ".json"}


def read_plan(text: str) -> Plan:
    """Return the plan in the file *text*.

    Raises:
        PlanFileError: the file cannot be used; says where and what would be right.
    """
    return load_plan(Path(text))


def plan_name(text: str) -> str:
    """Return the name of the plan that *text* means: that of the plan in a file, else *text* itself.

    Raises:
        PlanFileError: it is a file that cannot be used.
        InputError: it is neither a file nor a name.
    """
    if Path(text).suffix.lower() in _SUFFIXES or "/" in text:
        return read_plan(text).name
    try:
        return safe_name(text)
    except ValueError as error:
        raise InputError(f"reading {text!r} as the name of a plan: {error}") from None
