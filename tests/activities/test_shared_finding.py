"""What is shared and there already is found by one look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activities.shared_finding import SharedFindingActivities
from migration import ids, names
from migration.ids import same_id
from migration.sharing import NETWORK_MAPPINGS, FindShared, NetworkPair, VaultToFind
from tests.activities.estate import (
    CACHE,
    SOURCE_NETWORK,
    SOURCE_REGION,
    SUBSCRIPTION,
    TARGET_GROUP,
    TARGET_NETWORK,
    TARGET_REGION,
    VAULT,
)

if TYPE_CHECKING:
    from tests.activities.stage import Stage

GROUP, OTHER_GROUP = (ids.resource_group_id(SUBSCRIPTION, group) for group in (TARGET_GROUP, "nobody-made-it"))
FABRICS = [ids.fabric_id(VAULT, names.fabric_name(region)) for region in (SOURCE_REGION, TARGET_REGION)]
CONTAINERS = [
    ids.container_id(fabric, names.container_name(region))
    for fabric, region in zip(FABRICS, (SOURCE_REGION, TARGET_REGION), strict=True)
]


def wanted(target: str = TARGET_NETWORK, vault: str = VAULT) -> FindShared:
    """Ask for all that the machines of a stage share, and for a group that is not there."""
    part = VaultToFind(
        vault_id=vault,
        source_region=SOURCE_REGION,
        target_region=TARGET_REGION,
        networks=[NetworkPair(source_id=SOURCE_NETWORK, target_id=target)],
        account_ids=[CACHE, f"{CACHE}2"],
    )
    return FindShared(group_ids=[GROUP, OTHER_GROUP], vaults=[part])


async def test_one_look_finds_all_that_serves(stage: Stage) -> None:
    """Under any name, each listing read once; nothing is written, and what is not there is not named."""
    since = stage.mark

    found = await stage.run(SharedFindingActivities.find_shared, wanted())

    serving = {one.wanted: one.by for one in found.serving}
    mapping = f"{CONTAINERS[0]}/replicationProtectionContainerMappings/"
    network = f"{FABRICS[0]}/{NETWORK_MAPPINGS}/{names.network_mapping_name(SOURCE_NETWORK, TARGET_NETWORK)}"
    there = mapping + names.container_mapping_name(SOURCE_REGION, TARGET_REGION)
    policy = f"{VAULT}/replicationPolicies/{names.POLICY_NAME}"
    assert {GROUP, VAULT, policy, CACHE, network, *FABRICS, *CONTAINERS} <= {
        w for w, by in serving.items() if same_id(w, by)
    }
    assert same_id(f"{mapping}there", serving[there])
    assert not {OTHER_GROUP, f"{CACHE}2"} & set(serving)
    lines = [line for line in stage.sim.requests(since) if "/oauth2/" not in line["path"]]
    assert ({"GET"}, 13) == ({line["method"] for line in lines}, len(lines))


async def test_what_leads_elsewhere_does_not_serve(stage: Stage) -> None:
    """A network that is mapped to another one, and a vault that is not there, are left to those who make things."""
    elsewhere = TARGET_NETWORK.replace(TARGET_NETWORK.rsplit("/", 1)[-1], "elsewhere")

    other = await stage.run(SharedFindingActivities.find_shared, wanted(elsewhere))
    nothing = await stage.run(SharedFindingActivities.find_shared, wanted(vault=f"{VAULT}-2"))

    assert not any("networkmappings" in one.wanted.lower() for one in other.serving)
    assert [GROUP] == [one.wanted for one in nothing.serving]
