"""The plan's book of turns with all it knows: a graph of waves, limits of every part, health gates, pauses."""

import gc
import random
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.fleet_looks import TurnAnswer
from migration.phases import Outcome
from migration.plan import Plan, Vm, Wave
from migration.plan_fleet import Home, Limits
from migration.steering import DispatchState, LimitsNow, Part, Pause, places_of, ranges
from tests.workflows.scenes import make_plan
from workflows.dispatch import Dispatcher, VmState
from workflows.turns import Reason, VmNotice

PLAN = Part(kind="plan")
UNMOVED = (Outcome.ROLLED_BACK, Outcome.NEEDS_OPERATOR, Outcome.REFUSED)


@pytest.fixture(autouse=True, scope="module")
def _two_homes() -> Iterator[None]:
    """Let the last letter of a virtual machine's name say where it is: 0 to 3 in two subscriptions and two vaults."""

    def home_of(plan: Plan, vm: Vm) -> Home:
        del plan
        number = int(vm.name[-1])
        return Home(f"sub-{number % 2}", f"vault-{number // 2 % 2}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workflows.vm_state.home_of", home_of)
        yield


def fleet(after: dict[str, list[str] | None], each: int = 2, **differing: Any) -> Plan:
    """Return a plan of waves by what each comes after, of *each* so many machines: `a0`, `a1`, `b0`, ..."""
    waves = [
        {"name": name, "vms": [{"name": f"{name}{number}"} for number in range(each)]}
        | ({} if before is None else {"after": before})
        for name, before in after.items()
    ]
    return make_plan(waves=waves, **differing)


def say(book: Dispatcher, vm: str, reason: Reason, outcome: Outcome | None = None) -> None:
    """Let a virtual machine tell its plan something."""
    book.note(VmNotice(vm=vm, reason=reason, outcome=outcome))


def granted(book: Dispatcher) -> list[str]:
    """Return those that get a turn now."""
    return [name for name, answer in book.answers() if answer.granted]


def begin(book: Dispatcher) -> list[str]:
    """Start those that may start, and return them."""
    names = [name for name in book.to_start() if book.may_start(name)]
    for name in names:
        book.started(name)
    return names


def paused(part: Part) -> Pause:
    """Return a pause of a part of a plan."""
    return Pause(part=part, by="olga", at="2026-03-01T10:00:00Z", reason="a look at it")


def wave(name: str) -> Part:
    """Return a wave."""
    return Part(kind="wave", name=name)


def reborn(book: Dispatcher, plan: Plan) -> Dispatcher:
    """Return a book that goes on where another one stands, from what crosses a continue-as-new."""
    return Dispatcher(plan, DispatchState.model_validate_json(book.state().model_dump_json()))


def test_waves_replicate_and_fail_over_in_the_order_that_after_makes() -> None:
    """Each comes after those that it depends on, ties as written; independent ones fail over beside each other."""
    plan = fleet({"web": ["DB"], "db": [], "dns": None, "tools": [], "shop": ["web", "tools"]}, 1)
    book = Dispatcher(plan)
    assert ["db0", "web0", "dns0", "tools0", "shop0"] == begin(book)
    for name in ("web0", "db0", "dns0", "tools0", "shop0"):
        say(book, name, "protected")
    assert ["db0", "tools0"] == granted(book)
    say(book, "tools0", "verified")
    assert [] == granted(book)
    say(book, "db0", "waits_for_a_person")
    assert ["web0", "dns0"] == granted(book)
    say(book, "web0", "verified")
    assert ["shop0"] == granted(book)


def test_a_wave_waits_for_what_its_own_waves_wait_for() -> None:
    """An empty step between does not open the gate: who was adopted ahead of its turn stands in nobody's stead."""
    book = Dispatcher(fleet({"a": [], "b": None, "c": None}, 1))
    say(book, "b0", "verified")
    say(book, "c0", "protected")
    assert [] == granted(book)
    say(book, "a0", "verified")
    assert ["c0"] == granted(book)


