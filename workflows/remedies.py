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


_WORDS = {
    "return_to_source": "going back to the source",
    "disable_and_remove": "disabling replication and deleting what was made",
    "clean_up_test_failover": "cleaning up the test failover",
    "take_back_restored": "taking back what was restored on the target",
    "undo_hooks": "taking back the hooks before the cutover",
    "undo_hooks_after": "taking back the hooks after the cutover",
}


def in_words(undo: str) -> str:
    """Return what an undo does, for a person who reads what is waited for."""
    return _WORDS.get(undo, undo.replace("_", " "))
