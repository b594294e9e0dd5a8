"""The plan's words about what comes after the commit: replicating back to the old region, and deleting the source."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from migration import checks
from migration.base import Authored
from migration.errors import InvalidPlanError
from migration.plan_approval import GROUP, IdentityKind, approver, enough_people
from migration.plan_types import Duration


class Finalise(Authored):
    """How `finalise` deletes what is left of the source, when somebody asks for it and others approve."""

    approvers: list[Annotated[str, AfterValidator(approver)]] = Field(
        default_factory=list, description="Who lets the source be deleted; the plan's approvers where nobody is named."
    )
    required: Annotated[int, Field(ge=1, le=5)] = Field(1, description="How many different people have to approve.")
    allow_self_approval: bool = Field(default=False, description="May the person who asks for it approve it?")
    snapshot: bool = Field(default=False, description="Take a snapshot of each disk before it is deleted.")
    keep_snapshots: Duration = Field(
        checks.DAY_SECONDS * 30,
        description="How long they are wanted; they stay until somebody deletes them.",
    )
    disks: Literal["delete", "keep"] = Field("delete", description="Disks of the source; shared ones always stay.")
    public_ips: Literal["keep", "delete"] = Field("keep", description="Public addresses that only the source used.")

    def refuse_too_few(self, approvers: list[str]) -> None:
        """Refuse to want more approvals than there are people: those of `finalise`, else the plan's *approvers*.

        Raises:
            InvalidPlanError: nobody could ever finalise.
        """
        enough_people(self.required, self.approvers or approvers, "finalise")

    def refuse_groups_of_names(self, identity: IdentityKind) -> None:
        """Refuse a group where names are believed.

        Raises:
            InvalidPlanError: there is one.
        """
        for index, entry in enumerate(self.approvers):
            if identity != "entra" and entry.startswith(GROUP):
                raise InvalidPlanError(
                    "who is in a group can be told by a token alone",
                    "write identity: entra under approval, or name the people",
                    ("finalise", "approvers", index),
                )


class Reprotect(Authored):
    """Replication back to the region that was left, in place of the end of replication."""

    enabled: bool = Field(default=True, description="false: replication is disabled, as without this.")
    deadline: Duration = Field(checks.DAY_SECONDS * 7, description="How long the first copy back may take.")


class AfterCommit(Authored):
    """What happens once a move is committed."""

    reprotect: Reprotect | None = Field(
        None, description="Keep the old region as the place of recovery. Left out: replication is disabled."
    )

    @property
    def wanted(self) -> Reprotect | None:
        """The replication back, where it is wanted."""
        return self.reprotect if self.reprotect is not None and self.reprotect.enabled else None
