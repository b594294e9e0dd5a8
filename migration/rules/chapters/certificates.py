"""Certificates: the trusted roots of the machine; and its kernel, which only the machine itself tells."""

from migration.rules.rule import ERRORS, GUEST, MATRIX, Chapter, Rule

_ROOTS = f"{ERRORS}#trusted-root-certificates-error-code-151066"
_WHY_SAFE = "Enabling the replication fails at it and is undone; the source is not touched."

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
    ),
)
