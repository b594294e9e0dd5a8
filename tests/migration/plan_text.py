"""A plan file that is good, and what is wrong with one that is not."""

from __future__ import annotations

import pytest

from migration.errors import PlanFileError, PlanProblem
from migration.plan_file import parse_plan

GOOD = """\
version: 1
name: shop
subscription: 6b1f6e0a-52c4-4a8e-9d0b-3f5c8a7e2d11
source:
  region: westeurope
  resource_group: shop
target:
  region: northeurope
  resource_group: shop-ne
  network: shop-vnet
  subnet: servers
vault:
  name: shop-vault
  resource_group: shop-vault
  region: northeurope
approval:
  approvers: [anna@contoso.example]
  deadline: 7d
waves:
  - name: first
    vms:
      - name: web-01
        target:
          size: Standard_D2s_v5
      - name: web-02
"""


def problems_of(text: str, file: str = "plan.yaml") -> list[PlanProblem]:
    """Return what is wrong with a plan's text."""
    with pytest.raises(PlanFileError) as caught:
        parse_plan(text, file)
    return caught.value.problems


def replaced(old: str, new: str) -> str:
    """Return the good plan with one piece of text replaced."""
    assert 1 == GOOD.count(old)
    return GOOD.replace(old, new)
