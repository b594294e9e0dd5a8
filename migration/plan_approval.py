"""Who may approve, by the plan: the keys of `approval` that say who counts. Waiting and deadlines are in `plan`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from migration import checks
from migration.base import Authored
from migration.errors import InvalidPlanError, InvalidValueError

GROUP = "group:"
"""What an entry of `approvers` begins with that means all members of a group of the directory."""
MOST_REQUIRED = 20
_AUDIENCE = re.compile(r"[!-~]{1,256}")

IdentityKind = Literal["trusted_network", "entra"]


def approver(text: str) -> str:
    """Return an approver: a user name like an e-mail address, an object id, or `group:` and a group's object id."""
    if text.casefold().startswith(GROUP):
        return GROUP + checks.guid(text[len(GROUP) :], "object id of a group", "write group: and the group's object id")
    return checks.person(text)


def _audience(text: str) -> str:
    if not _AUDIENCE.fullmatch(text):
        raise InvalidValueError("this is no audience", "write an application's id, or its URI such as api://...")
    return text


def _tenant(text: str) -> str:
    return checks.guid(text, "tenant id", "write the directory's id, as `az account show --query tenantId` prints it")


def enough_people(required: int, approvers: list[str], section: str) -> None:
    """Refuse to want more approvals than people are named who could give them; a group may have any number.

    Raises:
        InvalidPlanError: there are too few; it stands at `required` of that *section* of the plan.
    """
    people = {entry.casefold() for entry in approvers}
    if required > len(people) and not any(entry.startswith(GROUP) for entry in people):
        raise InvalidPlanError(
            f"{required} approvals are required and {len(people)} approvers named",
            "name more approvers, or a group",
            (section, "required"),
        )


class Approvers(Authored):
    """Who counts."""

    approvers: Annotated[list[Annotated[str, AfterValidator(approver)]], Field(min_length=1)]
    required: Annotated[int, Field(ge=1, le=MOST_REQUIRED)] = Field(
        1, description="How many different approvers have to approve. One rejection leads back."
    )
    identity: IdentityKind = Field(
        "trusted_network",
        description="trusted_network: an approver's name is believed as sent. entra: a token of Entra ID proves it.",
    )
    tenant: Annotated[str, AfterValidator(_tenant)] | None = Field(
        None, description="With entra: the approvers' directory; the worker's own if left out."
    )
    audience: Annotated[str, AfterValidator(_audience)] | None = Field(
        None,
        description="With entra: the application that approvers' tokens are for; else the worker's setting.",
    )
    allow_self_approval: bool = Field(default=False, description="May the person who starts the plan approve it?")

    @model_validator(mode="after")
    def _enough_people(self) -> Self:
        enough_people(self.required, self.approvers, "approval")
        return self

    @model_validator(mode="after")
    def _directory_is_used(self) -> Self:
        if self.identity == "entra":
            return self
        for key in ("tenant", "audience"):
            if getattr(self, key) is not None:
                raise InvalidPlanError(
                    f"{key} means nothing where names are believed",
                    f"write identity: entra, or remove {key}",
                    ("approval", key),
                )
        for index, entry in enumerate(self.approvers):
            if entry.startswith(GROUP):
                raise InvalidPlanError(
                    "who is in a group can be told by a token alone",
                    "write identity: entra, or name the people",
                    ("approval", "approvers", index),
                )
        return self
