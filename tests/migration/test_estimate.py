"""What `plan` tells: the calls of a run, resources, durations and costs, from sizes and a file that one can edit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from migration.errors import PlanFileError
from migration.estimate.durations import durations
from migration.estimate.outline import outline
from migration.estimate.prices import Prices, load_prices
from migration.placement import Place
from migration.plan import Plan
from migration.plan_file import load_plan
from migration.plan_fleet import Limits
from migration.schedule import side_by_side
from migration.specs import vm_specs
from migration.survey import Survey, SurveyedDisk, SurveyedVm

PLANS = Path(__file__).parents[2] / "plans"
PRICES = load_prices(PLANS / "prices.yaml")
CONTOSO, FABRIKAM = load_plan(PLANS / "contoso.yaml"), load_plan(PLANS / "fabrikam.yaml")


def surveyed(plan: Plan, gib: int = 100, disks: int = 2, **changes: Any) -> Survey:
    """Return a survey in which each machine has so many disks of a size."""
    found = []
    for spec in vm_specs(plan):
        home, _, name = spec.source_id.partition("/providers/Microsoft.Compute/virtualMachines/")
        found.append(
            SurveyedVm(
                name=spec.name,
                disks=[
                    SurveyedDisk(
                        id=f"{home}/providers/Microsoft.Compute/disks/{name}-{n}", size_gib=gib, type="Premium_LRS"
                    )
                    for n in range(disks)
                ],
                nic_ids=[f"{home}/providers/Microsoft.Network/networkInterfaces/{name}-nic"],
                network_ids=[f"{home}/providers/Microsoft.Network/virtualNetworks/home"],
            )
        )
    return Survey(vms=found, **changes)


def told(plan: Plan = CONTOSO, prices: Prices = PRICES, **changes: Any) -> dict[str, Any]:
    """Return the answer of `plan`, through JSON."""
    answer: dict[str, Any] = json.loads(json.dumps(outline(plan, surveyed(plan, **changes), prices, "prices.yaml")))
    return answer


def ours(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Return step and last part of each write of ours, in order."""
    return [
        (call["step"], f"{call['method']} {call['path'].rsplit('/', 1)[-1]}")
        for call in answer["calls"]
        if call["writes"] and call["by"] == "us"
    ]


def test_the_calls_come_in_the_order_of_the_story() -> None:
    """Numbered without gaps; the shared part first and last, and the way back at the very end."""
    answer = told(FABRIKAM)

    assert list(range(1, len(answer["calls"]) + 1)) == [call["n"] for call in answer["calls"]]
    steps = list(dict.fromkeys(call["step"] for call in answer["calls"]))
    assert [
        "check",
        "prepare what all share",
        "enable replication",
        "configure the target",
        "test failover",
        "fail over",
        "restore parity",
        "commit",
        "after the commit",
        "disable replication",
        "tidy up",
        "return to the source",
    ] == steps
    assert [] == [
        call for call in answer["calls"] if call["step"] == "return to the source" and call["when"] == "always"
    ]


def test_the_writes_of_one_machine_are_those_of_the_story() -> None:
    """Each write of ours about a machine, in order; on the way back what may lead back, then what was made goes."""
    name = FABRIKAM.vms[0].name
    writes = [
        (call["method"], call["path"].rsplit("/", 1)[-1] if call["method"] == "POST" else call["path"].split("/")[-2])
        for call in told(FABRIKAM, disks=1)["calls"]
        if call["vm"] == name and call["writes"] and call["by"] == "us"
    ]

    item, vms, nics, disks = "replicationProtectedItems", "virtualMachines", "networkInterfaces", "disks"
    settings = "diagnosticSettings"
    story = [
        ("POST", "runCommand"),
        ("PUT", item),
        ("PATCH", item),
        ("POST", "testFailover"),
        ("POST", "runCommand"),
        ("POST", "testFailoverCleanup"),
        *[("POST", "runCommand")] * 2,  # the probe of the source, the hook
        ("POST", "unplannedFailover"),
        ("POST", "runCommand"),
        *[("POST", "deallocate")] * 2,
        ("POST", "start"),
        ("PATCH", vms),
        ("PUT", nics),
        ("PUT", settings),
        ("POST", "failoverCommit"),
        ("PUT", "schedules"),
        ("DELETE", item),
        ("POST", "remove"),
    ]
    back = [
        ("POST", "testFailoverCleanup"),
        ("DELETE", settings),
        ("POST", "deallocate"),
        *[("POST", "start")] * 2,
        ("POST", "runCommand"),
        ("POST", "cancel"),
        ("POST", "remove"),
        ("DELETE", item),
        *[("DELETE", vms)] * 2,
        ("DELETE", nics),
        *[("DELETE", disks)] * 3,
    ]
    assert [*story, *back] == writes


