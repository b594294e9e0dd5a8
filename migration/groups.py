"""How a consistency group decides: what its members say, what holds of all of them, and the one word on the commit.

Until a member has said `prepared` it may go back by itself, and takes the group with it: nobody can have committed.
Once it has, only the group's word counts. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

from pydantic import Field

from migration.base import Value
from migration.models import JobRef
from migration.phases import Outcome

Stage = Literal[
    "silent",
    "joined",
    "protected",
    "granted",
    "checked",
    "ready",
    "failing_over",
    "verified",
    "approved",
    "prepared",
    "committing",
    "committed",
    "apart",
    "wants_back",
    "back",
    "back_apart",
    "ended",
]
"""Where a member stands. `granted`, `failing_over`, `committing` and the two `apart` are said by the leader alone.

`joined`: it has begun. `protected`: it may fail over once it has a turn. `checked`: it may still. `ready`: its hooks
have run, the failover may begin. `prepared`: what was approved is so; it does as the group says. `apart`: the recovery
plan is gone, so that each may end its replication. `wants_back`: it is prepared, and asks for the group's word. `back`:
it has begun to return, and begins nothing new; `back_apart`: of the leader on that way. `ended`: it is over.
"""
_STAGES: tuple[Stage, ...] = get_args(Stage)
ON_THE_WAY = _STAGES[: _STAGES.index("wants_back")]
_LOOKED_AT: tuple[Stage, ...] = ("checked", "ready", "approved", "prepared")
"""What counts only in the round in which it was said."""
Decision = Literal["", "commit", "back"]
FRESH = timedelta(minutes=15)
"""How long what a member has looked at counts, while others are waited for: then all look once more."""


class MemberWord(Value):
    """What a member says: where it stands, and what it knows of the group's rounds."""

    vm: str
    stage: Stage
    why: str = Field("", description="Why it goes back or asks anew; how it ended.")
    by: str = Field("", description="Who approved.")
    job: JobRef | None = Field(None, description="What the leader began for all.")
    outcome: Outcome | None = None
    looks: int = 0
    asked: int = 0
    anew: bool = Field(default=False, description="What was looked at, or approved, is not so any more.")
    decided: Decision = Field("", description="The group's word as this member knows it.")


class GroupState(Value):
    """Where a group stands; the members act on it alone."""

    decision: Decision = ""
    why: str = Field("", description="Why it goes back, or asks anew.")
    protected: bool = False
    granted: bool = False
    checked: bool = False
    ready: bool = False
    failing_over: bool = False
    failover: JobRef | None = None
    verified: bool = False
    approved: str = Field("", description="Who approved one member, and with it the group.")
    approved_on: str = ""
    committing: bool = False
    commit: JobRef | None = None
    committed: bool = False
    uncommitted: list[str] = Field(default_factory=list, description="Those that ended without a commit, and why.")
    called_off: bool = Field(default=False, description="The leader begins nothing any more.")
    apart: bool = False
    looks: int = Field(0, description="How often all had to look again.")
    asked: int = Field(0, description="How often approvals became void.")
    stages: dict[str, Stage] = Field(default_factory=dict)

    @property
    def gist(self) -> GroupState:
        """What all have to hear at once; where each stands they hear with it."""
        return self.model_copy(update={"stages": {}})

    def behind(self, stage: Stage) -> list[str]:
        """Return those that have not come as far as a stage."""
        wanted = ON_THE_WAY.index(stage)
        return [name for name, at in self.stages.items() if at not in ON_THE_WAY or ON_THE_WAY.index(at) < wanted]


@dataclass
class _Member:
    name: str
    stage: Stage = "silent"
    heard: bool = False
    since: datetime | None = None
    """When it looked last."""
    outcome: Outcome | None = None
    why: str = ""
    committed: bool = False

    def is_at(self, stage: Stage) -> bool:
        if self.stage == "ended":
            return self.committed or self.outcome is Outcome.MIGRATED
        return self.stage in ON_THE_WAY and ON_THE_WAY.index(self.stage) >= ON_THE_WAY.index(stage)


