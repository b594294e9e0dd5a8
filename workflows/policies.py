"""Timeouts, retries and deadlines, each in one place with its reason.

Attempts are never counted: an outage of ten minutes must not fail a fleet. Every retryable error brings its own delay.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from migration.large_plans import LARGE
from migration.names import AZURE_TASK_QUEUE, GUEST_TASK_QUEUE, WAIT_TASK_QUEUE

STEADY = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=1.0)
"""What Azure's errors bring is another delay; this one stands between a worker that is lost and the next attempt."""

AZURE: dict[str, Any] = {
    "task_queue": AZURE_TASK_QUEUE,
    "start_to_close_timeout": timedelta(minutes=10),
    # A worker that dies at the failover's write prolongs the downtime by so much; they are too short to beat often.
    "heartbeat_timeout": timedelta(seconds=20),
    "retry_policy": STEADY,
    # A write in flight must report what it did before anything else happens to the virtual machine.
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}
"""Reads and writes: short calls that heartbeat their intent."""

YOUNG_WAIT, GROWN_WAIT = timedelta(minutes=10), timedelta(hours=1)
"""How long a wait is young, in which a lost worker is noticed within 30 s, and then grown, before it is old."""

WAITS = ((timedelta(seconds=30), YOUNG_WAIT), (timedelta(minutes=5), GROWN_WAIT), (timedelta(minutes=20), None))
"""The heartbeat timeout of each age, and how long it lasts: each heartbeat that reaches the server is a billed action
on Temporal Cloud. A lost worker, the only one, is noticed after a part of the time that a wait has taken."""


def first_age(plan_size: int) -> int:
    """Return the age of `WAITS` in which a wait begins of one of *plan_size* virtual machines.

    Those of a large plan do not beat every 24 s each: of a thousand, that takes half a processor for nothing but beats.
    """
    return 1 if plan_size > LARGE else 0


def waiting(deadline: timedelta, age: int) -> dict[str, Any]:
    """Return the options of a held long poll that may last until *deadline*, of an age of `WAITS`."""
    return {
        "task_queue": WAIT_TASK_QUEUE,
        "schedule_to_close_timeout": deadline,
        "heartbeat_timeout": WAITS[age][0],
        "retry_policy": STEADY,
        "cancellation_type": ActivityCancellationType.TRY_CANCEL,
    }


def asking_guest(timeout: timedelta) -> dict[str, Any]:
    """Return the options of a question inside a machine that may take *timeout* to answer.

    All tries together, and the wait for a slot, are bounded as well: a check ends, whatever machines do.
    """
    once = timeout + timedelta(minutes=1)
    return {
        "task_queue": GUEST_TASK_QUEUE,
        "start_to_close_timeout": once,
        "schedule_to_close_timeout": 2 * once + timedelta(minutes=10),
        "heartbeat_timeout": timedelta(seconds=30),
        "retry_policy": STEADY,
        "cancellation_type": ActivityCancellationType.TRY_CANCEL,
    }


WATCH = timedelta(days=7)
"""How long one look at two copies is held: each costs a history three events."""

WATCH_AGAIN = timedelta(minutes=10)
"""After a look that failed for a reason that nobody foresaw."""

WATCHING: dict[str, Any] = {
    "task_queue": WAIT_TASK_QUEUE,
    "schedule_to_close_timeout": WATCH + timedelta(hours=1),
    "heartbeat_timeout": timedelta(minutes=5),
    "retry_policy": STEADY,
    # It only looks: whoever stops waiting need not wait for it to stop, nor ask a server that may have its end already.
    "cancellation_type": ActivityCancellationType.ABANDON,
}
"""The look at two copies while a person is waited for; it beats seldom, as every old wait does."""

EXPIRY_RETRY = timedelta(hours=6)
"""Until snapshots whose time is over, and that Azure does not delete, are tried again."""

CONTAINMENT_DEADLINE = timedelta(minutes=30)
"""How long a deallocation may take that contains two running copies, before a person is asked; it takes a minute."""

CONTAINMENT_RETRY = timedelta(minutes=2)
"""Until a containment that Azure refused is tried again, whether a person has answered or not."""


def hook(deadline_seconds: int, *, in_guest: bool) -> dict[str, Any]:
    """Return the options of a user's hook: its deadline holds all attempts.

    What runs in the guest cannot be stopped, so it is waited for; a call that hangs is cut off and made again.
    """
    deadline = timedelta(seconds=deadline_seconds)
    return {
        "task_queue": WAIT_TASK_QUEUE,
        "start_to_close_timeout": deadline if in_guest else min(deadline, timedelta(minutes=1)),
        "schedule_to_close_timeout": deadline + (timedelta(seconds=30) if in_guest else timedelta()),
        "heartbeat_timeout": timedelta(seconds=30),
        "retry_policy": STEADY,
        "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    }


def booting(timeout: timedelta) -> dict[str, Any]:
    """Return the options of the wait for a boot, which answers by itself when its *timeout* is over."""
    return waiting(timeout + timedelta(minutes=5), 0)


RUN_COMMAND = timedelta(minutes=3)
"""What a run command may take besides its script: until the agent has fetched it and told of it, on a busy machine."""

JOB_DEADLINE = timedelta(hours=6)
"""A Site Recovery job or a power operation; the longest seen took minutes, Terraform allows 3 hours for enabling."""

LAST_LOOK = timedelta(seconds=90)
"""How long a wait past its deadline looks once more before a person is asked: our own outage may have let it pass."""

PROTECTION_DEADLINE = timedelta(days=7)
"""Initial replication, which depends on data and churn; Microsoft publishes no rate."""

ENVIRONMENT_DEADLINE = timedelta(days=2)
"""How long a step tries again by itself while the environment refuses it (expired secret, outage)."""

ENVIRONMENT_RECOVERED = timedelta(hours=1)
"""A try that held for so long shows that the environment worked in between: its failure is a new one."""

ENVIRONMENT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 300, 600, 1200, 1800))
"""Pauses between such tries; the last one repeats. A person who knows that it is over need not wait: `retry`."""