def test_what_is_there_is_not_made_and_not_removed() -> None:
    """An existing group, vault and account get no call; what lies in the vault is made only where it is absent."""
    there = [
        CONTOSO.vault_ids[0].partition("/providers/")[0],
        CONTOSO.vault_ids[0].upper(),
        f"/subscriptions/{CONTOSO.subscription}/resourceGroups/{CONTOSO.target.resource_group}",
    ]
    fresh, known = told(), told(there=there, fabrics_of={CONTOSO.vault_ids[0].lower(): {"westeurope": "theirs"}})

    def made(answer: dict[str, Any]) -> set[str]:
        return {what for step, what in ours(answer) if step == "prepare what all share"}

    vault = f"PUT {CONTOSO.all_vaults[0].name}"
    assert (True, False) == (vault in made(fresh), vault in made(known))
    assert (True, False) == ("PUT migration-westeurope" in made(fresh), "PUT migration-westeurope" in made(known))
    assert {"if it is not there"} == {
        call["when"] for call in known["calls"] if call["step"] == "prepare what all share" and call["writes"]
    } - {"always"}
    removed = {entry["id"].lower() for entry in known["resources"]["removed"]}
    assert CONTOSO.vault_ids[0].lower() not in removed
    assert any("/replicationfabrics/theirs/" in call["path"].lower() for call in known["calls"])


def test_resources_are_made_changed_and_removed() -> None:
    """Each resource stands once in a list; the source is changed, its disks are not touched."""
    resources = told()["resources"]
    created = {entry["id"].rsplit("/", 1)[-1] for entry in resources["created"]}
    changed = {entry["id"].rsplit("/", 1)[-1] for entry in resources["changed"]}

    assert {"db-01", "db-01-0", "db-01-0-ASRReplica", "db-01-nic", "SiteRecovery-Linux"} <= created
    assert "db-01" in changed
    assert "db-01-0-ASRReplica" in {entry["id"].rsplit("/", 1)[-1] for entry in resources["removed"]}
    home = f"/resourceGroups/{CONTOSO.source.resource_group}/providers/Microsoft.Compute/disks"
    assert [] == [one for listed in resources.values() for one in listed if home in one["id"]]


def test_a_machine_that_was_moved_before_is_left_out() -> None:
    """It costs nothing and gets no call; where all were moved there is nothing to do."""
    survey = surveyed(CONTOSO)
    moved = survey.model_copy(update={"vms": [vm.model_copy(update={"already_migrated": True}) for vm in survey.vms]})
    some = survey.model_copy(update={"vms": [moved.vms[0], *survey.vms[1:]]})

    answer = outline(CONTOSO, moved, PRICES, "")
    assert ([], 0.0) == (answer["calls"], answer["cost"]["high"])
    assert [] == [call for call in outline(CONTOSO, some, PRICES, "")["calls"] if call["vm"] == moved.vms[0].name]


def test_durations_follow_from_sizes_and_concurrency() -> None:
    """The best case is never above the worst; twice the data takes longer, and so does less at once."""
    spans = [told(gib=gib)["duration"] for gib in (100, 200)]
    assert spans[0]["low_seconds"] < spans[1]["low_seconds"] < spans[1]["high_seconds"]
    assert spans[0]["high_seconds"] < spans[1]["high_seconds"]

    names = [vm.name for vm in CONTOSO.vms]
    one = CONTOSO.model_copy(update={"concurrency": CONTOSO.concurrency.model_copy(update={"replication": 1})})
    vms = {vm.name: vm for vm in surveyed(CONTOSO).vms}
    wide, narrow = (durations(plan, vms, PRICES.assumptions) for plan in (CONTOSO, one))
    assert sum(wide.copy[name].low for name in names) <= narrow.stages["replicate and test all"].low
    assert wide.total.low < narrow.total.low
    assert wide.downtime == narrow.downtime


