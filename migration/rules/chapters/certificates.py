"""Certificates: the trusted roots of the machine; and its kernel, which only the machine itself tells."""

from migration.rules.rule import ERRORS, GUEST, MATRIX, Chapter, Rule

_ROOTS = f"{ERRORS}#trusted-root-certificates-error-code-151066"
_WHY_SAFE = "Enabling the replication fails at it and is undone; the source is not touched."


def _inside(rule_id: str, asks: str, looks: str, remedy: str, prevents: str, link: str = ERRORS) -> Rule:
    return Rule(
        id=rule_id,
        asks=asks,
        evidence=f"a run command that {looks}",
        remedy=remedy,
        link=link,
        prevents=prevents,
        moments=GUEST,
        waivable_at=GUEST,
        why_safe=_WHY_SAFE,
    )


CHAPTER = Chapter(
    "Certificates",
    "The last of the tutorial's four groups: does the machine have the latest trusted roots? And what else it tells "
    "when it is asked from inside.",
    (
        _inside(
            "roots-present",
            "It has the trusted roots that Azure's endpoints need.",
            "looks into its certificate store",
            "install the latest trusted roots, as the finding says for its system",
            "151066",
            _ROOTS,
        ),
        _inside(
            "roots-current",
            "These roots are current.",
            "looks into its certificate store",
            "see that its clock is right, and install the latest trusted roots",
            "151066",
            _ROOTS,
        ),
        _inside(
            "kernel-supported",
            "Site Recovery's agent has a driver for its kernel.",
            "asks for the kernel",
            "boot a kernel of the support matrix; newer ones follow some weeks after the distribution",
            "151141",
            MATRIX,
        ),
        _inside(
            "boot-devices",
            "Its boot configuration names disks by UUID.",
            "looks at the root and resume devices in its GRUB configuration",
            "replace the device names by UUIDs (blkid tells them) and update GRUB",
            "151126",
        ),
        _inside(
            "boot-volumes",
            "The volumes that its boot configuration names are there.",
            "looks at the root, resume and LVM devices in its GRUB configuration",
            "make the volume, or take it out of the GRUB configuration and update GRUB",
            "151124",
        ),
        _inside(
            "disks-initialised",
            "Its data disks that move are initialised.",
            "looks at its disks by LUN",
            "initialise the disk in the machine, or leave it behind by target.excluded_disks",
            "150039",
        ),
        _inside(
            "snapshot-services",
            "The Windows services for snapshots are not disabled.",
            "looks at the services VSS and COMSysApp",
            "set their start mode to manual or automatic",
            "151025",
        ),
    ),
)
