"""What will not follow: what hangs on the source and that Site Recovery does not carry to the target."""

from migration.rules.rule import DOCS, MATRIX, SITE_RECOVERY, Chapter, Rule

_COMPUTE = f"{MATRIX}#replicated-machines---compute-settings"
_NETWORKING = f"{MATRIX}#replicated-machines---networking"
_ADDRESSES = f"{SITE_RECOVERY}/concepts-public-ip-address-with-site-recovery"

CHAPTER = Chapter(
    "What will not follow",
    "None of this stops the failover. What of it the move restores by itself, and for what the commit waits until "
    "somebody answers for it, stands in [parity](parity.md); so it is said before.",
    (
        Rule(
            id="extensions-carried",
            asks="It has no extensions that have to be installed again.",
            evidence="the machine's extensions",
            remedy="install them on the target after the cutover",
            link=_COMPUTE,
            severity="note",
        ),
        Rule(
            id="public-addresses-carried",
            asks="It has no public address.",
            evidence="the addresses of its interfaces",
            remedy="make a public address in the target region and give it to the target's interface; change what "
            "names the old one (DNS, firewalls of others)",
            link=_ADDRESSES,
            severity="warning",
        ),
        Rule(
            id="load-balancers-carried",
            asks="It is in no backend pool.",
            evidence="the pools of its interfaces",
            remedy="make a load balancer in the target region and add the target to its pool after the cutover",
            link=_NETWORKING,
            severity="warning",
        ),
        Rule(
            id="security-groups-carried",
            asks="No security group stands on its interfaces.",
            evidence="the security groups of its interfaces",
            remedy="put the same rules on the target subnet before the cutover, or on the target's interface after it",
            link=_NETWORKING,
            severity="warning",
        ),
        Rule(
            id="addresses-carried",
            asks="Its interfaces have one address each.",
            evidence="the IP configurations of its interfaces",
            remedy="add the further addresses to the target's interfaces after the cutover",
            link=_NETWORKING,
            severity="warning",
        ),
        Rule(
            id="identities-carried",
            asks="It has no managed identity.",
            evidence="the machine's identity",
            remedy="assign the identity to the target after the cutover; its own one is another principal there and "
            "needs its roles anew",
            link=f"{DOCS}/active-directory/managed-identities-azure-resources/managed-identities-faq",
            severity="warning",
        ),
        Rule(
            id="roles-carried",
            asks="No role assignment hangs on it or on its identity.",
            evidence="the role assignments of its subscription",
            remedy="assign the role on the target, or to the target's identity, after the cutover",
            link=_COMPUTE,
            severity="warning",
        ),
        Rule(
            id="backup-carried",
            asks="No vault backs it up.",
            evidence="the backup items of the vaults in its subscription",
            remedy="set up backup of the target after the cutover; keep the old recovery points while you need them",
            link=f"{DOCS}/backup/backup-azure-vms-introduction",
            severity="warning",
        ),
        Rule(
            id="encryption-at-host-carried",
            asks="It is not encrypted at its host.",
            evidence="the machine's security profile",
            remedy="switch encryption at host on for the target after the cutover: it has to be deallocated for that",
            link=f"{DOCS}/virtual-machines/disks-enable-host-based-encryption-portal",
            severity="warning",
        ),
    ),
)
