"""The vault: where it may lie, and whether Site Recovery is to be had there."""

from migration.rules.rule import DOCS, MATRIX, TUTORIAL, Chapter, Rule

CHAPTER = Chapter(
    "The vault",
    "The vault may lie in any region but the source; Site Recovery has to be offered on both sides.",
    (
        Rule(
            id="vault-place",
            asks="The vault lies in the plan's region, outside the source region.",
            evidence="the vault's location",
            remedy="correct the vault's region in the plan, or name another vault",
            link=TUTORIAL,
            shared=True,
        ),
        Rule(
            id="site-recovery-offered",
            asks="Site Recovery is offered in the regions.",
            evidence="the regions that the resource provider of Recovery Services lists",
            remedy="choose regions that offer it",
            link=MATRIX,
            shared=True,
        ),
        Rule(
            id="providers-registered",
            asks="The resource providers are registered.",
            evidence="the registration state of each provider in each subscription of the move",
            remedy="register them: az provider register -n NAMESPACE",
            link=f"{DOCS}/azure-resource-manager/management/resource-providers-and-types",
            shared=True,
        ),
        Rule(
            id="cache-account",
            asks="The cache account that the plan names lies in the source region.",
            evidence="the storage account's location",
            remedy="name an account of the source region, or none",
            link=MATRIX,
            prevents="150075",
            shared=True,
        ),
        Rule(
            id="plan-fits",
            asks="The machines find room in the vaults' cache accounts, and the vaults in their subscriptions.",
            evidence="the machines' disks, what the vaults protect through which account, and the vaults there are",
            remedy="name more cache accounts, or none, so that as many are made as are needed; or add a vault",
            link=MATRIX,
            shared=True,
        ),
        Rule(
            id="protected-disks",
            asks="No subscription has more protected disks than Site Recovery takes.",
            evidence="the protected items of every vault in the subscriptions of the sources and of the plan's vaults",
            remedy="release machines that are protected already, or split the plan: into plans that run one after the "
            "other, or by subscription",
            link=f"{MATRIX}#replicated-machines---storage",
            prevents="150174",
            shared=True,
        ),
    ),
)
