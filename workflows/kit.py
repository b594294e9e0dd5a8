"""What the chapters of one virtual machine's story work with."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.models import VmTask
from workflows.belongings import Belongings
from workflows.board import Board
from workflows.engine import Engine
from workflows.probes import Probes
from workflows.replication import Replication


@dataclass(frozen=True)
class Kit:
    """The task, and what all that is done for it shares."""

    task: VmTask
    board: Board
    engine: Engine
    belongings: Belongings
    replication: Replication
    probes: Probes