def test_each_part_of_a_plan_has_its_own_room() -> None:
    """Plan, wave, subscription and vault bound replication and failovers, and others pass those that find no room."""
    limits = {
        "replication": 6,
        "cutover": 3,
        "per_subscription": {"replication": 3},
        "per_vault": {"cutover": 1, "replication": 4},
    }
    plan = fleet({"a": [], "b": []}, 4, concurrency=limits)
    narrow = plan.waves[0].model_copy(update={"concurrency": Limits(replication=2)})
    book = Dispatcher(plan.model_copy(update={"waves": [narrow, plan.waves[1]]}))
    assert ["a0", "a1", "b0", "b1", "b2", "b3"] == begin(book)
    for vm in ("a0", "a1", "b0", "b1", "b2", "b3"):
        say(book, vm, "protected")
    assert ["a0", "b2"] == granted(book)
    assert ["a2", "a3"] == begin(book)
    say(book, "a0", "verified")
    assert ["a1"] == granted(book)


def test_a_share_of_failures_is_tolerated_and_counted_against_all() -> None:
    """Of eight before it two may fail at 25 percent; the third holds the wave, for good, and no one else's."""
    plan = fleet({"a": [], "b": [], "c": ["a", "b"], "d": ["b"]}, 4, on_failures="hold", tolerated_failures_percent=25)
    book = Dispatcher(plan)
    for number in range(2):
        book.end(f"a{number}", Outcome.ROLLED_BACK)
    for name in ("a2", "a3", "b0", "b1", "b2"):
        book.end(name, Outcome.MIGRATED)
    for name in ("c0", "d0"):
        say(book, name, "protected")
    assert ([], []) == (granted(book), book.held_gates)
    book.end("b3", Outcome.NEEDS_OPERATOR)
    [(who, answer), (other, turn)] = book.answers()
    assert ("c0", False, "d0", True) == (who, answer.granted, other, turn.granted)
    assert "of an earlier wave, a0, a1, b3 did not move (on_failures: hold; 3 of 8, tolerated: 25 %)" == answer.why
    [gate] = book.held_gates
    assert ("c", 3, 8, 25) == (gate.wave, gate.failed, gate.of, gate.tolerated_percent)
    assert answer.why == book.held_back(book.vms["c0"])
    book.open_gate("c")
    assert (["c0"], []) == (granted(book), book.held_gates)


def test_who_was_held_hears_that_the_gate_is_open_though_its_order_still_holds() -> None:
    """Else it asks a person for what has been said; it hears so once, and those that were never told hear nothing."""
    book = Dispatcher(fleet({"a": [], "b": ["a"]}, 2, on_failures="hold"))
    for name in ("b0", "b1"):
        say(book, name, "protected")
    book.end("a0", Outcome.ROLLED_BACK)
    assert [("b0", False), ("b1", False)] == [(name, answer.granted) for name, answer in book.answers()]
    book.open_gate("b")
    assert [("b0", TurnAnswer(granted=False)), ("b1", TurnAnswer(granted=False))] == book.answers()
    assert [] == book.answers()
    book.end("a1", Outcome.MIGRATED)
    assert ["b0", "b1"] == granted(book)


def test_a_wave_may_tolerate_more_or_less_than_its_plan() -> None:
    """100 percent is never too much; a wave's own word stands before the plan's."""
    plan = fleet({"a": [], "b": ["a"], "c": ["a"]}, 2, on_failures="stop", tolerated_failures_percent=100)
    strict = plan.waves[1].model_copy(update={"tolerated_failures_percent": 49})
    book = Dispatcher(plan.model_copy(update={"waves": [plan.waves[0], strict, plan.waves[2]]}))
    for name in ("a0", "a1"):
        book.end(name, Outcome.ROLLED_BACK)
    assert ["b0", "b1"] == book.stopped()


