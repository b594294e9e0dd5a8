"""Which looks at Azure are spared: what was just read, and what another answer tells as well, is not read again."""

from temporalio import workflow


def are_spared(*, joins_steps: bool) -> bool:
    """Tell whether this run spares them; one from before goes on as it began.

    *joins_steps*: what was begun so is from after, and needs no patch to tell.
    """
    return joins_steps or workflow.patched("looks-are-spared")