def test_waves_beside_each_other_take_less_time_and_come_in_their_order() -> None:
    """Calls and waves are listed as they come; limits of a wave and of the vault make it longer."""
    last, first = CONTOSO.waves[:2]
    plan = CONTOSO.model_copy(update={"concurrency": CONTOSO.concurrency.model_copy(update={"cutover": 9})})
    beside = plan.model_copy(update={"waves": [last, first.model_copy(update={"after": []})]})
    turned = plan.model_copy(update={"waves": [last.model_copy(update={"after": [first.name]}), beside.waves[1]]})
    line, wide, back = (told(one) for one in (plan, beside, turned))
    assert wide["duration"]["low_seconds"] < line["duration"]["low_seconds"]
    assert [[], [first.name]] == [wave["after"] for wave in back["waves"]]
    assert [first.name, last.name] == [wave["name"] for wave in back["waves"]]
    vms = list(dict.fromkeys(call["vm"] for call in back["calls"] if call["vm"] and call["writes"]))
    assert [vm.name for wave in (first, last) for vm in wave.vms] == vms
    for key, limits in (("per_vault", {"replication": 1}), ("per_subscription", {"replication": 1})):
        bounded = beside.concurrency.model_copy(update={key: Limits.model_validate(limits)})
        narrow = beside.model_copy(update={"concurrency": bounded})
        assert wide["duration"]["low_seconds"] < told(narrow)["duration"]["low_seconds"]
    own = first.model_copy(update={"after": [], "concurrency": Limits(replication=1, cutover=1)})
    assert told(beside.model_copy(update={"waves": [last, own]}))["duration"] != wide["duration"]


def test_a_full_vault_makes_its_own_machines_wait_and_nobody_elses() -> None:
    """Each part has its own places: the fuller vault ends last, and what finds a place goes past what does not."""
    limits = {"plan": 4, "vault a": 1, "vault b": 2}
    wanted = [(f"a{n}", 10.0, ("plan", "vault a")) for n in range(3)] + [("b", 5.0, ("plan", "vault b"))]
    assert {"a0": 10.0, "a1": 20.0, "a2": 30.0, "b": 5.0} == side_by_side(wanted, limits)
    thousands = [(str(n), 60.0, ("plan", f"vault {n % 10}")) for n in range(5_000)]
    each = {"plan": 200} | {f"vault {n}": 10 for n in range(10)}
    assert 60.0 * 50 == max(side_by_side(thousands, each).values())

    limited = CONTOSO.concurrency.model_copy(update={"per_vault": Limits(replication=1)})
    plan = CONTOSO.model_copy(update={"concurrency": limited})
    survey = surveyed(plan, gib=100, disks=1)

    def copying(*vaults: int) -> float:
        placed = zip(survey.vms, vaults, strict=True)
        vms = {vm.name: vm.model_copy(update={"place": Place(vault=vault)}) for vm, vault in placed}
        return durations(plan, vms, PRICES.assumptions).stages["replicate and test all"].low

    alone = copying(0, 1, 2)
    assert [pytest.approx(2 * alone), pytest.approx(3 * alone)] == [copying(0, 0, 1), copying(0, 0, 0)]


