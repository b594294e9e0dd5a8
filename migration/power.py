"""Power states as Azure's instance view spells them.

`States and billing <https://learn.microsoft.com/azure/virtual-machines/states-billing>`_.
"""

RUNNING = "PowerState/running"
DEALLOCATED = "PowerState/deallocated"
STARTING = "PowerState/starting"

_OFF = {"powerstate/deallocated", "powerstate/stopped"}
_LIVE = {"powerstate/running", "powerstate/starting"}


def is_running(state: str | None) -> bool:
    """Tell whether a machine runs, or is about to: for two copies the difference does not matter."""
    return (state or "").lower() in _LIVE


def is_off(state: str | None) -> bool:
    """Tell whether a machine certainly does not run: deallocated, stopped, or not there (None)."""
    return state is None or state.lower() in _OFF
