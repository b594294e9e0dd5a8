"""The limiter, on a clock that jumps: what it lets pass, whom first, and how it gives way to others."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arm.bucket import CAREFUL, Bucket
from arm.callers import Caller, calling
from arm.limiter import Budget, Limiter
from arm.pauses import pause_seconds
from arm.queues import RESERVED
from arm.throttling import Budgets, Refusal, budgets_in, kind_of, place_of, refusal_in
from migration.urgency import Urgency
from tests.support.virtual import run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.rest import AsyncHttpResponse

SUBSCRIPTION = "5a1b0000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
HIGHEST, LOWEST = Caller(Urgency.CUTOVER, "one"), Caller(Urgency.CHECKING, "two")


@dataclass
class Served:
    """When and in which order requests were let pass."""

    times: list[float] = field(default_factory=list)
    who: list[tuple[float, Caller]] = field(default_factory=list)


async def asks(bucket: Bucket, clock: Callable[[], float], caller: Caller, at: float, served: Served) -> None:
    """Come at a time, wait, and write down when it passed."""
    await asyncio.sleep(at)
    came = clock()
    await bucket.take(caller)
    served.times.append(clock())
    served.who.append((came, caller))


arrivals = st.lists(
    st.tuples(st.floats(0, 30), st.sampled_from(Urgency), st.sampled_from(["blue", "green", "red"])),
    min_size=1,
    max_size=150,
)


@settings(max_examples=40, deadline=None)
@given(arrivals, st.floats(0.5, 30), st.integers(1, 60), st.lists(st.integers(0, 300), max_size=5))
def test_never_more_pass_than_burst_and_rate_and_everybody_does(
    wanted: list[tuple[float, Urgency, str]], rate: float, burst: int, told: list[int]
) -> None:
    """Over any time no more pass than allowed, whatever Azure tells; the urgent wait behind one of ten; all pass."""

    async def story(clock: Callable[[], float]) -> Served:
        served, bucket = Served(), Bucket(rate, burst, reserve=burst / 10, clock=clock)
        waits = [asks(bucket, clock, Caller(urgency, plan), at, served) for at, urgency, plan in wanted]

        async def tell() -> None:
            for number, left in enumerate(told):
                await asyncio.sleep(number)
                bucket.told(left)

        async with asyncio.timeout(1e6):
            await asyncio.gather(tell(), *waits)
        return served

    served = run_virtually(story)

    assert len(wanted) == len(served.times)
    times = served.times
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + (times[last] - times[first]) * rate + 1e-3 * rate
    assert _overtaken(served) <= len(times) / RESERVED + 1


def _overtaken(served: Served) -> int:
    """Return how often somebody passed although somebody more urgent had come before, and waited."""
    count = 0
    for number, (_, caller) in enumerate(served.who):
        later = served.who[number + 1 :]
        now = served.times[number]
        count += any(other.urgency < caller.urgency and other_came < now for other_came, other in later)
    return count


def test_the_urgent_go_first_and_the_others_are_not_forgotten() -> None:
    """Nine of ten tokens are theirs while they last; one of ten is for those below."""

    async def story(clock: Callable[[], float]) -> list[Urgency]:
        served, bucket = Served(), Bucket(10, 1, clock=clock)
        low = [asks(bucket, clock, LOWEST, 0, served) for _ in range(50)]
        high = [asks(bucket, clock, HIGHEST, 1, served) for _ in range(50)]
        await asyncio.gather(*low, *high)
        return [caller.urgency for _, caller in served.who]

    order = run_virtually(story)

    first = order.index(Urgency.CUTOVER)
    assert first <= 11
    assert {Urgency.CUTOVER: 45, Urgency.CHECKING: 5} == Counter(order[first : first + 50])


def test_plans_of_one_urgency_take_turns() -> None:
    """A plan of a hundred machines that came first does not keep one of three waiting for all of them."""

    async def story(clock: Callable[[], float]) -> list[str]:
        served, bucket = Served(), Bucket(10, 1, clock=clock)
        large = [asks(bucket, clock, Caller(Urgency.MOVING, "large"), 0, served) for _ in range(100)]
        small = [asks(bucket, clock, Caller(Urgency.MOVING, "small"), 1, served) for _ in range(3)]
        await asyncio.gather(*large, *small)
        return [caller.plan for _, caller in served.who]

    order = run_virtually(story)

    first = order.index("small")
    assert first <= 12
    assert ["small", "large", "small", "large", "small"] == order[first : first + 5]


def test_who_gives_up_takes_no_token() -> None:
    """A cancelled wait leaves the line, and a token that it was given just then goes to the next."""

    async def story(clock: Callable[[], float]) -> float:
        bucket = Bucket(1, 1, clock=clock)
        await bucket.take()
        first, second = (asyncio.ensure_future(bucket.take()) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        await second
        third = asyncio.ensure_future(bucket.take())
        await asyncio.sleep(0)
        bucket.give_back()
        third.cancel()
        await asyncio.sleep(0)
        await bucket.take()
        return clock()

    assert pytest.approx(1.0, abs=0.01) == run_virtually(story)


class Arm:
    """Resource Manager's bucket of one principal, as Microsoft describes it; other tools draw from it as well."""

    def __init__(self, clock: Callable[[], float], size: float = 250, per_second: float = 25) -> None:
        self._clock, self._size, self._per_second = clock, size, per_second
        self.level, self._filled = size, clock()
        self.answers: Counter[int] = Counter()

    async def answer(self, *, other: bool = False) -> tuple[int, dict[str, str]]:
        """Take a request, and answer it a moment later."""
        await asyncio.sleep(0.05)
        now = self._clock()
        self.level = min(self._size, self.level + (now - self._filled) * self._per_second)
        self._filled = now
        status = 200 if self.level >= 1 else 429
        self.level -= status == 200
        if not other:
            self.answers[status] += 1
        headers = {"x-ms-ratelimit-remaining-subscription-reads": str(int(self.level))}
        await asyncio.sleep(0.05)
        return status, headers | ({"Retry-After": "2"} if status == 429 else {})