def test_a_duration_can_be_reckoned_by_hand() -> None:
    """One machine, one disk, assumptions of round numbers."""
    assumed = {name: {"range": [0, 0], "because": "x"} for name in type(PRICES.assumptions).model_fields}
    assumed |= {
        "enable_minutes": {"range": [10, 20], "because": "x"},
        "copy_mib_per_second": {"range": [100, 10], "because": "x"},
        "used_percent": {"range": [50, 100], "because": "x"},
        "shutdown_minutes": {"range": [1, 2], "because": "x"},
        "disk_seconds": {"range": [5, 7], "because": "x"},
    }
    prices = Prices.model_validate({**PRICES.model_dump(), "assumptions": assumed})
    plan = CONTOSO.model_copy(
        update={"waves": [CONTOSO.waves[0].model_copy(update={"vms": [CONTOSO.waves[0].vms[0]]})]}
    )

    answer = told(plan, prices, gib=100, disks=1)

    copy = (600 + 50 * 1024 / 100, 1200 + 100 * 1024 / 10)
    assert {"low_seconds": 65, "high_seconds": 127} == {k: v for k, v in answer["downtime"].items() if k != "vms"}
    total = answer["duration"]
    assert (round(copy[0] + 65), round(copy[1] + 127)) == (total["low_seconds"], total["high_seconds"])


def test_costs_follow_their_formulas() -> None:
    """Replica disks, cache, traffic and machines, each from best to worst; the first 31 days are free."""
    cost = told(gib=100)["cost"]
    drivers = {driver["name"]: driver for driver in cost["drivers"]}

    assert {"replica disks", "cache account", "traffic between the regions", "Site Recovery"} == set(drivers)
    gib, days = 100 * 2 * len(CONTOSO.vms), cost["days"]
    assert abs(gib * 0.15 * days["high"] / 30 - drivers["replica disks"]["high"]) < 0.5
    assert (0.0, 0.0) == (drivers["Site Recovery"]["low"], drivers["Site Recovery"]["high"])
    assert all(driver["low"] <= driver["high"] and driver["reckoned"] for driver in drivers.values())
    assert round(sum(driver["high"] for driver in drivers.values()), 2) == pytest.approx(cost["high"], abs=0.03)
    patient = CONTOSO.model_copy(update={"approval": CONTOSO.approval.model_copy(update={"deadline": 61 * 86_400})})
    machines = told(patient)["cost"]["drivers"][-1]
    assert machines["high"] >= len(CONTOSO.vms) * 25.0


def test_snapshots_that_the_plan_wants_are_priced() -> None:
    """For as long as it wants them: what goes back costs in the worst case only; disks that stay have none."""
    words = CONTOSO.model_dump(mode="json", exclude_defaults=True)
    words["failover"] = {**words.get("failover", {}), "keep_target_writes": "15d"}
    words["finalise"] = {"snapshot": True, "keep_snapshots": "60d"}
    drivers = {one["name"]: one for one in told(Plan.model_validate(words), gib=100)["cost"]["drivers"]}
    kept = drivers["snapshots of what a move that goes back wrote"]
    last = drivers["snapshots of the sources, once they are deleted"]

    gib = 100 * 2 * len(CONTOSO.vms)
    assert (0.0, gib * 0.05 / 2) == (kept["low"], kept["high"])
    assert [pytest.approx(gib * 0.3 * 0.05 * 2), pytest.approx(gib * 0.05 * 2)] == [last["low"], last["high"]]
    words["finalise"] |= {"disks": "keep"}
    names = [one["name"] for one in told(Plan.model_validate(words), gib=100)["cost"]["drivers"]]
    assert last["name"] not in names


def test_a_disk_without_a_price_is_told() -> None:
    """It is left out of the sum and named."""
    survey = surveyed(CONTOSO)
    odd = survey.vms[0].model_copy(update={"disks": [survey.vms[0].disks[0].model_copy(update={"type": "New_LRS"})]})
    answer = outline(CONTOSO, survey.model_copy(update={"vms": [odd, *survey.vms[1:]]}), PRICES, "")

    assert ["New_LRS"] == answer["cost"]["unpriced"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda content: content["prices"].pop("inter_region_gib"), "prices.inter_region_gib"),
        (lambda content: content["assumptions"].update(day_minutes=1), "assumptions.day_minutes"),
        (lambda content: content["assumptions"]["enable_minutes"].update(range=[1, "x"]), "enable_minutes.range"),
        (lambda content: content["assumptions"]["copy_mib_per_second"].update(range=[0, 1]), "above 0"),
        (lambda content: content["prices"]["disk_gib_month"].update(Premium_LRS=-1), "disk_gib_month.Premium_LRS"),
        (lambda content: content.clear(), "version"),
    ],
)
def test_a_wrong_file_of_prices_says_where(tmp_path: Path, change: Any, expected: str) -> None:
    """With the file and the field."""
    content = yaml.safe_load((PLANS / "prices.yaml").read_text(encoding="utf-8"))
    change(content)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(PlanFileError) as wrong:
        load_prices(file)

    assert expected in str(wrong.value)
    assert str(file) in str(wrong.value)


