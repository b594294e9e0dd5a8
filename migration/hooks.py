"""A user's hooks before and after the cutover: what runs, what undoes it, and what became of it. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from migration.base import Value

Moment = Literal["before_cutover", "after_cutover"]
OnFailure = Literal["hold", "roll_back", "continue"]


class HookWebhook(Value):
    """A call of an address that the worker knows by the name of its channel; no address stands in a plan."""

    channel: str
    body: dict[str, str] = Field(default_factory=dict)


class HookCommand(Value):
    """A script for the guest, and what it is asked: never formatted into it, always beside it."""

    script: str
    parameters: dict[str, str] = Field(default_factory=dict)


class HookAction(Value):
    """One of the two."""

    webhook: HookWebhook | None = None
    command: HookCommand | None = None


class Hook(Value):
    """What a plan wants done for one virtual machine, and how that is undone."""

    name: str
    do: HookAction
    undo: HookAction | None = None
    deadline_seconds: int = 300
    on_failure: OnFailure = "hold"


class Hooks(Value):
    """The hooks of one virtual machine, in the order in which they run."""

    before: list[Hook] = Field(default_factory=list)
    after: list[Hook] = Field(default_factory=list)


class RunHook(Value):
    """The input of `run_hook`: one hook, or its undo, for one virtual machine."""

    plan: str
    vm: str
    vm_id: str = Field(description="The machine it is about: the source before the cutover, the target after it.")
    source_id: str
    target_id: str
    os_type: Literal["Linux", "Windows"] = "Linux"
    name: str
    moment: Moment
    undo: bool = False
    action: HookAction
    key: str = Field(description="One for all attempts of a run: whoever has seen it need do nothing again.")
    deadline_seconds: int


class HookRan(Value):
    """A hook that ended well."""

    attempts: int = 1
    output: str = Field("", description="The end of what it said; a stranger's words.")


class HookResult(Value):
    """A hook as the report tells it."""

    name: str
    when: Moment
    ok: bool
    attempts: int = 1
    seconds: int = 0
    undone: bool | None = Field(None, description="None: nothing was undone, or there was nothing to undo.")
    detail: str = ""
