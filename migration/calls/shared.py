"""The calls for what virtual machines share: made before them, removed after them."""

from __future__ import annotations

from collections.abc import Iterator

from migration import ids, names
from migration.calls.call import ALWAYS, IF_ABSENT, Call
from migration.calls.move import Move

PREPARE, TIDY_UP = "prepare what all share", "tidy up"
IF_OURS_AND_UNUSED = "if this run made it and nobody uses it"
_NETWORK_MAPPINGS = "replicationNetworks/azureNetwork/replicationNetworkMappings"


def prepare(move: Move) -> Iterator[Call]:
    """Yield what makes the shared resources, in order; what is there already needs no call."""
    for group_id in groups(move):
        if not move.is_there(group_id):
            place = "vault" if ids.same_id(group_id, move.vault_group_id) else "target"
            yield Call(PREPARE, "PUT", group_id, "vault" if place == "vault" else "target")
    if not move.vault_is_there:
        yield Call(PREPARE, "PUT", move.vault_id, "vault")
    inside = IF_ABSENT if move.vault_is_there else ALWAYS
    for path in _in_the_vault(move):
        if not _is_known_fabric(move, path):
            yield Call(PREPARE, "PUT", path, "vault", when=inside)
    if not move.is_there(move.cache_account_id):
        yield Call(PREPARE, "PUT", move.cache_account_id, "vault")
    if move.reprotects and not move.is_there(move.return_cache_account_id):
        yield Call(PREPARE, "PUT", move.return_cache_account_id, "vault")


def tidy_up(move: Move) -> Iterator[Call]:
    """Yield what removes the shared resources again, what depends on a thing before the thing."""
    mappings, containers, policy, fabrics = [], [], [], []
    for path in _in_the_vault(move):
        if "/replicationNetworkMappings/" in path or "/replicationProtectionContainerMappings/" in path:
            mappings.append(path)
        elif "/replicationProtectionContainers/" in path:
            containers.append(f"{path}/remove")
        elif "/replicationPolicies/" in path:
            policy.append(path)
        elif not _is_known_fabric(move, path):
            fabrics.append(f"{path}/remove")
    network_first = sorted(mappings, key=lambda path: "/replicationNetworkMappings/" not in path)
    returning = [move.return_cache_account_id] if move.reprotects else []
    outside = [move.cache_account_id, *returning, move.vault_id, *groups(move)]
    rest = [path for path in outside if not move.is_there(path)]
    for path in (*network_first, *containers, *policy, *fabrics, *rest):
        method = "POST" if path.endswith("/remove") else "DELETE"
        place = "target" if _is_target_group(move, path) else "vault"
        yield Call(TIDY_UP, method, path, "target" if place == "target" else "vault", when=IF_OURS_AND_UNUSED)


def groups(move: Move) -> list[str]:
    """Return the resource groups that the run makes where they are absent: the vault's, then the targets'."""
    wanted = [move.vault_group_id, *(vm.target_resource_group_id for vm in move.vms)]
    return list({ids.id_key(group_id): group_id for group_id in wanted}.values())


def network_mappings(move: Move) -> list[tuple[str, str, str]]:
    """Return fabric, network and counterpart of each mapping, both ways; a network is mapped to one other only."""
    there, back = move.fabric_id(move.source_region), move.fabric_id(move.target_region)
    mapped: set[str] = set()
    wanted: list[tuple[str, str, str]] = []
    for one, other in move.network_pairs():
        if one.lower() not in mapped:
            wanted.append((there, one, other))
        if other.lower() not in mapped:
            wanted.append((back, other, one))
        mapped |= {one.lower(), other.lower()}
    return wanted


def _in_the_vault(move: Move) -> Iterator[str]:
    source, target = move.source_region, move.target_region
    yield from (move.fabric_id(region) for region in (source, target))
    yield f"{move.vault_id}/replicationPolicies/{names.POLICY_NAME}"
    yield from (move.container_id(region) for region in (source, target))
    for here, there in ((source, target), (target, source)):
        name = names.container_mapping_name(here, there)
        yield f"{move.container_id(here)}/replicationProtectionContainerMappings/{name}"
    for fabric, one, other in network_mappings(move):
        name = "{mapping}" if "{" in one + other else names.network_mapping_name(one, other)
        yield f"{fabric}/{_NETWORK_MAPPINGS}/{name}"


def _is_known_fabric(move: Move, path: str) -> bool:
    return any(ids.same_id(path, move.fabric_id(region)) for region in move.fabrics)


def _is_target_group(move: Move, path: str) -> bool:
    is_target = any(ids.same_id(path, vm.target_resource_group_id) for vm in move.vms)
    return is_target and not ids.same_id(path, move.vault_group_id)
