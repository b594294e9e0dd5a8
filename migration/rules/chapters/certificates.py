"""Certificates: the trusted roots of the machine; and its kernel, which only the machine itself tells."""

from migration.rules.rule import ERRORS, GUEST, MATRIX, Chapter, Rule

_ROOTS = f"{ERRORS}#trusted-root-certificates-error-code-151066"
_WHY_SAFE = "Enabling the replication fails at it and is undone; the source is not touched."


def _inside(rule_id: str, asks: str, evidence: str, remedy: str, prevents: str) -> Rule:
    return Rule(
        id=rule_id,
        asks=asks,
        evidence=f"a run command that looks at {evidence}",
        remedy=remedy,
        link=ERRORS,
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
        Rule(
            id="roots-present",
            asks="It has the trusted roots that Azure's endpoints need.",
            evidence="a run command that looks into its certificate store",
            remedy="install the latest trusted roots, as the finding says for its system",
            link=_ROOTS,
            prevents="151066",
            moments=GUEST,
            waivable_at=GUEST,
            why_safe=_WHY_SAFE,
        ),
        Rule(
            id="roots-current",
            asks="These roots are current.",
            evidence="a run command that looks into its certificate store",
            remedy="see that its clock is right, and install the latest trusted roots",
            link=_ROOTS,
            prevents="151066",
            moments=GUEST,
            waivable_at=GUEST,
            why_safe=_WHY_SAFE,
        ),
        Rule(
            id="kernel-supported",
            asks="Site Recovery's agent has a driver for its kernel.",
            evidence="a run command that asks for the kernel",
            remedy="boot a kernel of the support matrix; newer ones follow some weeks after the distribution",
            link=MATRIX,
            prevents="151141",
            moments=GUEST,
            waivable_at=GUEST,
            why_safe=_WHY_SAFE,
        ),
        _inside(
            "boot-devices",
            "Its boot configuration names disks by UUID.",
            "the root and resume devices in its GRUB configuration",
            "replace the device names by UUIDs (blkid tells them) and update GRUB",
            "151126",
        ),
        _inside(
            "boot-volumes",
            "The volumes that its boot configuration names are there.",
            "the root, resume and LVM devices in its GRUB configuration",
            "make the volume, or take it out of the GRUB configuration and update GRUB",
            "151124",
        ),
        _inside(
            "disks-initialised",
            "Its data disks that move are initialised.",
            "its disks by LUN",
            "initialise the disk in the machine, or leave it behind by target.excluded_disks",
            "150039",
        ),
        _inside(
            "snapshot-services",
            "The Windows services for snapshots are not disabled.",
            "the services VSS and COMSysApp",
            "set their start mode to manual or automatic",
            "151025",
        ),
    ),
)
