"""The moments in which two copies ran: kept for the report, and alarmed for as long as nobody has contained them."""

from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.copies import TwoCopies
    from migration.times import parse_azure_time, seconds_between, utc_text

Side = Literal["target", "source"]


class Moments:
    """What a virtual machine's report tells of two running copies."""

    def __init__(self) -> None:
        self.all: list[TwoCopies] = []

    @property
    def is_open(self) -> bool:
        """Whether two copies may run now."""
        return bool(self.all) and self.all[-1].contained is None

    @property
    def alarm(self) -> str:
        """The newest moment in words, "" where there was none."""
        return self.all[-1].text if self.all else ""

    def see(self, where: str, source_since: str | None, target_since: str | None, stopped: Side) -> TwoCopies:
        """Enter that both were read running; one that is not contained yet goes on."""
        if self.is_open:
            return self.all[-1]
        now = utc_text(workflow.now())
        both = _later(source_since, target_since)
        moment = TwoCopies(
            where=where, clock="azure" if both else "temporal", seen=both or now, noticed=now, stopped=stopped
        )
        self.all.append(moment)
        workflow.logger.error("Two copies run", extra={"alarm": moment.text})
        return moment

    def contain(self, since: str | None, stopped: Side) -> TwoCopies:
        """Enter that one side was proved to be off, *since* when by Azure."""
        moment, now = self.all[-1], utc_text(workflow.now())
        by_azure = moment.clock == "azure" and parse_azure_time(since) is not None
        seen, contained = (moment.seen, since or now) if by_azure else (moment.noticed, now)
        lasted = seconds_between(seen, contained)
        told = moment.model_copy(
            update={
                "clock": "azure" if by_azure else "temporal",
                "seen": seen,
                "contained": contained,
                "stopped": stopped,
                "seconds": None if lasted is None else max(lasted, 0),
            }
        )
        self.all[-1] = told
        workflow.logger.error("Two copies ran; contained", extra={"alarm": told.text, "seconds": told.seconds})
        return told


def _later(one: str | None, other: str | None) -> str | None:
    """Return the later of two of Azure's times, None unless both can be read."""
    first, second = parse_azure_time(one), parse_azure_time(other)
    if first is None or second is None:
        return None
    return one if first >= second else other
