"""The calls for what virtual machines share: made before them, removed after them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from migration import ids, names
from migration.calls.call import ALWAYS, IF_ABSENT, Call
from migration.calls.move import Move
from migration.sharing import NETWORK_MAPPINGS, REMOVAL_ORDER

PREPARE, TIDY_UP = "prepare what all share", "tidy up"
IF_OURS_AND_UNUSED = "if this run made it and nobody uses it"


def prepare_all(moves: Sequence[Move]) -> list[Call]:
    """Return what makes the shared resources, each once: all groups, then vault by vault."""
    calls = _each_once(call for move in moves for call in prepare(move))
    return sorted(calls, key=lambda call: not _is_group(call.path))


def tidy_up_all(moves: Sequence[Move]) -> list[Call]:
    """Return what removes the shared resources again, each once, kind by kind."""
    calls = _each_once(call for move in moves for call in tidy_up(move))
    return calls if len(moves) == 1 else sorted(calls, key=lambda call: REMOVAL_ORDER.index(_kind(call.path)))


def prepare(move: Move) -> Iterator[Call]:
    """Yield what makes the shared resources of a vault, in order; what is there already needs no call."""
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
    for account in (*move.cache_account_ids, *move.return_cache_account_ids):
        if not move.is_there(account):
            yield Call(PREPARE, "PUT", account, "vault")


def tidy_up(move: Move) -> Iterator[Call]:
    """Yield what removes the shared resources of a vault again, what depends on a thing before the thing."""
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
    outside = [*move.cache_account_ids, *move.return_cache_account_ids, move.vault_id, *groups(move)]
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
        yield f"{fabric}/{NETWORK_MAPPINGS}/{name}"


def _kind(path: str) -> str:
    return ids.ResourceId.parse(path.removesuffix("/remove")).type.rpartition("/")[2]


def _is_group(path: str) -> bool:
    return _kind(path) == "resourceGroups"


def _each_once(calls: Iterable[Call]) -> list[Call]:
    return list({(call.method, ids.id_key(call.path)): call for call in calls}.values())


def _is_known_fabric(move: Move, path: str) -> bool:
    return any(ids.same_id(path, move.fabric_id(region)) for region in move.fabrics)


def _is_target_group(move: Move, path: str) -> bool:
    is_target = any(ids.same_id(path, vm.target_resource_group_id) for vm in move.vms)
    return is_target and not ids.same_id(path, move.vault_group_id)
