"""Which looks at Azure are spared: what was just read, and what another answer tells as well, is not read again."""

from temporalio import workflow


def are_spared() -> bool:
    """Tell whether this run spares them; one from before goes on as it began."""
    return workflow.patched("looks-are-spared")
