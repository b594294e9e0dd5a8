"""The book of a consistency group: what each word leads to, in whatever order the words come."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.groups import FRESH, ON_THE_WAY, GroupBook, GroupState, MemberWord
from migration.models import JobRef
from migration.phases import Outcome

NOW = datetime(2026, 3, 1, tzinfo=UTC)
JOB = JobRef(id="/job", scenario="UnplannedFailover", target_id="plan")
TO_PREPARED: tuple[Any, ...] = ("protected", "checked", "ready", "verified", "approved", "prepared")


def book(*names: str) -> GroupBook:
    """Return a book of a group; its first member leads."""
    return GroupBook(list(names or ("db", "web")))


def say(group: GroupBook, vm: str, *stages: Any, at: datetime = NOW, **more: Any) -> GroupState:
    """Let a member say where it stands, one after the other, knowing what the group knows."""
    for stage in stages:
        known = {"looks": group.state().looks, "asked": group.state().asked}
        group.take(MemberWord.model_validate({"vm": vm, "stage": stage} | known | more), at)
    return group.state()


def test_nothing_holds_before_it_holds_of_all() -> None:
    """Each barrier opens with the last member; the leader alone begins what is done for all."""
    group = book()
    seen = []
    for stage in ("protected", "checked", "ready", "verified", "prepared", "committed"):
        before = say(group, "db", stage)
        seen.append((getattr(before, stage, before.decision), getattr(say(group, "web", stage), stage, None)))
        if stage == "ready":
            assert not say(group, "web", "failing_over", job=JOB).failing_over
            assert JOB == say(group, "db", "failing_over", job=JOB).failover
    assert [(False, True)] * 4 + [("", None), (False, True)] == seen
    assert "commit" == group.state().decision
    say(group, "db", "apart")
    assert group.state().apart
    say(group, "db", "ended", outcome=Outcome.MIGRATED)
    assert not group.is_over
    say(group, "web", "ended", outcome=Outcome.MIGRATED)
    assert (True, []) == (group.is_over, group.state().uncommitted)


def test_who_goes_back_takes_all_along_until_it_has_given_its_consent() -> None:
    """Before its consent a word is enough; after it only the group's own word counts, and a commit stands."""
    early = book()
    assert ("back", "web: no agent") == (say(early, "web", "back", why="no agent").decision, early.state().why)
    assert not early.state().called_off
    assert say(early, "db", "back").called_off

    asks = book()
    say(asks, "db", *TO_PREPARED)
    say(asks, "web", *TO_PREPARED[:-1])
    assert "back" == say(asks, "db", "wants_back", why="it was cancelled").decision
    assert "back" == say(asks, "web", "prepared").decision

    late = book()
    for vm in ("db", "web"):
        say(late, vm, *TO_PREPARED)
    for stage in ("wants_back", "back"):
        assert "commit" == say(late, "db", stage, why="it was cancelled").decision
    assert 0 == say(late, "web", "verified", anew=True, why="too late").asked


def test_an_approval_counts_for_all_until_it_is_void() -> None:
    """The first approval stands for the group; what was approved and changed makes all ask again, in a new round."""
    group = book()
    for vm in ("db", "web"):
        say(group, vm, *TO_PREPARED[:4])
    state = say(group, "web", "approved", by="anna")
    assert ("anna", "web") == (state.approved, state.approved_on)
    say(group, "db", "approved", "prepared", by="bert")
    stale = group.state().asked
    state = say(group, "web", "verified", anew=True, why="its size changed")
    assert ("", "", 1, "web: its size changed") == (state.decision, state.approved, state.asked, state.why)
    assert ["db", "web"] == state.behind("approved")
    group.take(MemberWord(vm="web", stage="approved", by="anna", asked=stale), NOW)
    group.take(MemberWord(vm="db", stage="prepared", asked=stale), NOW)
    assert ("", "") == (group.state().approved, group.state().decision)
    for vm in ("web", "db"):
        say(group, vm, "approved", "prepared", by="anna")
    assert "commit" == group.state().decision


@pytest.mark.parametrize("stage", ["checked", "prepared"])
def test_what_was_looked_at_long_ago_is_looked_at_again(stage: Any) -> None:
    """A member that waited for others more than a quarter of an hour does not act on what it saw before."""
    before = TO_PREPARED[: TO_PREPARED.index(stage)]

    def holds(state: GroupState) -> bool:
        return state.checked if stage == "checked" else state.decision == "commit"

    for late, looks in ((FRESH, 0), (FRESH + timedelta(seconds=1), 1)):
        group = book()
        for vm in ("db", "web"):
            say(group, vm, *before)
        say(group, "db", stage)
        state = say(group, "web", stage, at=NOW + late)
        assert (looks, 0, not looks) == (state.looks, state.asked, holds(state))
        say(group, "db", stage, at=NOW + late)
        assert holds(say(group, "web", stage, at=NOW + late))


def test_a_lost_book_is_written_anew_by_the_members() -> None:
    """A new book that one member tells of the commit commits; a wish to go back waits until all have spoken."""
    waits = book()
    assert "" == say(waits, "web", "wants_back", why="it was cancelled").decision
    assert "commit" == say(waits, "db", "committing", decided="commit", looks=3, asked=1).decision
    assert (3, 1) == (waits.state().looks, waits.state().asked)

    both = book()
    say(both, "web", "wants_back", why="it was cancelled")
    assert "back" == say(both, "db", "prepared").decision


def test_the_split_of_a_group_is_told() -> None:
    """Who ended without its commit after the group's word is named; one that committed before its end is not."""
    group = book("db", "web", "app")
    for vm in group.names:
        say(group, vm, *TO_PREPARED)
    say(group, "db", "committed")
    say(group, "db", "ended", outcome=Outcome.NEEDS_OPERATOR)
    state = say(group, "web", "ended", outcome=Outcome.NEEDS_OPERATOR, why="olga gave up: quota")
    assert (["web (olga gave up: quota)"], False) == (state.uncommitted, state.committed)
    assert "commit" == state.decision


WORDS = st.lists(
    st.tuples(
        st.sampled_from(["db", "web", "app", "stranger"]),
        st.sampled_from([*ON_THE_WAY, "wants_back", "back", "back_apart", "ended"]),
        st.booleans(),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(words=WORDS, seed=st.integers(0, 2**16))
def test_the_groups_word_is_one_and_stands(words: list[Any], seed: int) -> None:
    """Whatever is said in whatever order: the decision is never taken back, and a commit has everybody's consent."""
    group, decided, consent = book("db", "web", "app"), "", set[str]()
    clock = random.Random(seed)  # noqa: S311 - times of a test
    now = NOW
    for vm, stage, anew in words:
        now += timedelta(seconds=clock.randrange(900))
        before = group.state()
        say(group, vm, stage, at=now, anew=anew and stage == "verified")
        state = group.state()
        if state.looks != before.looks:
            consent.clear()
        elif stage in {"prepared", "committing", "committed", "apart"}:
            consent.add(vm)
        assert decided in {"", state.decision}
        decided = state.decision
        assert state.decision != "commit" or before.decision == "commit" or {"db", "web", "app"} <= consent
