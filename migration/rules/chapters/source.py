"""The source: is it there, running and sound, and does nobody else move it?"""

from migration.rules.rule import BOTH, DOCS, ERRORS, MATRIX, TUTORIAL, Chapter, Rule

CHAPTER = Chapter(
    "The source",
    "The machine as it runs today, and whether Site Recovery can take hold of it.",
    (
        Rule(
            id="source-exists",
            asks="The virtual machine exists.",
            evidence="the virtual machine",
            remedy="correct its name or resource group in the plan",
            link=TUTORIAL,
            prevents="150016",
            moments=BOTH,
        ),
        Rule(
            id="source-region",
            asks="It runs in the plan's source region.",
            evidence="the virtual machine's location",
            remedy="correct the region, or plan this one separately",
            link=TUTORIAL,
            prevents="150017",
        ),
        Rule(
            id="source-running",
            asks="It is running.",
            evidence="the power state in its instance view",
            remedy="start it: az vm start",
            link=TUTORIAL,
            prevents="150020",
            moments=BOTH,
        ),
        Rule(
            id="source-provisioned",
            asks="Its last change succeeded.",
            evidence="its provisioning state",
            remedy="wait if it is being updated; if it failed, mend it and run the change again",
            link=ERRORS,
            prevents="150019",
            moments=BOTH,
        ),
        Rule(
            id="source-agent-ready",
            asks="Its guest agent answers.",
            evidence="the agent's status in its instance view",
            remedy="install or restart the Azure VM agent in the guest",
            link=f"{DOCS}/virtual-machines/extensions/agent-windows",
            prevents="150023",
        ),
        Rule(
            id="source-extension-sound",
            asks="No Site Recovery extension of an earlier try has failed on it.",
            evidence="its extensions",
            remedy="if replication cannot be enabled, remove the extension first",
            link=ERRORS,
            severity="warning",
        ),
        Rule(
            id="source-unprotected",
            asks="No other vault protects it.",
            evidence="the protected items of every vault in its subscription",
            remedy="disable that replication first, or leave the machine out",
            link=ERRORS,
            prevents="150024",
        ),
        Rule(
            id="item-usable",
            asks="No earlier move of it is half done in the plan's vault.",
            evidence="the protected items of the plan's vault",
            remedy="finish or undo that move, or disable replication of the item in the vault",
            link=ERRORS,
            prevents="150024",
        ),
        Rule(
            id="eligible",
            asks="Site Recovery says that it can protect it.",
            evidence="Site Recovery's own answer (replicationEligibilityResults)",
            remedy="do what Site Recovery recommends in the finding",
            link=MATRIX,
        ),
    ),
)