def test_a_pause_begins_nothing_and_ends_nothing() -> None:
    """Plan, wave and machine: what has its turn keeps it, what asks waits, and a resume lifts only its own pause."""
    book = Dispatcher(fleet({"a": [], "b": []}, 2, concurrency={"cutover": 9, "replication": 9}))
    begin(book)
    say(book, "a0", "protected")
    assert ["a0"] == granted(book)
    parts = [PLAN, wave("a"), Part(kind="vm", name="b0")]
    for part in parts:
        book.pause(paused(part))
    for name in ("a0", "a1", "b0", "b1"):
        say(book, name, "protected")
    book.lost("b1")
    assert ([], [], "cutting_over") == (granted(book), book.to_start(), book.vms["a0"].state)
    assert 2 == len(book.pauses.of(book.vms["a1"]))
    book.resume(PLAN)
    assert ([], ["b1"]) == (granted(book), begin(book))
    book.resume(wave("a"))
    assert ["a1"] == granted(book)
    book.resume(parts[2])
    assert ["b0"] == granted(book)


def test_a_machine_of_an_earlier_run_is_taken_up_only_once_the_pause_is_over() -> None:
    """To take it up might begin it anew."""
    book = Dispatcher(fleet({"a": []}))
    say(book, "a1", "protected")
    book.pause(paused(wave("a")))
    assert [] == book.to_start()
    book.resume(wave("a"))
    assert ["a1", "a0"] == book.to_start()


def test_who_was_about_to_start_does_not_when_a_person_speaks_meanwhile() -> None:
    """Between the list and each start there is time for a pause, or for a lower limit."""
    book = Dispatcher(fleet({"a": []}, 4, concurrency={"replication": 4}))
    first, second, third, last = book.to_start()
    book.started(first)
    book.limit(LimitsNow(part=PLAN, replication=2))
    assert book.may_start(second)
    book.started(second)
    assert not book.may_start(third)
    book.limit(LimitsNow(part=PLAN, replication=4))
    book.pause(paused(Part(kind="vm", name=third)))
    assert [False, True] == [book.may_start(third), book.may_start(last)]


def test_limits_change_while_it_runs_and_lowering_interrupts_nobody() -> None:
    """Each part by itself; what is not given stays, and more come as soon as there is room."""
    book = Dispatcher(fleet({"a": []}, 4, concurrency={"replication": 4, "cutover": 3}))
    for name in begin(book):
        say(book, name, "protected")
    assert ["a0", "a1", "a2"] == granted(book)
    book.limit(LimitsNow(part=PLAN, cutover=1))
    book.limit(LimitsNow(part=Part(kind="vault", name="VAULT-1"), cutover=1))
    say(book, "a0", "verified")
    say(book, "a1", "verified")
    assert ([], 1) == (granted(book), sum(vm.state == "cutting_over" for vm in book.vms.values()))
    assert (4, 1) == (book.concurrency.replication, book.concurrency.cutover)
    book.limit(LimitsNow(part=PLAN, cutover=9))
    assert [] == granted(book)  # the vault's only place is taken
    book.limit(LimitsNow(part=Part(kind="vault", name="vault-1"), cutover=2))
    assert ["a3"] == granted(book)


def test_machines_count_by_the_vaults_that_were_chosen_for_them() -> None:
    """The check chooses them once a plan has several; what was said before stands, and a later run knows them, too."""
    plan = fleet({"a": []}, 4, concurrency={"replication": 9, "cutover": 9, "per_vault": {"cutover": 1}})
    book = Dispatcher(plan)
    book.pause(paused(Part(kind="vm", name="a3")))
    book.end("a2", Outcome.REFUSED, "no quota")
    for name in begin(book):
        say(book, name, "protected")
    book.settle({"a0": "vault-7", "a1": "vault-7", "a3": "vault-9", "a2": "vault-1"})
    assert {"vault-7": "0-1", "vault-9": "3"} == book.state().vaults
    for one in (reborn(book, plan), book):
        assert (["vault-7", "vault-7", "vault-1", "vault-9"], ["a0"]) == (
            [vm.vault for vm in one.vms.values()],
            granted(one),
        )
        assert ("no quota", True) == (one.vms["a2"].reason, "a3" in one.pauses.vms)


