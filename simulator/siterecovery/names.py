"""Ids of Site Recovery: how it writes them, and the identifiers that it derives from them."""

from __future__ import annotations

import uuid
from functools import lru_cache

from simulator import paths
from simulator.guids import new_guid

NAMESPACE = "Microsoft.RecoveryServices"
VAULT = f"{NAMESPACE}/vaults"
FABRIC = f"{VAULT}/replicationFabrics"
POLICY = f"{VAULT}/replicationPolicies"
RECOVERY_PLAN = f"{VAULT}/replicationRecoveryPlans"
CONTAINER = f"{FABRIC}/replicationProtectionContainers"
MAPPING = f"{CONTAINER}/replicationProtectionContainerMappings"
ITEM = f"{CONTAINER}/replicationProtectedItems"
NETWORK = f"{FABRIC}/replicationNetworks"
NETWORK_MAPPING = f"{NETWORK}/replicationNetworkMappings"
JOB = f"{VAULT}/replicationJobs"

CACHED = 1 << 16
"""How many answers about ids are remembered: a listing asks the same of thousands of items."""
_ROOT = uuid.UUID("7c1b5a60-5c0e-5f0b-9b43-3b1f6e6f2a10")


@lru_cache(maxsize=CACHED)
def stable_uuid(*parts: str) -> str:
    """The version 5 identifier that belongs to *parts*, whatever their case."""
    return str(uuid.uuid5(_ROOT, "|".join(part.lower() for part in parts)))


def number(*parts: str) -> int:
    """The positive 63-bit number that belongs to *parts*, whatever their case (a vault's id in the service)."""
    return uuid.UUID(stable_uuid("number", *parts)).int >> 65


def new_uuid() -> str:
    """A fresh identifier, as jobs and activities have."""
    return new_guid()


@lru_cache(maxsize=CACHED)
def vault_id(id_: str) -> str:
    """The id of the vault that *id_* lies in, in the form that Site Recovery writes (``/Subscriptions/...``)."""
    segments = paths.split(id_)
    return f"/Subscriptions/{segments[1]}/resourceGroups/{segments[3]}/providers/{VAULT}/{segments[7]}"


@lru_cache(maxsize=CACHED)
def asr_id(id_: str) -> str:
    """An id inside a vault with its first part as Site Recovery writes it; the rest keeps its case."""
    return "/".join([vault_id(id_), *paths.split(id_)[8:]])


def job_id(vault: str, name: str) -> str:
    """The ARM id of a job of the vault."""
    return f"{vault_id(vault)}/replicationJobs/{name}"


def parent(id_: str, levels: int = 1) -> str:
    """The id without its last *levels* pairs of type and name."""
    return "/".join(id_.rstrip("/").split("/")[: -2 * levels])


def last(id_: str) -> str:
    """The last segment of an id, or of a plain name."""
    return id_.rstrip("/").rpartition("/")[2]


@lru_cache(maxsize=CACHED)
def fabric_of(id_: str) -> str:
    """The id of the fabric that a container, mapping or item lies in."""
    return "/".join(["", *paths.split(id_)[:10]])


@lru_cache(maxsize=CACHED)
def container_of(id_: str) -> str:
    """The id of the container that a mapping or item lies in."""
    return "/".join(["", *paths.split(id_)[:12]])


def subscription_of(id_: str) -> str:
    """The subscription that an id lies in."""
    return paths.parse(id_).subscription
