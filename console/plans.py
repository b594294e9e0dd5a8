"""What PLAN means: a plan file, or the name of a plan that was started."""

from pathlib import Path

from console.errors import InputError
from migration.checks import safe_name
from migration.packing import packed_size
from migration.plan import Plan
from migration.plan_file import load_plan

MOST_PACKED_BYTES = 1_000_000
"""Half of what Temporal takes as one value: where a plan stands is handed on beside it."""
_SUFFIXES = {".yaml", ".yml", ".json"}


def read_plan(text: str) -> Plan:
    """Return the plan in the file *text*.

    Raises:
        PlanFileError: the file cannot be used; says where and what would be right.
    """
    return load_plan(Path(text))


def refuse_too_large(plan: Plan, file: str) -> None:
    """Refuse a plan that would be too large as the input of a workflow, compressed as it is there.

    Raises:
        InputError: it is; says by how much, and what to do.
    """
    size = packed_size(plan.model_dump_json().encode())
    if size > MOST_PACKED_BYTES:
        raise InputError(
            f"{file}: waves: what the plan says of its {len(plan.vms):,} virtual machines has {size / 1e6:.1f} MB even "
            f"compressed, and Temporal is given at most {MOST_PACKED_BYTES / 1e6:.0f} MB; say for the plan or a wave "
            "what holds for many (hooks, cutover, probes), or split the plan"
        )


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
