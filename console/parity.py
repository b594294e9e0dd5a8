"""How the target of a virtual machine compares with its source, in a few words."""

from migration.parity.values import ParityCounts


def summary(parity: ParityCounts) -> str:
    """Return how the target compares, in one line: `parity: 5 carried, 1 open`."""
    parts = [(parity.carried, "carried"), (parity.restored, "restored"), (parity.waived, "waived")]
    told = [f"{number} {word}" for number, word in parts if number]
    return "parity: " + ", ".join([*told, f"{parity.open} open"])
