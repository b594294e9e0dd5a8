"""Valid plans and their estates, drawn by dice: whatever a person may write has to move as well as the examples do."""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

APPROVER = "anna.berg@shop.example"
REGIONS = (
    "westeurope",
    "northeurope",
    "uksouth",
    "francecentral",
    "eastus2",
    "centralus",
    "canadacentral",
    "brazilsouth",
    "southeastasia",
    "japaneast",
    "australiaeast",
    "southafricanorth",
)
WORDS = ("web", "DB", "Über", "größe", "serveur-é", "веб", "数据库", "الخادم", "a.b_c-d")
SIZES = ("Standard_D2s_v3", "Standard_D4s_v3", "Standard_D8s_v3")
TYPES = ("Premium_LRS", "StandardSSD_LRS", "Standard_LRS")
MOST_IN_A_WAVE = 20


@dataclass
class Machine:
    """One virtual machine: where it is, what it is called here and there, and what its plan says."""

    name: str
    azure_name: str
    stem: str
    group: str
    target_group: str
    target_subscription: str
    target_name: str
    wish: dict[str, Any] = field(default_factory=dict)


class Generated:
    """A plan of *vms* machines and its estate, the same for the same *number*."""

    def __init__(self, number: int, vms: int) -> None:
        self.dice = random.Random(number)  # noqa: S311 - a reproducible choice, no secret
        self.label = f"{number}-of-{vms}"
        self.home, self.away, self.branch = (str(uuid.UUID(int=self.dice.getrandbits(128), version=4)) for _ in "abc")
        if self.dice.random() < 0.5:
            self.away = self.home
        self.source, self.target, self.third = self.dice.sample(REGIONS, 3)
        self.name = f"{self.dice.choice(WORDS)}-{number}"
        self.vault_region = self.dice.choice((self.target, self.third))
        self.vault_exists = self.dice.random() < 0.5
        self.look_alikes: list[str] = []
        self.machines = [self._machine(index) for index in range(vms)]
        if vms > 1:
            self._make_twins(*self.machines[:2])

    @property
    def subscriptions(self) -> set[str]:
        """The subscriptions that the plan writes to."""
        return {self.home, self.away, self.branch}

    @property
    def plan(self) -> dict[str, Any]:
        """The plan as a person would write it."""
        waves = [self.machines[at : at + MOST_IN_A_WAVE] for at in range(0, len(self.machines), MOST_IN_A_WAVE)]
        target = {"region": self.target, "resource_group": "Shop-Target", "network": "Net", "subnet": "servers"}
        if self.away != self.home:
            target["subscription"] = self.away
        return {
            "version": 1,
            "name": self.name,
            "subscription": self.home.upper(),
            "source": {"region": self.source, "resource_group": "SHOP-source"},
            "target": target,
            "vault": {"name": "Vault-1", "resource_group": "shop-Vault", "region": self.vault_region},
            "approval": {"approvers": [APPROVER], "allow_self_approval": True},
            "concurrency": {"replication": 50, "cutover": 20},
            "waves": [
                {"name": f"wave-{number}", "vms": [self._entry(machine) for machine in wave]}
                for number, wave in enumerate(waves)
            ],
        }

    def _machine(self, index: int) -> Machine:
        stem = f"{self.dice.choice(('vm', 'SRV', 'app', 'Db'))}{index:02}"
        azure_name = stem if self.dice.random() < 0.5 else f"{stem}-AZ"
        name = azure_name if self.dice.random() < 0.3 else f"{self.dice.choice(WORDS)}-{index}"
        group = self.dice.choice(("shop-source", "shop-source", "Shop-Second"))
        machine = Machine(name, azure_name, stem, group, "shop-target", self.away, azure_name)
        choice = self.dice.random()
        if choice < 0.2:
            machine.wish["size"] = self.dice.choice(SIZES)
        elif choice < 0.4:
            machine.target_name = machine.wish["name"] = f"{stem}-moved"
        elif choice < 0.5:
            machine.target_group = "shop-made"
            machine.wish["resource_group"] = "Shop-Made"
            machine.wish["network"] = network_id(self.away, "shop-target").upper()
        elif choice < 0.6:
            # Site Recovery maps a network to one other only: whoever goes elsewhere comes from elsewhere.
            machine.group = "shop-apart"
            machine.target_subscription, machine.target_group = self.branch, "shop-branch"
            machine.wish |= {"subscription": self.branch, "resource_group": "shop-Branch", "network": "NET"}
        return machine

    def _make_twins(self, one: Machine, other: Machine) -> None:
        """Give two machines one name in Azure, in different groups, and different names or groups in the target."""
        one.azure_name = other.azure_name = "twin"
        one.group, other.group = "shop-source", "shop-second"
        one.wish, other.wish = {}, {"name": "twin-2"}
        one.target_group = other.target_group = "shop-target"
        one.target_subscription = other.target_subscription = self.away
        one.target_name, other.target_name = "twin", "twin-2"

    def _entry(self, machine: Machine) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": machine.name}
        if machine.azure_name != machine.name:
            entry["source_name"] = mixed(self.dice, machine.azure_name)
        if machine.group.lower() != "shop-source":
            entry["resource_group"] = mixed(self.dice, machine.group)
        return entry | ({"target": machine.wish} if machine.wish else {})


def mixed(dice: random.Random, text: str) -> str:
    """Return *text* in some other case: Azure ids have none that counts."""
    return dice.choice((str.upper, str.lower, str.title, str))(text)


def group_id(subscription: str, group: str) -> str:
    """Return the id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def network_id(subscription: str, group: str) -> str:
    """Return the id of the one network of a group."""
    return f"{group_id(subscription, group)}/providers/Microsoft.Network/virtualNetworks/net"
