"""What a test tells the stand-in activities to do, and what it reads of them afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError

from migration.requests import JobFailure

Reaction = Any
"""An exception to raise, a gate to wait at, a function that makes the answer from the request, or the answer itself."""


class Gate:
    """Where an activity waits until the test opens it, or a cancel ends it."""

    def __init__(self, *, opens_on_cancel: bool = False, then: Exception | None = None) -> None:
        self.reached = asyncio.Event()
        self.cancels = 0
        self._opened = asyncio.Event()
        self._opens_on_cancel = opens_on_cancel
        self._then = then

    def open(self) -> None:
        """Let the activity go on."""
        self._opened.set()

    async def wait(self) -> None:
        """Wait with heartbeats, which is how a cancel arrives."""
        self.reached.set()
        while not self._opened.is_set():
            activity.heartbeat()
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                self.cancels += 1
                if not self._opens_on_cancel:
                    raise
                self.open()
        if self._then is not None:
            raise self._then


@dataclass
class Call:
    """One call of an activity."""

    name: str
    request: Any

    @property
    def label(self) -> str:
        """The activity's name, with what it waits for or works on where the name alone does not tell."""
        if self.name == "wait_for_job":
            return f"wait_for_job({self.request.job.scenario})"
        if self.name == "wait_for_vm":
            return f"wait_for_vm({self.request.until})"
        if self.name == "run_hook":
            return f"{'undo' if self.request.undo else 'run'}_hook({self.request.name})"
        if self.name == "wait_for_resources":
            return f"wait_for_resources({self.request.until})"
        return self.name

    @property
    def vm(self) -> str:
        """The plan's name of the virtual machine, empty where the request carries none."""
        task = getattr(self.request, "task", None)
        return task.vm.name if task else ""


@dataclass
class Rule:
    """A reaction to some calls of one activity."""

    name: str
    reaction: Reaction
    when: Callable[[Any], bool]
    times: int
    used: int = 0


@dataclass
class Script:
    """The reactions that a test wants, in order, and the calls so far."""

    calls: list[Call] = field(default_factory=list)
    crashes: list[BaseException] = field(default_factory=list)
    _rules: list[Rule] = field(default_factory=list)

    def on(
        self, name: str, reaction: Reaction, *, when: Callable[[Any], bool] = lambda _: True, times: int = 1
    ) -> None:
        """Let the next *times* calls of *name* that *when* accepts meet *reaction*; 0 is always."""
        self._rules.append(Rule(name, reaction, when, times))

    def on_job(self, scenario: str, reaction: Reaction, *, times: int = 1) -> None:
        """Let the wait for a job of *scenario* meet *reaction*."""
        self.on("wait_for_job", reaction, when=lambda request: request.job.scenario == scenario, times=times)

    def gate(self, step: str, *, vm: str = "", opens_on_cancel: bool = False, then: Exception | None = None) -> Gate:
        """Let the next call with the label *step*, of *vm* where named, wait; return the gate that it waits at."""
        gate = Gate(opens_on_cancel=opens_on_cancel, then=then)
        name = step.partition("(")[0]

        def meant(request: Any) -> bool:
            call = Call(name, request)
            return step in {name, call.label} and vm in {"", call.vm}

        self.on(name, gate, when=meant)
        return gate

    async def play(self, name: str, request: Any, answer: Callable[[], Any]) -> Any:
        """Record a call, and react as told, else by *answer*."""
        self.calls.append(Call(name, request))
        try:
            return await self._react(self._rule(name, request), request, answer)
        except (FailureError, asyncio.CancelledError):
            raise
        except Exception as error:
            self.crashes.append(error)
            raise ApplicationError(f"the stand-in crashed: {error!r}", type="Crash", non_retryable=True) from error

    def labels(self, *, vm: str = "", since: int = 0) -> list[str]:
        """Return the calls in order, as labels; of one virtual machine where named."""
        return [call.label for call in self.calls[since:] if not vm or call.vm == vm]

    def requests(self, name: str) -> list[Any]:
        """Return what was asked of one activity."""
        return [call.request for call in self.calls if call.name == name]

    def has_rule(self, name: str, request: Any) -> bool:
        """Tell whether a test wants a reaction to this call."""
        return self._find(name, request) is not None

    def _rule(self, name: str, request: Any) -> Rule | None:
        rule = self._find(name, request)
        if rule is not None:
            rule.used += 1
        return rule

    def _find(self, name: str, request: Any) -> Rule | None:
        for rule in self._rules:
            if rule.name == name and (not rule.times or rule.used < rule.times) and rule.when(request):
                return rule
        return None

    @staticmethod
    async def _react(rule: Rule | None, request: Any, answer: Callable[[], Any]) -> Any:
        if rule is None:
            return answer()
        if isinstance(rule.reaction, Exception):
            raise rule.reaction
        if isinstance(rule.reaction, Gate):
            await rule.reaction.wait()
            return answer()
        if callable(rule.reaction):
            made = rule.reaction(request)
            return await made if isinstance(made, Awaitable) else made
        return rule.reaction


def environment_failure(message: str = "the client secret has expired") -> ApplicationError:
    """Return what an activity raises after two minutes of refusals by the environment."""
    return ApplicationError(message, type="EnvironmentFailure", non_retryable=True)


def vm_failure(message: str = "Azure refuses") -> ApplicationError:
    """Return what an activity raises when no retry can mend it."""
    return ApplicationError(message, type="VmFailure", non_retryable=True)


def lost_job(scenario: str) -> ApplicationError:
    """Return what a wait raises when the vault does not keep the job any more."""
    failure = JobFailure(job_id="/job", scenario=scenario, state="unknown", message="it is not kept")
    return ApplicationError(f"{scenario} ended unknown", failure, type="AsrJobFailed", non_retryable=True)


def job_failure(scenario: str, code: str = "150097", message: str = "the quota is exceeded") -> ApplicationError:
    """Return what a wait raises when the job did not end well."""
    failure = JobFailure(job_id="/job", scenario=scenario, state="Failed", code=code, message=message)
    return ApplicationError(
        f"{scenario} ended Failed: {code} {message}", failure, type="AsrJobFailed", non_retryable=True
    )
