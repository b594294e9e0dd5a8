"""The undo stack by itself: last step first, and a link that fails holds all before it until a person decides."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.failures import gave_up, kept_target, vm_failure
from workflows.undo import Undo, UndoStack


@dataclass
class Person:
    """Stands for engine and board: answers questions, and keeps what is shown."""

    choices: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)

    async def ask(self, question: str, _choices: tuple[str, ...]) -> str:
        """Answer the next choice, in the end `skip`."""
        self.questions.append(question)
        choice = self.choices.pop(0) if self.choices else "skip"
        if choice == "give_up":
            raise gave_up("olga", "enough")
        return choice

    @property
    def last_word(self) -> str:
        """Who chose, and why."""
        return "olga: seen to it"

    def by_hand(self, _undo: str) -> str:
        """Know no command."""
        return ""

    def show(self, **_told: Any) -> None:
        """Show nothing."""

    def record_incident(self, text: str) -> None:
        """Keep it."""
        self.incidents.append(text)


@pytest.fixture(scope="module", autouse=True)
def _no_workflow() -> Iterator[None]:
    """Log without a workflow around."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("temporalio.workflow.logger", logging.getLogger(__name__))
        yield


def _undo(name: str, done: list[str], failures: int = 0, error: Exception | None = None) -> Undo:
    left = [error or vm_failure(f"{name} failed")] * failures

    async def undo() -> None:
        done.append(name)
        if left:
            raise left.pop()

    undo.__name__ = name
    return undo


async def _run(stack: UndoStack, person: Person) -> bool:
    as_any: Any = person
    return await stack.run(as_any, as_any)


async def test_steps_that_share_an_undo_are_undone_once() -> None:
    """Registering the same undo twice is registering it once."""
    done: list[str] = []
    stack, undo = UndoStack(), _undo("a", done)
    stack.register(undo)
    stack.register(undo)
    assert await _run(stack, Person())
    assert ["a"] == done


async def test_what_is_forgotten_is_not_undone() -> None:
    """Beyond the point of no return nothing is left to undo."""
    done: list[str] = []
    stack = UndoStack()
    stack.register(_undo("a", done))
    stack.forget()
    assert await _run(stack, Person())
    assert ([], []) == (done, stack.names)


async def test_a_kept_target_stops_the_undo_without_a_question() -> None:
    """Where the target goes on serving nothing before it is undone, and nobody is asked to skip that."""
    done: list[str] = []
    stack, person = UndoStack(), Person()
    stack.register(_undo("delete", done))
    stack.register(_undo("return_to_source", done, 1, kept_target("it is committed")))
    assert not await _run(stack, person)
    assert (["return_to_source"], []) == (done, person.questions)
    assert ["return_to_source", "delete"] == stack.names


LINKS = st.lists(st.integers(0, 3), min_size=1, max_size=6)
CHOICES = st.lists(st.sampled_from(["retry", "skip", "give_up"]), max_size=12)


@settings(deadline=None)  # other tests may keep the processor busy
@given(links=LINKS, choices=CHOICES)
async def test_whatever_fails_and_is_chosen_the_order_holds(links: list[int], choices: list[str]) -> None:
    """No link is undone before all after it are undone or skipped; give_up leaves the rest, and says so."""
    done: list[str] = []
    stack, person = UndoStack(), Person(choices=list(choices))
    for number, failures in enumerate(links):
        stack.register(_undo(str(number), done, failures))
    ended = await _run(stack, person)
    assert sorted(done, key=int, reverse=True) == done
    assert ended == (not stack.names)
    assert ended == ("give_up" not in choices[: len(person.questions)])
    assert (not ended) == any("the undo stopped" in text for text in person.incidents)
    assert all("failed" in question for question in person.questions)
