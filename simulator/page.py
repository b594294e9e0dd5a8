"""The page at the simulator's address: the estate for people who would rather look.

It is self-contained and read-only: no script, nothing loaded from elsewhere. It shows what ``GET /`` sees at that
moment; ``?refresh=5`` makes the browser ask again every five seconds.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from simulator import paths
from simulator.clock import rfc_seconds
from simulator.compute import machines
from simulator.compute.names import VM
from simulator.network.addresses import addresses_of
from simulator.page_parts import STYLE, Html, facts, plural, section, state, table, time
from simulator.resources.locations import display_name
from simulator.siterecovery import jobs, names
from simulator.siterecovery.views import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.siterecovery.job_model import Job
    from simulator.store import Resource
    from simulator.world import World

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
MOST_ROWS = 200
ENDED_JOBS = 10
SLOWEST_REFRESH_SECONDS = 3600
POWER_TONES = {machines.RUNNING: "good", machines.STOPPED: "", machines.DEALLOCATED: ""}
HEALTH_TONES = {"Normal": "good", "Warning": "busy", "Critical": "bad"}
JOB_TONES = {"InProgress": "busy", "Cancelling": "busy", "Succeeded": "good", "Failed": "bad"}


def page(world: World, refresh: str = "") -> str:
    """The whole page; *refresh* is the query's number of seconds, or anything else for none."""
    found = _glances(world, VM)
    items = _glances(world, names.ITEM)
    every_job = [job for vault in world.store.list(names.VAULT) for job in jobs.in_vault(world, vault.id)]
    running, ended = ([job for job in every_job if job.running is wanted] for wanted in (True, False))
    counts = {
        "regions": len({machine.location for machine in found}),
        "virtual machines": len(found),
        "running": sum(machine.meta.get("power_state", machines.RUNNING) == machines.RUNNING for machine in found),
        "replicated items": len(items),
        "running jobs": len(running),
        "faults": len(world.faults.all()),
    }
    parts = [
        facts(counts),
        section("Running jobs", _jobs("running jobs", running, ("Task", _task))),
        section("Replicated items", _items(world, items)),
        *_regions(world, found, items),
        section("Last jobs", _jobs("ended jobs", ended[:ENDED_JOBS], ("Ended", _end))),
        _unknown(world),
    ]
    return _document(world, "".join(parts), _seconds(refresh))


def _seconds(text: str) -> int:
    return min(int(text), SLOWEST_REFRESH_SECONDS) if text.isascii() and text.isdigit() else 0


def _document(world: World, body: str, refresh: int) -> str:
    meta = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    link = '<a href="/">Stop refreshing</a>' if refresh else '<a href="/?refresh=5">Refresh every 5 s</a>'
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{meta}'
        f"<title>Simulated Azure</title><style>{STYLE}</style></head><body><header><h1>Simulated Azure</h1>"
        f"<p>{time(rfc_seconds(world.now))} UTC, virtual; a real second is {world.clock.speed:g} s here. "
        f"Resource Manager at <code>{escape(world.endpoint)}</code>.</p><nav>{link}</nav></header>"
        f"<main>{body}</main></body></html>"
    )


def _glances(world: World, type_: str) -> list[Resource]:
    """Every resource of a type, to look at: a large estate is not read anew for each look."""
    return [found for key in world.store.keys(type_) if (found := world.store.glance(key)) is not None]


def _regions(world: World, found: list[Resource], items: list[Resource]) -> list[Html]:
    by_region: dict[str, list[Resource]] = {}
    for machine in found:
        by_region.setdefault(machine.location, []).append(machine)
    protected = {str(item.meta["vm"]).lower() for item in items}
    head = ("Name", "Power", "Size", "Addresses", "Disks", "Resource group", "Made by", "Replicated")
    return [
        section(
            display_name(region),
            table(
                f"virtual machines in {region}",
                head,
                by_region[region],
                lambda machine: _machine(world, machine, protected),
                limit=MOST_ROWS,
            ),
            note=f"{len(by_region[region])} {plural('virtual machines', len(by_region[region]))}",
        )
        for region in sorted(by_region)
    ]


def _machine(world: World, machine: Resource, protected: set[str]) -> tuple[str | Html | int, ...]:
    power = str(machine.meta.get("power_state", machines.RUNNING))
    nics = (world.store.get(reference["id"]) for reference in machines.nic_references(machine.doc))
    addresses = [address for nic in nics if nic is not None for _, address in addresses_of(nic.doc)]
    return (
        machine.name,
        state(power.rpartition("/")[2], POWER_TONES.get(power, "busy")),
        str((machine.properties.get("hardwareProfile") or {}).get("vmSize") or ""),
        ", ".join(addresses),
        len(machines.disk_ids(machine.doc)),
        paths.parse(machine.id).group,
        str(machine.meta["created_by"]),
        "yes" if machine.id.lower() in protected else "no",
    )


def _items(world: World, items: list[Resource]) -> Html:
    head = ("Machine", "From", "To", "State", "Replication", "Failover", "Vault")
    return table(
        "replicated items", head, items, lambda item: _item(show(world, world.store.require(item.id))), limit=MOST_ROWS
    )


def _item(item: dict[str, Any]) -> tuple[str | Html, ...]:
    shown = item["properties"]
    percent = shown["providerSpecificDetails"].get("monitoringPercentageCompletion")
    progress = f" ({percent} %)" if percent is not None and shown["protectionState"].startswith("Initial") else ""
    return (
        shown["friendlyName"],
        shown["primaryFabricFriendlyName"],
        shown["recoveryFabricFriendlyName"],
        shown["protectionStateDescription"] + progress,
        state(shown["replicationHealth"], HEALTH_TONES.get(shown["replicationHealth"], "")),
        state(shown["failoverHealth"], HEALTH_TONES.get(shown["failoverHealth"], "")),
        names.last(names.vault_id(item["id"])),
    )


def _jobs(caption: str, listed: list[Job], last: tuple[str, Callable[[Job], str]]) -> Html:
    head = ("Job", "On", "State", "Started", last[0])
    return table(caption, head, listed, lambda job: (*_job(job), last[1](job)), limit=MOST_ROWS)


def _job(job: Job) -> tuple[str, ...]:
    return job.friendly_name, job.target[1], state(job.state, JOB_TONES.get(job.state, "")), time(job.start)


def _task(job: Job) -> str:
    return str(job.task["friendlyName"])


def _end(job: Job) -> str:
    return time(job.end)


def _unknown(world: World) -> Html:
    listed = world.unknown.all()
    if not listed:
        return Html("")
    head = ("Resource type", "Method", "Times", "Example")
    shown = table(
        "unknown operations",
        head,
        listed,
        lambda one: (one["type"], one["method"], one["count"], one["example"]),
        limit=MOST_ROWS,
    )
    return section("Asked for and not simulated", shown)