def test_ranges_and_places_are_one() -> None:
    """What stands alike is written as ranges of places."""
    assert ("0-2,5,7-8", [0, 1, 2, 5, 7, 8]) == (ranges([0, 1, 2, 5, 7, 8]), places_of("0-2,5,7-8"))
    assert ("", []) == (ranges([]), places_of(""))


GRAPHS: list[dict[str, list[str] | None]] = [
    {"a": None, "b": None, "c": None},
    {"a": [], "b": [], "c": ["a", "b"], "d": ["c"]},
    {"d": ["b", "c"], "a": [], "b": ["a"], "c": ["a"]},
]
VMS = [f"{letter}{number}" for letter in "abcd" for number in range(4)]
PARTS = [PLAN, *map(wave, "abcd"), *(Part(kind="vm", name=name) for name in ("a0", "b1", "c2"))]
PARTS_WITH_ROOM = [
    PLAN,
    *map(wave, "abcd"),
    Part(kind="subscription", name="sub-0"),
    Part(kind="vault", name="vault-1"),
]
SAID: list[Reason] = ["protected", "outside_window", "verified", "waits_for_a_person", "ended", "cutting_over"]
DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(VMS), st.sampled_from(SAID), st.sampled_from(list(Outcome)[:4])),
        st.tuples(st.just("say"), st.sampled_from(VMS), st.just("protected"), st.none()),
        st.tuples(st.just("begin")),
        st.tuples(st.just("lose"), st.sampled_from(VMS)),
        st.tuples(st.sampled_from(["pause", "resume"]), st.sampled_from(PARTS)),
        st.tuples(st.just("limit"), st.sampled_from(PARTS_WITH_ROOM), st.integers(1, 3), st.integers(1, 3)),
        st.tuples(st.just("open"), st.sampled_from("abcd")),
    ),
    max_size=60,
)


class Oracle:
    """What must hold, reckoned anew from where all stand and what was said: no counts, no queues."""

    def __init__(self, plan: Plan, book: Dispatcher) -> None:
        self.plan, self.book = plan, book
        after = plan.wave_dependencies
        self.before: list[set[int]] = []
        for number in range(len(after)):
            found, open_ones = set[int](), list(after[number])
            while open_ones:
                one = open_ones.pop()
                if one not in found:
                    found.add(one)
                    open_ones += after[one]
            self.before.append(found)

    def earlier(self, vm: VmState) -> list[VmState]:
        """Return the machines of all waves that its wave depends on."""
        return [other for other in self.book.vms.values() if other.wave in self.before[vm.wave]]

    def is_refused(self, vm: VmState) -> bool:
        """Tell whether more than the tolerated share failed."""
        earlier = self.earlier(vm)
        failed = [one for one in earlier if one.state == "ended" and one.outcome is not Outcome.MIGRATED]
        too_many = len(failed) * 100 > self.plan.tolerated_failures_percent * len(earlier)
        return self.plan.on_failures != "continue" and too_many and vm.wave not in self.book.gates.overruled

    def is_paused(self, vm: VmState) -> bool:
        """Tell whether somebody has paused it."""
        parts = {PLAN, wave(self.plan.waves[vm.wave].name), Part(kind="vm", name=vm.name)}
        return bool(parts & self.book.pauses.all.keys())

    def is_full(self, vm: VmState, state: str, kind: str, beyond: int) -> bool:
        """Tell whether a part that it belongs to has no more room for *beyond* of them."""
        everyone = list(self.book.vms.values())
        members = {
            PLAN: everyone,
            wave(self.plan.waves[vm.wave].name): [one for one in everyone if one.wave == vm.wave],
            Part(kind="subscription", name=vm.subscription): [o for o in everyone if o.subscription == vm.subscription],
            Part(kind="vault", name=vm.vault): [one for one in everyone if one.vault == vm.vault],
        }
        for part, of_it in members.items():
            limit = getattr(self.book.bounds.now(part), kind)
            if limit is not None and sum(one.state == state for one in of_it) + beyond > limit:
                return True
        return False

    def may_cut_over(self, vm: VmState) -> bool:
        """Tell whether its turn has come, but for the room."""
        through = all(one.state in {"passed", "ended"} for one in self.earlier(vm))
        return through and not self.is_refused(vm) and not self.is_paused(vm)


