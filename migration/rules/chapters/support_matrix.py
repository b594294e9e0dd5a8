"""The support matrix: what Site Recovery can replicate, and what the plan wants of it."""

from migration.rules.rule import DOCS, MATRIX, TUTORIAL, Chapter, Rule

CHAPTER = Chapter(
    "The support matrix",
    "Microsoft's support matrix, row by row, as far as Azure tells it without asking the guest.",
    (
        Rule(
            id="disks-supported",
            asks="Site Recovery supports its disks.",
            evidence="the disks, as the virtual machine and Azure tell them",
            remedy="exclude the disk in the plan, or change its kind",
            link=MATRIX,
            prevents="150172",
        ),
        Rule(
            id="disk-sizes",
            asks="Its disks are of a size that Site Recovery takes.",
            evidence="the size of each disk that moves",
            remedy="exclude the disk in the plan, or resize it",
            link=MATRIX,
            prevents="150172",
        ),
        Rule(
            id="disk-count",
            asks="It has no more disks than Site Recovery takes.",
            evidence="the disks that move",
            remedy="exclude disks in the plan",
            link=MATRIX,
        ),
        Rule(
            id="disk-encryption",
            asks="No disk is encrypted inside the guest.",
            evidence="the encryption settings of each disk",
            remedy="copy the keys to a key vault of the target region before the failover",
            link=f"{DOCS}/site-recovery/azure-to-azure-how-to-enable-replication-ade-vms",
            severity="warning",
        ),
        Rule(
            id="excluded-disks",
            asks="The disks left behind exist and the OS disk is not among them.",
            evidence="the disks of the virtual machine",
            remedy="correct excluded_disks in the plan",
            link=TUTORIAL,
            prevents="150173",
        ),
        Rule(
            id="disk-types",
            asks="The disk types wanted are for disks that it has, and possible there.",
            evidence="the disks of the virtual machine, and the plan's disk_types",
            remedy="correct disk_types in the plan",
            link=f"{DOCS}/virtual-machines/disks-types",
        ),
        Rule(
            id="encryption-set",
            asks="The disk encryption set exists in the target region.",
            evidence="the disk encryption set",
            remedy="create it there, or correct the plan",
            link=f"{DOCS}/virtual-machines/disk-encryption",
        ),
    ),
)