async def _call(limiter: Limiter, arm: Arm) -> None:
    """Ask once, as the policy does."""
    while True:
        await limiter.admit("reads", GROUP)
        limiter.sent("reads", GROUP)
        status, headers = await arm.answer()
        limiter.answered("reads", GROUP)
        refusal = Refusal(2, "subscription") if status == 429 else None
        limiter.learn("reads", GROUP, budgets_in(headers), refusal)
        if refusal is None:
            return


async def _load(limiter: Limiter, arm: Arm, callers: int, each: int) -> None:
    async def caller() -> None:
        for _ in range(each):
            await _call(limiter, arm)

    await asyncio.gather(*(caller() for _ in range(callers)))


async def _other_tool(arm: Arm, per_second: float, seconds: float) -> None:
    for _ in range(int(per_second * seconds)):
        asyncio.ensure_future(arm.answer(other=True))  # noqa: RUF006 - the story ends after them
        await asyncio.sleep(1 / per_second)


@pytest.mark.parametrize(("others", "workers"), [(0, 1), (15, 1), (15, 3), (22, 2)])
def test_a_budget_that_others_share_is_not_overdrawn(others: float, workers: int) -> None:
    """What is left slows all down before anybody is refused, be it other tools or other workers that draw from it."""

    async def story(clock: Callable[[], float]) -> tuple[Counter[int], float]:
        arm = Arm(clock)
        arm.level = 120
        limiters = [Limiter(clock=clock) for _ in range(workers)]
        busy = asyncio.ensure_future(_other_tool(arm, others, 600)) if others else None
        await asyncio.gather(*(_load(limiter, arm, 200, 1_000 // 200 // workers or 1) for limiter in limiters))
        if busy is not None:
            busy.cancel()
        return arm.answers, clock()

    answers, seconds = run_virtually(story)

    assert answers[429] <= 0.005 * answers.total()
    assert seconds <= 1.3 * (answers.total() - 120) / (25 - others) + 10


def test_a_refusal_holds_all_and_the_rate_comes_back() -> None:
    """Nobody asks during the pause, those who waited come one by one, and within a minute the rate is what it was."""

    async def story(clock: Callable[[], float]) -> tuple[list[float], float, float]:
        limiter, times = Limiter(Budget(reads_per_second=20), clock=clock), list[float]()
        bucket = limiter.reads(SUBSCRIPTION)
        limiter.learn("reads", GROUP, Budgets({"reads": 250}), Refusal(30, "subscription"))

        async def ask() -> None:
            await limiter.admit("reads", VM)
            times.append(clock())

        await asyncio.gather(*(ask() for _ in range(60)))
        slowed = bucket.rate
        await asyncio.sleep(60)
        return times, slowed, bucket.rate

    times, slowed, rate = run_virtually(story)

    assert 30 <= min(times) <= 33
    assert sum(one <= min(times) + 1 for one in times) <= 12
    assert slowed < 20
    assert 20 == rate


def test_many_refusals_of_one_moment_are_one_reason_to_slow_down() -> None:
    """A hundred requests that were on their way together are refused together: the rate is halved once."""

    async def story(clock: Callable[[], float]) -> float:
        bucket = Bucket(16, clock=clock)
        for _ in range(100):
            bucket.refused(5)
        return bucket.rate

    assert 8 == run_virtually(story)


MACHINE = "Microsoft.Compute/LowCostGetSubscriptionMaximum;7999,Microsoft.Compute/LowCostGetResource;{}"


def test_a_machine_that_is_asked_too_often_waits_alone() -> None:
    """What is left of one machine's own bucket slows those who ask for it, and nobody else."""

    async def story(clock: Callable[[], float]) -> tuple[float, float]:
        limiter = Limiter(clock=clock)
        limiter.learn("reads", f"{VM}/one", budgets_in({"X-Ms-Ratelimit-Remaining-Resource": MACHINE.format(5)}), None)
        limiter.learn("reads", f"{VM}/two", budgets_in({"X-Ms-Ratelimit-Remaining-Resource": MACHINE.format(30)}), None)
        await limiter.admit("reads", f"{VM}/two")
        await limiter.admit("writes", f"{VM}/one")
        others = clock()
        await limiter.admit("reads", f"{VM}/one/instanceView")
        return others, clock()

    others, same = run_virtually(story)

    assert 0 == others
    assert pytest.approx(5) == same


class Answer:
    """An answer as azure-core hands it to its policies."""

    def __init__(self, headers: dict[str, str], error: dict[str, Any] | None = None, status: int = 429) -> None:
        self.headers, self.status_code = headers, status
        self._error = error

    def text(self) -> str:
        """Return the body."""
        return json.dumps({"error": self._error}) if self._error else ""


_OF_COMPUTE = {"code": "TooManyRequests", "target": "LowCostGet"}


@pytest.mark.parametrize(
    ("headers", "error", "expected"),
    [
        ({}, None, Refusal(10, "subscription")),
        ({"Retry-After": "7", "x-ms-failure-cause": "gateway"}, None, Refusal(7, "subscription")),
        ({"Retry-After": "7", "x-ms-failure-cause": "service"}, None, Refusal(7, "provider")),
        ({"Retry-After": "3"}, {"code": "RetryableErrorDueToAnotherOperation"}, Refusal(3, "resource")),
        (
            {"Retry-After": "4", "x-ms-failure-cause": "service"},
            {"code": "OperationNotAllowed", "details": [{**_OF_COMPUTE, "message": '{"allowedRequestCount": 36}'}]},
            Refusal(4, "resource"),
        ),
        (
            {"Retry-After": "4", "x-ms-failure-cause": "service"},
            {"code": "OperationNotAllowed", "details": [{**_OF_COMPUTE, "message": '{"allowedRequestCount": 900}'}]},
            Refusal(4, "provider"),
        ),
        ({"x-ms-ratelimit-remaining-resource": MACHINE.format(0)}, None, Refusal(10, "resource")),
    ],
)
def test_a_refusal_concerns_whom_it_names(
    headers: dict[str, str], error: dict[str, Any] | None, expected: Refusal
) -> None:
    """The gateway means the subscription, a provider itself, a lock or a machine's bucket that resource alone."""
    assert expected == refusal_in(cast("AsyncHttpResponse", Answer(headers, error)))
    assert refusal_in(cast("AsyncHttpResponse", Answer(headers, error, 200))) is None


def test_a_locked_resource_slows_nobody_else() -> None:
    """Of a refusal for another operation's sake only that resource hears; a provider's concerns that provider."""

    async def story(clock: Callable[[], float]) -> list[float]:
        limiter, nic = Limiter(clock=clock), f"{GROUP}/providers/Microsoft.Network/networkInterfaces"
        limiter.learn("writes", f"{nic}/locked", Budgets(), Refusal(40, "resource"))
        limiter.learn("reads", f"{VM}/busy", Budgets(), Refusal(20, "provider"))
        await limiter.admit("writes", f"{nic}/free")
        await limiter.admit("reads", f"{nic}/free")
        at_once = clock()
        await limiter.admit("reads", f"{VM}/other")
        of_provider = clock()
        await limiter.admit("writes", f"{nic}/locked")
        return [at_once, of_provider, clock()]

    at_once, of_provider, locked = run_virtually(story)

    assert 0 == at_once
    assert 20 <= of_provider <= 23
    assert pytest.approx(40) == locked


def test_what_is_not_known_is_tried_with_care() -> None:
    """Before Azure has told what is left, and after a while without news, only a few requests leave at once."""

    async def story(clock: Callable[[], float]) -> list[int]:
        bucket, passed = Bucket(24, 225, 25, clock=clock), [0]

        async def ask() -> None:
            await bucket.take()
            passed[0] += 1

        waiting = [asyncio.ensure_future(ask()) for _ in range(400)]
        await asyncio.sleep(0.01)
        counts = [passed[0]]
        bucket.told(150)
        await asyncio.sleep(0.01)
        counts.append(passed[0])
        for task in waiting:
            task.cancel()
        return counts

    assert [CAREFUL, CAREFUL + 31] == run_virtually(story)


def test_the_wait_is_told_by_urgency() -> None:
    """Who watches learns how long requests of which urgency waited."""

    async def story(clock: Callable[[], float]) -> list[tuple[str, Urgency, float]]:
        limiter, told = Limiter(clock=clock), list[tuple[str, Urgency, float]]()
        limiter.waited = lambda *what: told.append(what)
        limiter.writes(SUBSCRIPTION).pause(2)
        with calling(HIGHEST):
            await limiter.admit("writes", GROUP)
        return told

    [(kind, urgency, seconds)] = run_virtually(story)

    assert ("writes", Urgency.CUTOVER) == (kind, urgency)
    assert 2 <= seconds <= 2.3


def test_workers_that_share_a_principal_divide_its_budget() -> None:
    """Rates and bursts are those of one of them."""
    budget = Budget(reads_per_second=24, writes_per_second=9, shared_by=3)

    assert (8, 3, 75) == (budget.per_second("reads"), budget.per_second("writes"), budget.burst("reads"))


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        ("Thu, 26 Nov 2026 08:00:30 GMT", "Thu, 26 Nov 2026 08:00:10 GMT", 20),
        ("Thu, 26 Nov 2026 08:00:30 GMT", "Thu, 26 Nov 2026 08:00:40 GMT", 1),
        ("Fri, 27 Nov 2026 08:00:30 GMT", "Thu, 26 Nov 2026 08:00:40 GMT", 300),
        ("Thu, 26 Nov 2026 08:00:30 GMT", None, 10),
        ("soon", "Thu, 26 Nov 2026 08:00:40 GMT", 10),
    ],
)
def test_a_pause_until_a_date_counts_from_the_answers_own(retry_after: str, date: str | None, seconds: float) -> None:
    """This machine's clock has no say in it."""
    assert seconds == pause_seconds(retry_after, 10, date)


def test_requests_are_counted_where_azure_counts_them() -> None:
    """By method; by subscription, provider, and the resource at the top of the path."""
    operation = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/we/operations/o"
    item = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/v/replicationJobs/j"

    assert ["reads", "reads", "writes", "writes", "deletes"] == [
        kind_of(method) for method in ("GET", "HEAD", "PUT", "POST", "DELETE")
    ]
    assert place_of(f"{VM}/one").resource == place_of(f"{VM}/ONE/runCommands/x").resource
    assert (SUBSCRIPTION, "microsoft.compute") == place_of(operation)[:2]
    assert place_of(item).resource.endswith("/replicationjobs/j")
    assert ("", "") == place_of("/metadata/endpoints")[:2]
