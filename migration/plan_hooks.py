"""The keys `hooks` of a plan, its waves and its virtual machines: what runs before and after the cutover."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from migration import checks
from migration.base import Authored
from migration.errors import InvalidPlanError, InvalidValueError, PathStep
from migration.hooks import Hook, HookAction, HookCommand, Hooks, HookWebhook

if TYPE_CHECKING:
    from typing import Self

MOST_HOOKS = 10
_MOST_CHARACTERS = 8_000
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,39}")

Duration = Annotated[
    int,
    BeforeValidator(checks.duration_seconds),
    PlainSerializer(checks.duration_text, return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["90s", "15m", "12h", "7d"]}),
]


def channel_name(text: str) -> str:
    """Return the name of a channel: the worker's settings hold its address."""
    if "://" in text:
        raise InvalidValueError(
            "an address stands here",
            "name a channel, such as operations; the worker's MIGRATION_WEBHOOK_OPERATIONS holds it",
        )
    if not _CHANNEL.fullmatch(text) or text.endswith(("-", "-secret")):
        raise InvalidValueError(
            "this is no name of a channel",
            "use a-z, 0-9 and '-', beginning with a letter, not ending in -secret",
        )
    return text


def _parameters(given: dict[str, str]) -> dict[str, str]:
    for name, value in given.items():
        if not _PARAMETER.fullmatch(name):
            raise InvalidValueError(f'"{name[:60]}" is no name of a variable', "use letters, digits and '_'")
        if len(value) > 1000:
            raise InvalidValueError(f"the value of {name} is longer than 1000 characters", "shorten it")
    return given


def _script(text: str) -> str:
    if not text.strip():
        raise InvalidValueError("it is empty", "write the script, after a |")
    if len(text) > _MOST_CHARACTERS:
        raise InvalidValueError(
            f"the script is longer than {_MOST_CHARACTERS} characters", "put it into the machine and call it from here"
        )
    return text


class Webhook(Authored):
    """A POST to a channel of the worker; 2xx is success."""

    channel: Annotated[str, AfterValidator(channel_name)] = Field(
        description="Name of a channel: the worker's MIGRATION_WEBHOOK_<NAME> holds its address."
    )
    body: Annotated[dict[str, str], AfterValidator(_parameters)] = Field(
        default_factory=dict, description="Texts that the call carries as `parameters`."
    )


class Command(Authored):
    """A script in the guest, by run command: bash on Linux, PowerShell on Windows, as administrator."""

    script: Annotated[str, AfterValidator(_script)] = Field(
        description="On Linux its exit code counts; on Windows it must come to its end, so throw where it fails."
    )
    parameters: Annotated[dict[str, str], AfterValidator(_parameters)] = Field(
        default_factory=dict, description="Variables that the script finds set; they are never written into it."
    )


class _Action(Authored):
    webhook: Webhook | None = Field(None, description="Call a channel.")
    command: Command | None = Field(None, description="Run a script in the guest.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.webhook is None) == (self.command is None):
            raise InvalidValueError("a hook is a webhook or a command, one of the two", "give exactly one of the keys")
        return self

    @property
    def action(self) -> HookAction:
        """What is done."""
        return HookAction(
            webhook=HookWebhook(**self.webhook.model_dump()) if self.webhook else None,
            command=HookCommand(**self.command.model_dump()) if self.command else None,
        )


class HookUndo(_Action):
    """How a hook is taken back; it must bear that nothing was done, or all of it, or half."""


class PlanHook(_Action):
    """Something of the user's that belongs to the cutover: quiesce an application, change DNS or a load balancer."""

    name: Annotated[str, AfterValidator(checks.safe_name)] = Field(description="Its name in status and report.")
    undo: HookUndo | None = Field(
        None, description="What takes it back when the move leads back; nothing if not given."
    )
    deadline: Duration = Field(300, description="How long it may take with all its attempts, up to 1h.")
    on_failure: Literal["hold", "roll_back", "continue"] = Field(
        "hold", description="hold: a person decides. roll_back: back to the source. continue: note it and go on."
    )

    @model_validator(mode="after")
    def _short(self) -> Self:
        if self.deadline > 3600:
            raise InvalidValueError("a hook may take an hour at most", "write 1h or less")
        return self

    @property
    def hook(self) -> Hook:
        """The hook as a workflow takes it."""
        return Hook(
            name=self.name,
            do=self.action,
            undo=self.undo.action if self.undo else None,
            deadline_seconds=self.deadline,
            on_failure=self.on_failure,
        )


class PlanHooks(Authored):
    """Hooks around the cutover. Those of the plan, the wave and the virtual machine run, in this order."""

    before_cutover: Annotated[list[PlanHook], Field(max_length=MOST_HOOKS)] = Field(
        default_factory=list, description="Run on the source right before the failover."
    )
    after_cutover: Annotated[list[PlanHook], Field(max_length=MOST_HOOKS)] = Field(
        default_factory=list, description="Run on the target once it is verified, before the approval."
    )


def hooks_of(*levels: PlanHooks | None) -> Hooks:
    """Return the hooks of a virtual machine, given those of its plan, its wave and itself."""
    given = [level for level in levels if level is not None]
    return Hooks(
        before=[one.hook for level in given for one in level.before_cutover],
        after=[one.hook for level in given for one in level.after_cutover],
    )


def refuse_namesakes(levels: list[tuple[PlanHooks | None, tuple[PathStep, ...]]]) -> None:
    """Refuse hooks of one name in the innermost of *levels*, each with its path in the plan.

    Raises:
        InvalidPlanError: a name stands twice, so that nobody could tell the two apart.
    """
    innermost, path = levels[-1]
    if innermost is None:
        return
    for moment in ("before_cutover", "after_cutover"):
        known = {checks.name_key(one.name) for level, _ in levels[:-1] if level for one in getattr(level, moment)}
        for index, one in enumerate(getattr(innermost, moment)):
            if checks.name_key(one.name) in known:
                problem = f'the hook "{one.name}" stands twice for one virtual machine'
                raise InvalidPlanError(problem, "rename one", (*path, moment, index, "name"))
            known.add(checks.name_key(one.name))
