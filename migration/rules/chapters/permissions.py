"""Permissions: what the identity may do on each scope, and the locks that stand in the way."""

from migration.rules.rule import BOTH, DOCS, TUTORIAL, Chapter, Rule

_DENIED = f"{DOCS}/role-based-access-control/overview"
_LOCKS = f"{DOCS}/azure-resource-manager/management/lock-resources"

CHAPTER = Chapter(
    "Permissions",
    "The second of the tutorial's four groups: may the identity that runs the move do what the move does?",
    (
        Rule(
            id="permissions-vault",
            asks="The identity may do what the move does in the vault's group.",
            evidence="the identity's permissions and the deny assignments on the group",
            remedy="grant it Site Recovery Contributor and Storage Account Contributor; Contributor where it makes "
            "the group",
            link=TUTORIAL,
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="permissions-source",
            asks="The identity may do what the move does in the source group.",
            evidence="the identity's permissions and the deny assignments on the group",
            remedy="grant it Virtual Machine Contributor there",
            link=TUTORIAL,
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="permissions-target",
            asks="The identity may do what the move does in the target group.",
            evidence="the identity's permissions and the deny assignments on the group",
            remedy="grant it Virtual Machine Contributor there; Contributor where it makes the group",
            link=TUTORIAL,
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="permissions-network",
            asks="The identity may use the target network.",
            evidence="the identity's permissions and the deny assignments on the network",
            remedy="grant it Network Contributor there",
            link=TUTORIAL,
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="permissions-subscription",
            asks="The identity may read what lies in the subscriptions, and make the groups that are absent.",
            evidence="the identity's permissions and the deny assignments on the subscription",
            remedy="grant it Reader there",
            link=_DENIED,
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="locks-source",
            asks="No lock keeps the source from being stopped and started.",
            evidence="the locks on the machine, in its group and above",
            remedy="remove the lock for the time of the move",
            link=_LOCKS,
            prevents="150099",
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="locks-target",
            asks="No lock keeps us from making, and undoing, in the target group.",
            evidence="the locks on the group, in it and above",
            remedy="remove the lock for the time of the move",
            link=_LOCKS,
            prevents="150099",
            moments=BOTH,
            shared=True,
        ),
        Rule(
            id="locks-vault",
            asks="No lock keeps us from making, and undoing, in the vault's group.",
            evidence="the locks on the group, in it and above",
            remedy="remove the lock for the time of the move",
            link=_LOCKS,
            prevents="150099",
            moments=BOTH,
            shared=True,
        ),
    ),
)