def do(book: Dispatcher, deed: tuple[Any, ...]) -> None:
    """Let something happen to a book."""
    kind, *rest = deed
    if kind == "say" and rest[0] in book.vms:
        say(book, rest[0], rest[1], rest[2] if rest[1] == "ended" else None)
    elif kind == "begin":
        begin(book)
    elif kind == "lose" and rest[0] in book.vms and book.vms[rest[0]].began:
        book.lost(rest[0])
    elif kind == "pause" and (rest[0].kind == "plan" or rest[0].name in {*book.vms, *book.gates.names}):
        book.pause(paused(rest[0]))
    elif kind == "resume" and rest[0] in book.pauses.all:
        book.resume(rest[0])
    elif kind == "limit" and (rest[0].kind != "wave" or rest[0].name in book.gates.names):
        book.limit(LimitsNow(part=rest[0], replication=rest[1], cutover=rest[2]))
    elif kind == "open" and rest[0] in book.gates.names and book.is_held(rest[0]):
        book.open_gate(rest[0])


def decide(book: Dispatcher, oracle: Oracle) -> list[Any]:
    """Let a book decide, hold that against the oracle, and return what it decided."""
    starting = book.to_start()
    for name in starting:
        assert not oracle.is_paused(book.vms[name])
    if not starting:
        waiting = [vm for vm in book.vms.values() if vm.state == "new" and not oracle.is_paused(vm)]
        assert all(oracle.is_full(vm, "replicating", "replication", 1) for vm in waiting)
    stopped, held = book.stopped(), [gate.wave for gate in book.held_gates]
    wanting = {vm.name for vm in book.vms.values() if vm.state == "wanting"}
    answers = book.answers()
    for name, answer in answers:
        vm = book.vms[name]
        if answer.granted:
            assert name in wanting
            assert oracle.may_cut_over(vm)
            assert not oracle.is_full(vm, "cutting_over", "cutover", 0)
        else:
            assert oracle.is_refused(vm)
    for vm in book.vms.values():
        if vm.state == "wanting" and oracle.may_cut_over(vm):
            assert oracle.is_full(vm, "cutting_over", "cutover", 1)
    return [starting, stopped, held, answers, book.all_ended, book.running]


def drive_to_the_end(book: Dispatcher, oracle: Oracle) -> None:
    """Lift every pause, open every gate, let each machine do its part: all have to end."""
    for part in list(book.pauses.all):
        book.resume(part)
    for _ in range(200):
        for gate in book.held_gates:
            book.open_gate(gate.wave)
        for name in book.stopped():
            book.end(name, Outcome.ROLLED_BACK)
        begin(book)
        for vm in [vm for vm in book.vms.values() if vm.state in NEXT]:
            say(book, vm.name, *NEXT[vm.state])
        for name in [name for name, answer in decide(book, oracle)[3] if answer.stop]:
            say(book, name, "ended", Outcome.ROLLED_BACK)
        if book.all_ended:
            return
    raise AssertionError(f"these never ended: {[vm for vm in book.vms.values() if vm.state != 'ended']}")


