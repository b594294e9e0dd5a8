"""How a person does by hand, in Azure's own commands, what an undo cannot do."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.models import VmTask

_API = "api-version=2025-08-01"


def by_hand(undo: str, task: VmTask) -> str:
    """Return the commands that stand for an undo, "" for one that has none."""
    vm, item = task.vm, f"https://management.azure.com{task.item_id}"
    commands = {
        "return_to_source": f"az vm deallocate --ids {vm.target_id}, then az vm start --ids {vm.source_id}",
        "disable_and_remove": f"az rest --method delete --url {item}?{_API}, then az resource delete --ids with what "
        "the report lists as created",
        "clean_up_test_failover": f"az rest --method post --url {item}/testFailoverCleanup?{_API} "
        "--body '{\"properties\": {}}'",
    }
    return commands.get(undo, "")
