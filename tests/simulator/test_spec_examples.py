"""Every example in Microsoft's specifications is routed, and answered in the example's shape."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import spec_estate, spec_life
from tests.simulator.spec_examples import differences, read

CLUSTERS = "clusters of machines with shared disks are not simulated"
NOT_AZURE = "an operation of other kinds of replication; refused for Azure machines, as their allowedOperations say"
EXCEPTIONS = {
    **dict.fromkeys(
        (
            "ClusterRecoveryPoint_Get",
            "ReplicationProtectionClusters_ApplyRecoveryPoint",
            "ReplicationProtectionClusters_Create",
            "ReplicationProtectionClusters_FailoverCommit",
            "ReplicationProtectionClusters_Get",
            "ReplicationProtectionClusters_GetOperationResults",
            "ReplicationProtectionClusters_Purge",
            "ReplicationProtectionClusters_RepairReplication",
            "ReplicationProtectionClusters_TestFailover",
            "ReplicationProtectionClusters_TestFailoverCleanup",
            "ReplicationProtectionClusters_UnplannedFailover",
            "ReplicationProtectionContainers_SwitchClusterProtection",
        ),
        CLUSTERS,
    ),
    **dict.fromkeys(
        (
            "ReplicationInfrastructure_Delete",
            "ReplicationJobs_Resume",
            "ReplicationProtectableItems_Get",
            "ReplicationProtectedItems_FailoverCancel",
            "ReplicationProtectedItems_PlannedFailover",
            "ReplicationProtectedItems_Reprotect",
            "ReplicationProtectionContainers_DiscoverProtectableItem",
            "ReplicationRecoveryPlans_FailoverCancel",
            "ReplicationRecoveryPlans_PlannedFailover",
            "ReplicationRecoveryPlans_Reprotect",
        ),
        NOT_AZURE,
    ),
    **dict.fromkeys(
        ("ReplicationProtectionIntents_Create", "ReplicationProtectionIntents_Get"),
        "intents, by which the portal sets up everything around a machine, are not simulated",
    ),
}
"""The examples that are refused here, by name, with the reason."""

EXCUSED = {
    r"/affectedObjectDetails/Primary|/affectedObjectDetails/Re|/affectedObjectDetails/Prot": (
        "the keys begin with a small letter in every recording"
    ),
    r"/lastPlannedFailoverTime ": "Azure machines have no planned failover",
    r": /nextLink ": "everything fits in one page, the last of which has no link",
    r"Vault.*: .*/tags|List\w+: .*/tags|GetOperationResult: /tags": "tags that the example's vault had before",
    r"GetOperationResult: /identity|PatchVault_WithCMK2: /identity": "the example shows an identity that it replaced",
    r"PUTVault\w*: /sku/tier ": "recordings show the name of the request, without a tier",
    r"GetOperationStatus: /(start|end)Time ": "recordings show neither time",
    r"GETVault: .*(privateEndpointConnections|enhancedSecurityState) ": "there are no private endpoints or backups",
    r"^UsageList: .*/(currentValue|limit): .*different types": (
        "the specification itself says int64, and the Azure CLI refuses a number with a point"
    ),
    r"InstanceView: .*(patchStatus|isVMInStandbyPool|extensions.*message) ": "patches, pools and extensions do nothing",
    r"GetProvider: .*/locationMappings ": "there are no edge zones",
    r"ReplicationProtectedItems_TestFailoverCleanup: /properties/lastSuccessfulFailoverTime ": (
        "the example's machine was failed over before; the key is absent until then, as recordings show"
    ),
}
"""Differences that are let through, as patterns of the example's name and the difference, with the reason."""


@pytest.fixture(scope="module")
def outcomes(shared_dir: Path) -> dict[str, list[str]]:
    """What became of every example, by name."""
    spec = shared_dir / "azure/recordings/spec"
    return {**spec_life.live(read(spec / "siterecovery")), **spec_estate.live(spec)}


def test_examples_are_answered_as_they_show(shared_dir: Path, outcomes: dict[str, list[str]]) -> None:
    """Each example that concerns Azure machines is answered with its status, headers, keys and types; none is left."""
    differing = {name: rest for name in outcomes.keys() - EXCEPTIONS.keys() if (rest := _unexcused(name, outcomes))}
    folders = (shared_dir / "azure/recordings/spec").iterdir()

    assert {} == differing
    assert {name for folder in folders for name in read(folder)} == set(outcomes)


def test_exceptions_are_refused_by_site_recovery(outcomes: dict[str, list[str]]) -> None:
    """What is excepted is no hole: Site Recovery itself refuses it, with 400 or 404."""
    taken = {name: outcomes[name] for name in EXCEPTIONS if not _refused(outcomes[name])}

    assert {} == taken


def _unexcused(name: str, outcomes: dict[str, list[str]]) -> list[str]:
    return [line for line in outcomes[name] if not any(re.search(each, f"{name}: {line}") for each in EXCUSED)]


def test_nothing_is_excused_in_vain(outcomes: dict[str, list[str]]) -> None:
    """Every excuse is needed by some example."""
    lines = [f"{name}: {line}" for name, found in outcomes.items() for line in found]

    assert [] == [each for each in EXCUSED if not any(re.search(each, line) for line in lines)]


def _refused(found: list[str]) -> bool:
    return len(found) == 1 and ("!= 400: " in found[0] or "!= 404: " in found[0]) and "InvalidResource" not in found[0]


@pytest.mark.parametrize(
    ("actual", "found"),
    [
        ({"a": 1, "b": {"c": "x"}, "more": 1}, []),
        ({"a": None, "b": {"c": ""}}, []),
        ({"b": {"c": "x"}}, ["/a is missing"]),
        ({"a": 1, "b": {}}, ["/b/c is missing"]),
        ({"a": "1", "b": {"c": "x"}}, ["/a: 1 and '1' are of different types"]),
        ({"a": True, "b": {"c": "x"}}, ["/a: 1 and True are of different types"]),
    ],
)
def test_differences_are_found(actual: Any, found: list[str]) -> None:
    """Missing keys and other types are differences, values and further keys are not."""
    assert found == list(differences({"a": 1, "b": {"c": "x"}}, actual))
