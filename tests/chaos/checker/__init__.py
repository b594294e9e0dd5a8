"""The independent checker: what must hold of any run, whatever went wrong.

It knows the plan's document, the simulator's request log and resource list, and Temporal's histories, and imports
nothing of the product: a mistake in ours cannot hide behind itself. Each invariant is one function from
:class:`Evidence` to the sentences that say where it does not hold.
"""

from tests.chaos.checker.evidence import Evidence, Look
from tests.chaos.checker.judge import INVARIANTS, judge

__all__ = ["INVARIANTS", "Evidence", "Look", "judge"]