NEXT: dict[str, tuple[Any, ...]] = {
    "replicating": ("protected",),
    "outside": ("protected",),
    "wanting": ("protected",),  # they ask again every few hours
    "cutting_over": ("verified",),
    "passed": ("ended", Outcome.MIGRATED),
}
"""What a machine says next, where all goes well."""


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])  # others use the processor
@given(
    graph=st.sampled_from(GRAPHS),
    deeds=DEEDS,
    word=st.sampled_from(["continue", "hold", "stop"]),
    tolerated=st.sampled_from([0, 20, 50]),
)
def test_whatever_happens_the_book_decides_as_it_must_and_goes_on_from_what_it_wrote(
    graph: dict[str, list[str] | None], deeds: list[tuple[Any, ...]], word: str, tolerated: int
) -> None:
    """No limit is passed, no gate opens early, nobody who may go on waits, a pause loses nobody.

    And a book made anew from its plan and its written state decides the same, at any moment.
    """
    limits = {"replication": 3, "cutover": 2, "per_subscription": {"cutover": 2}, "per_vault": {"replication": 2}}
    plan = fleet(graph, 4, concurrency=limits, on_failures=word, tolerated_failures_percent=tolerated)
    book = Dispatcher(plan)
    oracle = Oracle(plan, book)
    for deed in deeds:
        do(book, deed)
        twin = reborn(book, plan)
        assert decide(book, oracle) == decide(twin, Oracle(plan, twin))
        assert book.state() == reborn(book, plan).state()
    drive_to_the_end(book, oracle)


def life_of(number: int, waves: int) -> tuple[float, Dispatcher]:
    """Let so many machines live from start to end, each word a turn of the plan; return the seconds of processor."""
    small = fleet({"w": []}, concurrency={"replication": 100, "cutover": 20}, on_failures="hold")
    members = [[Vm(name=f"w{w}-{n}0") for n in range(number // waves)] for w in range(waves)]
    large = [Wave(name=f"w{w}", tolerated_failures_percent=10, vms=vms) for w, vms in enumerate(members)]
    plan = small.model_copy(update={"waves": large})
    began = time.process_time()
    book = Dispatcher(plan)
    saying: deque[tuple[str, Reason]] = deque()
    while not book.all_ended:
        book.stopped()
        for name in book.to_start():
            if book.may_start(name):
                book.started(name)
                saying.append((name, "protected"))
        for name, answer in book.answers():
            assert answer.granted
            saying += [(name, "verified"), (name, "ended")]
        book.some_running(5)
        assert not book.held_gates
        name, reason = saying.popleft()
        failed = reason == "ended" and book.vms[name].place % 200 == 7
        outcome = Outcome.ROLLED_BACK if failed else Outcome.MIGRATED
        say(book, name, reason, outcome if reason == "ended" else None)
    return time.process_time() - began, book


def best_of(times: int, number: int, waves: int) -> float:
    """Return the least seconds of some lives; what else a process collects is none of theirs."""
    gc.disable()
    try:
        return min(life_of(number, waves)[0] for _ in range(times))
    finally:
        gc.enable()


def test_the_cost_of_a_word_does_not_grow_with_the_plan() -> None:
    """The whole life of 5,000 machines takes less than a second of a processor, and grows as their number does.

    So does one whose waves are many. What is written of it is small, however far they are.
    """
    small, whole, many = best_of(3, 1_250, 25), best_of(2, 5_000, 25), best_of(1, 5_000, 1_000)
    assert whole / small < 4 * 2
    assert max(whole, many) < 3
    _, book = life_of(5_000, 25)
    assert len(book.state().model_dump_json()) < 2_000


def test_the_written_state_of_thousands_is_small_however_mixed_they_are() -> None:
    """Places that stand alike are written once; a message of Temporal's takes forty times as much."""
    plan = fleet({"a": []}).model_copy(
        update={"waves": [Wave(name="a", vms=[Vm(name=f"vm-{number}") for number in range(5_000)])]}
    )
    book, dice = Dispatcher(plan), random.Random(1)  # noqa: S311 (no secret)
    for name in book.vms:
        for _ in range(dice.randrange(3)):
            say(book, name, dice.choice(SAID), Outcome.ROLLED_BACK)
    assert book.state() == reborn(book, plan).state()
    assert len(book.state().model_dump_json()) < 50_000