@pytest.mark.parametrize(("text", "expected"), [("a: [", "no YAML"), ("- 1", "mine.yaml"), ("!!python/x 1", "no YAML")])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str, expected: str) -> None:
    """What is no YAML, or no mapping, or not there at all."""
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(PlanFileError, match=expected):
        load_prices(file)
    with pytest.raises(PlanFileError, match="cannot be read"):
        load_prices(tmp_path / "nothing.yaml")


def test_cutover_windows_are_told_with_their_next_opening() -> None:
    """A machine with a window says when it may fail over, by the clocks of its zone; others say nothing."""
    cutover = {
        "time_zone": "Europe/Amsterdam",
        "windows": [{"days": ["sat"], "from": "22:00", "to": "04:00"}],
        "freezes": [{"from": "2026-11-28", "to": "2026-12-01", "reason": "sale"}],
    }
    data = CONTOSO.model_dump(by_alias=True)
    assert [] == told()["windows"]
    data["waves"][0]["cutover"] = cutover
    plan = Plan.model_validate(data)
    answer = outline(plan, surveyed(plan), PRICES, "", datetime(2026, 11, 26, 12, tzinfo=UTC))
    expected = {
        "vm": plan.waves[0].vms[0].name,
        "time_zone": "Europe/Amsterdam",
        "is_open": False,
        "opens": "2026-12-05T21:00:00Z",
        "closes": None,
        "frozen": "",
        "never_again": False,
        "in_words": "its cutover window, which opens 2026-12-05 22:00 CET (in 9 d 9 h)",
    }
    assert [expected] == answer["windows"][:1]
    assert len(plan.waves[0].vms) == len(answer["windows"])


def test_the_plan_tells_who_goes_by_which_vault() -> None:
    """Machines and disks of each cache account; what is prepared twice takes twice the time."""
    document = CONTOSO.model_dump(mode="json", exclude={"vault"})
    first = {"name": "one", "resource_group": "vaults", "region": "northeurope", "cache_account": ["aaa", "bbb"]}
    plan = Plan.model_validate(document | {"vaults": [first, first | {"name": "two", "cache_account": None}]})
    survey = surveyed(plan)
    places = [Place(account=1), Place(vault=1), Place(vault=1, account=2)]
    vms = [vm.model_copy(update={"place": place}) for vm, place in zip(survey.vms, places, strict=True)]

    answer = outline(plan, survey.model_copy(update={"vms": vms}), PRICES, "prices.yaml")

    db, app, web = (vm.name for vm in plan.vms)
    shown = [
        (vault["id"], vault["vms"], [(one["vms"], one["disks"]) for one in vault["cache_accounts"]])
        for vault in answer["vaults"]
    ]
    one, two = plan.vault_ids
    assert [(one, 1, [([db], 2)]), (two, 2, [([app], 2), ([web], 2)])] == shown
    assert "bbb" == answer["vaults"][0]["cache_accounts"][0]["id"].rsplit("/", 1)[1]
    stages = [answer["duration"]["stages"], told()["duration"]["stages"]]
    both, alone = ({stage["name"]: stage["high_seconds"] for stage in each} for each in stages)
    assert both["tidy up"] == 2 * alone["tidy up"]
    assert alone["check and prepare"] < both["check and prepare"] < 2 * alone["check and prepare"]
    made = [call["path"] for call in answer["calls"] if call["step"] == "prepare what all share" and call["writes"]]
    assert 3 == sum("/storageAccounts/" in path for path in made)
