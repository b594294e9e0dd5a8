"""What the checks of a plan and of a virtual machine are asked, and what they answer."""

from pydantic import Field

from migration.base import Value
from migration.models import Finding, SourceVm, VmTask
from migration.severities import Moment


class CheckVm(Value):
    """The input of `check_vm`.

    At `start` nothing of the virtual machine's own has been written; at `cutover` it is protected and about to fail
    over.
    """

    task: VmTask
    moment: Moment = "start"
    own_ids: list[str] = Field(
        default_factory=list, description="Ids of the ledger: what is ours collides with nothing."
    )
    recorded: SourceVm | None = Field(None, description="The source as the first check found it, to tell drift.")


class VmFindings(Value):
    """What a check found about one virtual machine of a plan; only what did not pass."""

    name: str
    findings: list[Finding] = Field(default_factory=list)
    already_migrated: bool = False
    network_ids: list[str] = Field(default_factory=list, description="The source's networks, to map in the vault.")


class PlanCheck(Value):
    """The answer of `check_plan`: what did not pass, of what the virtual machines share and of each."""

    findings: list[Finding] = Field(default_factory=list)
    vms: list[VmFindings] = Field(default_factory=list)
    omitted: int = Field(0, description="Findings left out to keep the answer small; blocking ones are kept first.")

    @property
    def blocking(self) -> list[Finding]:
        """What stops the plan."""
        everything = [*self.findings, *(finding for vm in self.vms for finding in vm.findings)]
        return [finding for finding in everything if finding.blocks]
