"""The plan's book of turns, by itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from migration.phases import Outcome
from migration.plan import Plan
from tests.workflows.scenes import make_plan
from workflows.dispatch import Dispatcher
from workflows.turns import Reason, VmNotice


def _plan(cutover: int = 1, replication: int = 2, on_failures: str = "continue") -> Plan:
    return make_plan(
        {"one": ["a", "b"], "two": ["c", "d"]},
        concurrency={"cutover": cutover, "replication": replication},
        on_failures=on_failures,
    )


def _notice(vm: str, reason: Reason, outcome: Outcome | None = None) -> VmNotice:
    return VmNotice(vm=vm, reason=reason, outcome=outcome)


def _granted(dispatcher: Dispatcher) -> list[str]:
    return [name for name, answer in dispatcher.answers() if answer.granted]


def test_a_machine_counts_as_replicating_until_it_wants_its_turn() -> None:
    """The bound on replication is on those that copy, in wave order."""
    dispatcher = Dispatcher(_plan())
    assert ["a", "b"] == dispatcher.to_start()
    for name in dispatcher.to_start():
        dispatcher.started(name)
    assert [] == dispatcher.to_start()
    dispatcher.note(_notice("b", "protected"))
    assert ["c"] == dispatcher.to_start()


def test_one_permit_is_one_failover() -> None:
    """A permit is granted once, and again after it came back."""
    dispatcher = Dispatcher(_plan())
    for vm in "ab":
        dispatcher.note(_notice(vm, "protected"))
    assert ["a"] == _granted(dispatcher)
    assert [] == _granted(dispatcher)
    dispatcher.note(_notice("a", "verified"))
    assert ["b"] == _granted(dispatcher)


def test_a_repeated_request_gets_no_second_permit() -> None:
    """A machine that asks again while it fails over is not counted twice."""
    dispatcher = Dispatcher(_plan())
    dispatcher.note(_notice("a", "protected"))
    _granted(dispatcher)
    dispatcher.note(_notice("a", "protected"))
    assert [] == _granted(dispatcher)


def test_a_refusal_is_told_once_until_it_is_asked_for_again() -> None:
    """A held machine hears why once; asking again, it hears it again."""
    dispatcher = Dispatcher(_plan(on_failures="hold"))
    dispatcher.end("a", Outcome.ROLLED_BACK)
    dispatcher.end("b", Outcome.MIGRATED)
    dispatcher.note(_notice("c", "protected"))
    [(name, answer)] = dispatcher.answers()
    assert ("c", False, False) == (name, answer.granted, answer.stop)
    assert "a did not move (on_failures: hold)" in answer.why
    assert [] == dispatcher.answers()
    dispatcher.note(_notice("c", "protected"))
    assert [(name, answer)] == dispatcher.answers()


def test_a_machine_outside_its_window_is_passed_by_others_of_its_wave_only() -> None:
    """It holds no permit and no place to copy; the next wave waits for it, and its permit goes on when it shuts."""
    dispatcher = Dispatcher(_plan())
    for vm in dispatcher.to_start():
        dispatcher.started(vm)
    for vm in "ab":
        dispatcher.note(_notice(vm, "protected"))
    assert ["a"] == _granted(dispatcher)
    dispatcher.note(_notice("a", "outside_window"))
    assert (["b"], ["c", "d"]) == (_granted(dispatcher), dispatcher.to_start())
    dispatcher.note(_notice("b", "verified"))
    dispatcher.note(_notice("c", "protected"))
    assert [] == _granted(dispatcher)
    dispatcher.note(_notice("a", "protected"))
    assert ["a"] == _granted(dispatcher)


def test_a_plan_that_stops_tells_a_machine_outside_its_window() -> None:
    """It need not wait for the window to hear that it never gets a turn; a plan that holds tells it when it asks."""
    for on_failures, told in (("stop", [True]), ("hold", [False]), ("continue", [])):
        dispatcher = Dispatcher(_plan(on_failures=on_failures))
        dispatcher.end("a", Outcome.ROLLED_BACK)
        dispatcher.end("b", Outcome.MIGRATED)
        dispatcher.note(_notice("c", "outside_window"))
        assert told == [answer.stop for _, answer in dispatcher.answers()]


def test_the_first_word_on_an_end_stands() -> None:
    """A machine that told its end is not overruled by what its handle says later."""
    dispatcher = Dispatcher(_plan())
    dispatcher.end("a", Outcome.MIGRATED, "well")
    dispatcher.end("a", Outcome.NEEDS_OPERATOR, "ill")
    dispatcher.note(_notice("a", "protected"))
    assert ("ended", Outcome.MIGRATED, "well") == (
        dispatcher.vms["a"].state,
        dispatcher.vms["a"].outcome,
        dispatcher.vms["a"].reason,
    )


def test_strangers_and_the_finished_are_not_heard() -> None:
    """A notice about a machine that the plan does not know changes nothing."""
    dispatcher = Dispatcher(_plan())
    dispatcher.note(_notice("z", "protected"))
    assert {"new"} == {vm.state for vm in dispatcher.vms.values()}


def test_a_machine_of_an_earlier_run_that_speaks_up_is_still_started() -> None:
    """Its workflow must be adopted, and where it stands is not forgotten by that."""
    dispatcher = Dispatcher(_plan(replication=1))
    dispatcher.note(_notice("d", "verified"))
    assert ["d", "a"] == dispatcher.to_start()
    dispatcher.started("d")
    assert ("passed", ["a"]) == (dispatcher.vms["d"].state, dispatcher.to_start())


def test_an_adopted_machine_keeps_the_permit_that_an_earlier_run_gave_it() -> None:
    """One that is in its failover counts against the permits of the new run, until it gives its own back."""
    dispatcher = Dispatcher(_plan())
    dispatcher.note(_notice("a", "cutting_over"))
    dispatcher.note(_notice("b", "protected"))
    assert [] == _granted(dispatcher)
    dispatcher.note(_notice("a", "verified"))
    assert ["b"] == _granted(dispatcher)


def test_a_machine_that_is_gone_with_its_permit_and_begins_anew_gets_a_turn() -> None:
    """What a machine had that is gone without a word does not keep its successor from a turn, nor others."""
    dispatcher = Dispatcher(_plan())
    for vm in "ab":
        dispatcher.note(_notice(vm, "protected"))
    assert ["a"] == _granted(dispatcher)
    dispatcher.lost("a")
    assert ["b"] == _granted(dispatcher)
    dispatcher.started("a")
    dispatcher.note(_notice("a", "protected"))
    dispatcher.note(_notice("b", "verified"))
    assert ["a"] == _granted(dispatcher)


NOTICES = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["protected", "outside_window", "verified", "waits_for_a_person", "ended"]),
        st.sampled_from([Outcome.MIGRATED, Outcome.ROLLED_BACK, Outcome.NEEDS_OPERATOR]),
    ),
    max_size=40,
)


@settings(deadline=None)  # other tests may keep the processor busy
@given(notices=NOTICES, cutover=st.integers(1, 3), replication=st.integers(1, 4))
def test_whatever_is_said_the_bounds_and_the_waves_hold(
    notices: list[tuple[str, Reason, Outcome]], cutover: int, replication: int
) -> None:
    """No order of notices grants more permits than there are, nor a turn to a wave whose predecessor is not through."""
    dispatcher = Dispatcher(_plan(cutover, replication))
    for vm, reason, outcome in notices:
        dispatcher.note(_notice(vm, reason, outcome if reason == "ended" else None))
        for name in dispatcher.to_start():
            dispatcher.started(name)
        for name in _granted(dispatcher):
            before = [dispatcher.vms[other] for other in "ab"] if name in "cd" else []
            assert all(vm.state in {"passed", "ended"} for vm in before)
        states = [vm.state for vm in dispatcher.vms.values()]
        assert states.count("cutting_over") <= cutover
        assert states.count("replicating") <= replication


@settings(deadline=None)  # other tests may keep the processor busy
@given(outcomes=st.lists(st.sampled_from([o for o in Outcome if o is not Outcome.MIXED]), min_size=4, max_size=4))
def test_a_plan_ends_whatever_the_outcomes(outcomes: list[Outcome]) -> None:
    """Under every word on failures each machine gets an answer or an end: none waits for ever."""
    for on_failures in ("continue", "stop"):
        dispatcher = Dispatcher(_plan(cutover=1, replication=1, on_failures=on_failures))
        ends = dict(zip("abcd", outcomes, strict=True))
        for _ in range(50):
            for name in dispatcher.stopped():
                dispatcher.end(name, Outcome.ROLLED_BACK)
            for name in dispatcher.to_start():
                dispatcher.started(name)
                dispatcher.note(_notice(name, "protected"))
            for name, answer in dispatcher.answers():
                dispatcher.note(_notice(name, "ended", ends[name] if answer.granted else Outcome.ROLLED_BACK))
        assert dispatcher.all_ended
