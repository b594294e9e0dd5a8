"""Whatever plan a person can mean, writing it down and reading it back gives the same plan."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.plan import Plan
from migration.plan_file import parse_plan

NAMES = st.from_regex(r"[a-zäöüßéж][a-z0-9äéж._-]{0,20}[a-z0-9]", fullmatch=True).filter(
    lambda name: "." not in name[-1]
)
AZURE_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_().-]{0,30}[A-Za-z0-9]", fullmatch=True)
GUIDS = st.uuids().map(str)
DURATIONS = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 300), st.sampled_from("smhd"))
REGIONS = st.permutations(["westeurope", "northeurope", "swedencentral", "usgovvirginia"])
TARGETS = st.fixed_dictionaries(
    {},
    optional={
        "subscription": GUIDS,
        "resource_group": AZURE_NAMES,
        "size": st.sampled_from(["Standard_D2s_v5", "Standard_E4s_v3"]),
        "zone": st.sampled_from(["1", 2, "3"]),
        "address": st.ip_addresses(v=4, network="10.0.0.0/8").map(str),
        "disk_types": st.dictionaries(st.one_of(st.just("*"), AZURE_NAMES), st.just("Premium_LRS"), max_size=3),
        "excluded_disks": st.lists(AZURE_NAMES, max_size=3),
    },
)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a plan as plain values."""
    source, target, vault, _ = draw(REGIONS)
    vms = draw(st.lists(NAMES, min_size=1, max_size=12, unique_by=str.casefold))
    cut = draw(st.integers(1, len(vms)))
    waves = [part for part in (vms[:cut], vms[cut:]) if part]
    names = draw(st.lists(NAMES, min_size=len(waves), max_size=len(waves), unique_by=str.casefold))
    return {
        "version": 1,
        "name": draw(NAMES),
        "subscription": draw(GUIDS),
        "source": {"region": source, "resource_group": draw(AZURE_NAMES)},
        "target": {
            "region": target,
            "resource_group": draw(AZURE_NAMES),
            "network": draw(AZURE_NAMES),
            "subnet": draw(AZURE_NAMES),
        },
        "vault": {
            "name": "vault-1",
            "resource_group": draw(AZURE_NAMES),
            "region": draw(st.sampled_from([target, vault])),
        },
        "approval": {
            "approvers": draw(st.lists(st.one_of(GUIDS, st.just("anna@contoso.example")), min_size=1, max_size=3)),
            "deadline": draw(DURATIONS),
            "allow_self_approval": draw(st.booleans()),
        },
        "waves": [
            {"name": name, "vms": [{"name": vm, "target": draw(TARGETS)} for vm in part]}
            for name, part in zip(names, waves, strict=True)
        ],
    }


@settings(max_examples=60, deadline=None)
@given(plans())
def test_yaml_and_json_say_the_same(data: dict[str, Any]) -> None:
    """A plan written as YAML, as JSON, and by the history's converter is read as the same plan, with one hash."""
    from_yaml = parse_plan(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "plan.yaml")
    from_json = parse_plan(json.dumps(data, indent=2), "plan.json")
    from_history = Plan.model_validate_json(from_yaml.model_dump_json())

    assert from_yaml == from_json
    assert from_yaml == from_history
    assert from_yaml.content_hash == from_history.content_hash
    assert [vm["name"] for wave in data["waves"] for vm in wave["vms"]] == [vm.name for vm in from_yaml.vms]
