"""Parity end to end, on the commands that a person types: two machines with something of everything.

One is moved once the open rows are answered for; one is rejected after things were restored, and leaves nothing.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.activities import estate
from tests.activities import rich_estate as rich
from tests.e2e import judge
from tests.e2e.clone import Answer, Clone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PLAN, APPROVER = "parity", "approver@contoso.example"
OPEN = {"extensions", "encryption-at-host", "role-assignments"}


def plan() -> dict[str, Any]:
    """Return the plan: what it names in the target region, what it waives, what it restores."""
    back = {"load_balancer_pools": [rich.TARGET_POOL]}
    waived = {"by": APPROVER, "reason": "the network team does this"}
    return {
        "version": 1,
        "name": PLAN,
        "subscription": estate.SUBSCRIPTION,
        "source": {"region": estate.SOURCE_REGION, "resource_group": estate.SOURCE_GROUP},
        "target": {
            "region": estate.TARGET_REGION,
            "resource_group": estate.TARGET_GROUP,
            "network": "vnet-ne",
            "subnet": "servers",
        },
        "vault": {"name": "vault-ne", "resource_group": estate.VAULT_GROUP, "region": estate.TARGET_REGION},
        "approval": {"approvers": [APPROVER], "allow_self_approval": True},
        "parity": {"network_security_group": "web-ne"},
        "waivers": [
            {"rule": "parity/dns-labels", **waived},
            {"rule": "public-addresses-carried", "vm": "back", **waived},
        ],
        "waves": [
            {
                "name": "only",
                "vms": [
                    {"name": "keep", "target": {"public_ip": "web-ne", "load_balancer_pools": [rich.TARGET_POOL]}},
                    {"name": "back", "target": back},
                ],
            }
        ],
    }


def seed() -> dict[str, Any]:
    """Return the estate: a lock would keep Site Recovery's agent from going, so there is none."""
    machines = [one for number, name in enumerate(("keep", "back"), 1) for one in rich.rich_machine(name, number)]
    found = {one["id"].lower(): one for one in machines if "/locks/" not in one["id"]}
    found = {key: one for key, one in found.items() if "roleassignments" not in key or "/keep/" in key}
    whole = estate.seed()
    return {**whole, "resources": [*whole["resources"], *found.values()]}


@dataclass
class Run:
    """What was seen of the run."""

    listed: dict[str, Any]
    before: set[str]
    waiting: dict[str, Any]
    refused: Answer
    skipped: Answer
    ended: Answer
    pools: list[list[str]]
    report: dict[str, Any]

    def rows(self, vm: str) -> dict[str, set[str]]:
        """Return the states of each aspect of a machine."""
        found: dict[str, set[str]] = {}
        for row in self.vm(vm)["parity"]:
            found.setdefault(row["aspect"], set()).add(row["state"])
        return found

    def vm(self, name: str) -> dict[str, Any]:
        """Return a machine's part of the report."""
        return next(vm for vm in self.report["vms"] if vm["name"] == name)


@pytest.fixture(scope="module")
async def run(clone: Clone) -> Run:
    """Run the plan: reject one machine, answer for the open rows of the other, approve it."""
    clone.simulator.seed(seed())
    before, file = clone.simulator.resource_ids(), clone.write_plan(PLAN, plan())
    listed = (await clone.starter(f"plan {file} --json")).json
    started = await clone.starter(f"start {file}")
    assert 0 == started.code, started.err
    await clone.reach(PLAN, "awaiting_approval", "keep", "back")
    waiting = await clone.status(PLAN)
    pools = [members(clone)]
    refused = await clone.starter(f"approve {PLAN} --vm keep --approver {APPROVER}")
    await clone.starter(f"reject {PLAN} --vm back --approver {APPROVER}")
    skipped = await clone.starter(f"skip {PLAN} --vm keep --reason 'installed by the platform team'")
    await clone.reach(PLAN, "done", "back")
    pools.append(members(clone))
    watching = asyncio.create_task(clone.starter(f"watch {PLAN}"))
    approved = await clone.starter(f"approve {PLAN} --vm keep --approver {APPROVER}")
    assert 0 == approved.code, approved.out + approved.err
    return Run(listed, before, waiting, refused, skipped, await watching, pools, clone.report(PLAN))


def members(clone: Clone) -> list[str]:
    """Return who is in the target's pool."""
    balancer = clone.simulator.arm("GET", rich.TARGET_BALANCER).json()
    (pool,) = balancer["properties"]["backendAddressPools"]
    return sorted(one["id"].split("/")[8] for one in pool["properties"].get("backendIPConfigurations") or [])


def test_the_commit_waits_while_a_row_is_open(run: Run) -> None:
    """The status names the open rows; an approval is refused with them, and the approver sees them all."""
    keep = next(vm for vm in run.waiting["vms"] if vm["name"] == "keep")
    assert keep["needs_action"]
    assert OPEN == {row["aspect"] for row in keep["parity"]["open_rows"]}
    assert 1 == run.refused.code
    assert "approve did not count: refused: 3 rows of parity are open" in run.refused.out
    assert "open: extensions of" in run.refused.err
    assert "waived: dns-labels of" in run.refused.err
    assert 0 == run.skipped.code, run.skipped.out


def test_what_was_moved_is_as_it_was(clone: Clone, run: Run) -> None:
    """Every aspect ends carried, restored or waived by somebody, also what is set after the commit."""
    assert ("migrated", "rolled_back") == (run.vm("keep")["outcome"], run.vm("back")["outcome"])
    expected = {
        "tags": {"carried"},
        "security-groups": {"restored"},
        "security-rules": {"carried"},
        "public-addresses": {"restored"},
        "load-balancer-pools": {"restored"},
        "ip-configurations": {"restored"},
        "dns-labels": {"waived"},
        "extensions": {"waived"},
        "managed-identities": {"restored"},
        "role-assignments": {"waived"},
        "diagnostics": {"restored"},
        "encryption-at-host": {"waived"},
        "licence-type": {"restored"},
        "auto-shutdown": {"restored"},
    }
    assert expected == run.rows("keep")
    skipped = [row for row in run.vm("keep")["parity"] if row["aspect"] == "extensions"]
    assert ["installed by the platform team"] == [row["reason"] for row in skipped]
    made = {one["id"].lower().rpartition("/providers/")[2]: one["state"] for one in run.vm("keep")["resources"]}
    assert "created" == made["microsoft.devtestlab/schedules/shutdown-computevm-keep"]
    page = (clone.path / "out" / PLAN / "report.html").read_text(encoding="utf-8")
    assert "Source and target compared" in page
    assert 1 == run.ended.code


def test_the_way_back_leaves_nothing(clone: Clone, run: Run) -> None:
    """What was restored on the rejected machine is gone, out of the pool too, and all is told in the report."""
    assert [["back-nic", "keep-nic"], ["keep-nic"]] == run.pools
    assert set() == run.before - clone.simulator.resource_ids()
    subscriptions = {estate.SUBSCRIPTION}
    assert [] == judge.untold(run.report, judge.made_in(subscriptions, clone.simulator))
    states = {one["state"] for one in run.vm("back")["resources"] if "diagnosticSettings" in one["type"]}
    assert {"deleted"} == states
    ours = rich.TARGET_BALANCER.lower()
    log = [line for line in judge.within(subscriptions, clone.simulator.requests()) if line["path"].lower() != ours]
    assert [] == judge.unlisted(run.listed, log)
    assert [] == judge.ungranted(clone.path / "plans" / f"{PLAN}.yaml", log)