@dataclass
class GroupBook:
    """The book of one group. The first member leads."""

    names: list[str]
    _members: dict[str, _Member] = field(init=False)
    _decision: Decision = ""
    _why: str = ""
    _granted: bool = False
    _failing_over: bool = False
    _failover: JobRef | None = None
    _approved: tuple[str, str] = ("", "")
    _committing: bool = False
    _commit: JobRef | None = None
    _apart: bool = False
    _wants_back: str = ""
    _looks: int = 0
    _asked: int = 0

    def __post_init__(self) -> None:
        self._members = {name: _Member(name) for name in self.names}

    @property
    def is_over(self) -> bool:
        """Whether all have ended."""
        return all(member.stage == "ended" for member in self._members.values())

    @property
    def living(self) -> list[str]:
        """Those that have not ended."""
        return [member.name for member in self._members.values() if member.stage != "ended"]

    @property
    def heard_living(self) -> list[str]:
        """Those that have spoken and not ended."""
        return [name for name in self.living if self._members[name].heard]

    def take(self, word: MemberWord, now: datetime) -> None:
        """Take what a member says, and decide what follows."""
        member = self._members.get(word.vm)
        if member is None or member.stage == "ended":
            return
        member.heard = True
        self._learn(word)
        if word.stage not in ON_THE_WAY:
            self._take_back(member, word)
        elif word.anew:
            self._begin_anew(word)
        elif word.stage not in _LOOKED_AT or (word.looks, word.asked) == (self._looks, self._asked):
            self._advance(member, word, now)
        self._decide(now)

    def state(self) -> GroupState:
        """Return where the group stands."""
        members = list(self._members.values())
        leader = members[0]
        return GroupState(
            decision=self._decision,
            why=self._why,
            protected=self._all("protected"),
            granted=self._granted,
            checked=self._all("checked"),
            ready=self._all("ready"),
            failing_over=self._failing_over,
            failover=self._failover,
            verified=self._all("verified"),
            approved=self._approved[0],
            approved_on=self._approved[1],
            committing=self._committing,
            commit=self._commit,
            committed=self._all("committed"),
            uncommitted=[
                f"{one.name} ({one.why or 'it ended'})"
                for one in members
                if one.stage == "ended" and not one.is_at("committed")
            ],
            called_off=self._decision == "back" and leader.stage not in ON_THE_WAY,
            apart=self._apart,
            looks=self._looks,
            asked=self._asked,
            stages={one.name: one.stage for one in members},
        )

    def _learn(self, word: MemberWord) -> None:
        """Take what a member knows and this book does not: a book that was lost is written anew by the members."""
        if word.decided == "commit":
            self._decision = "commit"
        elif word.decided == "back" and not self._decision:
            self._decision, self._why = "back", word.why
        if word.looks > self._looks or word.asked > self._asked:
            self._looks, self._asked = max(word.looks, self._looks), max(word.asked, self._asked)

    def _take_back(self, member: _Member, word: MemberWord) -> None:
        if word.stage == "wants_back":
            # It has given its consent: whether it may go back, only the group knows.
            self._wants_back = self._wants_back or f"{member.name}: {word.why}"
            return
        if member.stage == "back_apart" and word.stage == "back":
            return
        member.committed = member.is_at("committed")
        member.stage, member.outcome, member.why = word.stage, word.outcome, word.why
        leads = member.name == self.names[0]
        self._apart = self._apart or (leads and word.stage in {"back_apart", "ended"})
        if not self._decision and not member.is_at("committed"):
            self._decision, self._why = "back", f"{member.name}: {word.why or 'it went back'}"

    def _begin_anew(self, word: MemberWord) -> None:
        """Let all look again; where approvals became void, let all ask again."""
        is_asked = any(member.is_at("verified") for member in self._members.values())
        if not self._decision and (is_asked or not self._failing_over):
            self._why = f"{word.vm}: {word.why}"
            self._look_again(ask=is_asked)

    def _look_again(self, *, ask: bool) -> None:
        self._looks += 1
        self._granted = self._granted and self._failing_over
        before: dict[Stage, Stage] = {"checked": "protected", "ready": "protected", "prepared": "approved"}
        if ask:
            self._asked += 1
            self._approved = ("", "")
            before |= {"prepared": "verified", "approved": "verified"}
        for member in self._members.values():
            member.stage = before.get(member.stage, member.stage)

    def _advance(self, member: _Member, word: MemberWord, now: datetime) -> None:
        if member.stage not in ON_THE_WAY:
            return
        if ON_THE_WAY.index(word.stage) > ON_THE_WAY.index(member.stage):
            if word.stage in {"checked", "prepared"}:
                member.since = now
            # The leader says `granted` before it has checked, and may say it again later.
            member.stage = word.stage
        if word.stage == "approved" and not self._approved[0]:
            self._approved = (word.by, member.name)
        if member.name != self.names[0]:
            return
        if word.stage == "granted":
            self._granted = True
        elif word.stage == "failing_over":
            self._failing_over, self._failover = True, word.job or self._failover
        elif word.stage == "committing":
            self._committing, self._commit = True, word.job or self._commit
        self._apart = self._apart or word.stage == "apart"

    def _decide(self, now: datetime) -> None:
        if self._decision:
            return
        if self._wants_back and all(member.heard for member in self._members.values()):
            self._decision, self._why = "back", self._wants_back
        elif self._all("prepared"):
            if not self._look_is_old("prepared", now):
                self._decision = "commit"
        elif self._all("checked") and not self._failing_over:
            self._look_is_old("checked", now)

    def _look_is_old(self, stage: Stage, now: datetime) -> bool:
        """Tell whether somebody's look is too old, and then let all look again."""
        seen = [member.since for member in self._members.values() if member.stage == stage and member.since]
        if len(seen) < len(self.names) or now - min(seen) <= FRESH:
            return False
        self._look_again(ask=False)
        return True

    def _all(self, stage: Stage) -> bool:
        return all(member.is_at(stage) for member in self._members.values())