RECHECK_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 30))
"""When a virtual machine that a finding holds before its failover is checked again; the last one repeats."""

CLAIM_RETRY = timedelta(seconds=5)
"""A terminated workflow's claim falls with it, but a moment later."""

NOTIFICATION: dict[str, Any] = {
    "task_queue": WAIT_TASK_QUEUE,
    "start_to_close_timeout": timedelta(seconds=45),
    "schedule_to_close_timeout": timedelta(minutes=30),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=10),
        backoff_coefficient=3.0,
        maximum_interval=timedelta(minutes=5),
        maximum_attempts=6,
    ),
}
"""A message to people. The attempts are counted: nothing waits for it, and who did not hear reads the report."""

NOTIFICATION_BATCH = timedelta(seconds=20)
"""How long a plan gathers what happens before it tells people: fifty machines that wait make one message."""

NOTIFICATIONS_IN_STEP, NOTIFICATION_RAREST = 100, timedelta(hours=12)
"""How many messages come as soon as they may, before each as many at half the pace of those before, and at least so."""

NOTIFICATION_LAST = timedelta(minutes=1)
"""How long what is over waits for its last messages."""

WINDOW_LOOKS = timedelta(days=1)
"""How old what was decided about a cutover window that is shut may be: a newer release of time zones may move it."""

WINDOW_NEAR = timedelta(days=1)
WINDOW_TOLD, WINDOW_TOLD_NEAR = timedelta(hours=12), timedelta(hours=2)
"""How often a virtual machine says anew how long its window stays shut, before the last day and on it: five events."""

TURN_REPEATS = tuple(timedelta(minutes=minutes) for minutes in (5, 30, 120, 360))
"""When a virtual machine that waits for its turn asks its plan again; the last one repeats."""

MOST_ANSWERS = 500
"""How many answers a virtual machine takes of its plan that neither grant nor stop: each costs a history a timer."""

MOST_REPEATS, REPEATS_WITHIN = 20, timedelta(hours=6)
"""How often a virtual machine tells plans that adopt it where it stands: a plan's run asks five times in that time."""

PLAN_EVENTS, PLAN_BYTES, PLAN_CHILDREN = 4_000, 4_000_000, 400
"""When a plan's workflow goes on in a new run: Temporal warns at 10,240 events and 10 MB, and lets 2,000 children be
pending of one run; those of an earlier run do not count."""

BEFORE_CONTINUING = timedelta(milliseconds=10)
"""How long it waits before it does: not for time to pass, but for another workflow task."""

TOGETHER = 50
"""How many virtual machines a plan tells to adopt it in one workflow task; so many it cancels one by one."""

A_FEW = 10
"""How many a plan starts, or tells of their turns, in one workflow task, before it hears that they have begun; of more
turns it tells by one activity. With 50, a server took more than a second to hand the plan's next task to the worker
that waited for it; such a task is lost, for as long as it may take. With ten that is rarer (docs/adr/0017)."""

GUESTS_TOGETHER = 200
"""How many machines are asked from inside in one history: each costs six events."""

FLEET_LOOKS = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 10, 20, 30, 60))
"""When a plan looks whether virtual machines of its earlier runs have ended without a word; the last one repeats."""

FLEET: dict[str, Any] = {
    "task_queue": AZURE_TASK_QUEUE,
    "start_to_close_timeout": timedelta(minutes=10),
    "schedule_to_close_timeout": timedelta(minutes=30),
    "heartbeat_timeout": timedelta(seconds=30),
    "retry_policy": STEADY,
}
"""Such a look: the next one comes anyway."""

DELIVERY: dict[str, Any] = {
    "task_queue": AZURE_TASK_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "schedule_to_close_timeout": timedelta(minutes=10),
    "retry_policy": STEADY,
}
"""A message that no signal takes: the update waits for the other workflow's worker, which is this one."""

REMINDERS_IN_STEP = 50
"""How many reminders of an approval come at the plan's pace, before each as many at half the pace of those before."""

RECENT_REFUSALS = 100
"""Refused messages that a virtual machine records; a flood beyond that is only counted."""

VERIFYING: dict[str, Any] = {
    "task_queue": AZURE_TASK_QUEUE,
    "start_to_close_timeout": timedelta(seconds=12),
    "schedule_to_close_timeout": timedelta(seconds=25),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=1.0),
}
"""A person waits for the answer, and holding on for longer would keep the next one waiting as well."""

DESK_PAUSE = timedelta(seconds=10)
"""How often a virtual machine asks at most for the key of a worker that has been replaced."""


MOST_RETRIES = 500
"""How many retries a workflow takes: what a script sends without end must leave room for those who decide."""


@dataclass(frozen=True)
class LaneLimits:
    """How many decisions may wait to be verified, how many a minute, how many in all, up to which history."""

    waiting: int
    per_minute: int
    in_all: int
    history: int


LANES: dict[Literal["signal", "update"], LaneLimits] = {
    "signal": LaneLimits(waiting=10, per_minute=20, in_all=250, history=20_000),
    "update": LaneLimits(waiting=10, per_minute=60, in_all=700, history=45_000),
}
"""A history bears 51,200 events, a server 10,000 signals and 2,000 updates to one run; whatever is sent, the commit
must still find room. 10,000 signals, each in a workflow task of its own, are 40,000 events; a verification is 6 events
more by signal and 11 by update, 9,200 in all. An update that finds no room leaves no event."""
