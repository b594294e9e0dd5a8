"""Outbound access: what the machine reaches, asked from inside, or read from its network's rules."""

from migration.rules.rule import ERRORS, GUEST, SITE_RECOVERY, Chapter, Rule

_NETWORKING = f"{SITE_RECOVERY}/azure-to-azure-about-networking"
_OUTBOUND = f"{ERRORS}#outbound-urls-or-ip-ranges-error-code-151037-or-151072"
_WHY_SAFE = "Enabling the replication fails at it and is undone; the source is not touched."
_ASKED = "a run command that tries DNS, TCP and TLS to each endpoint"


def _guest(rule_id: str, asks: str, remedy: str, prevents: str, link: str = _OUTBOUND) -> Rule:
    return Rule(
        id=rule_id,
        asks=asks,
        evidence=_ASKED,
        remedy=remedy,
        link=link,
        prevents=prevents,
        moments=GUEST,
        waivable_at=GUEST,
        why_safe=_WHY_SAFE,
    )


CHAPTER = Chapter(
    "Outbound access",
    "The third of the tutorial's four groups: does the machine get out to what Site Recovery needs? It is asked from "
    "inside by a run command, with a fixed script that only looks; a plan may switch that off (`guest_probes`).",
    (
        Rule(
            id="guest-asked",
            asks="The machine may be asked from inside.",
            evidence="the plan, its power state, its agent, and the identity's permission to run commands",
            remedy="mend that to see its way out and its certificates; else see to them yourself",
            link=_NETWORKING,
            severity="warning",
        ),
        Rule(
            id="outbound-rules",
            asks="Where it is not asked: its network's rules let it out to what Site Recovery needs.",
            evidence="outbound rules of its security groups, its routes, NAT gateway and public address",
            remedy="allow outbound TCP 443 to the service tags that Site Recovery needs",
            link=_NETWORKING,
            prevents="151192",
            waivable_at=("start",),
            why_safe=_WHY_SAFE,
        ),
        _guest(
            "outbound-path",
            "It reaches anything at all.",
            "give it a way out: a NAT gateway on its subnet, a public address, or a route to a firewall; allow the "
            "service tags AzureActiveDirectory, AzureSiteRecovery, Storage and EventHub",
            "151192",
        ),
        _guest(
            "outbound-dns",
            "It resolves the names of the endpoints.",
            "let its DNS server resolve public names, and see that the machine reaches that server",
            "151195",
        ),
        _guest(
            "outbound-proxy",
            "It uses no proxy, or one without a login.",
            "let the proxy pass these endpoints without a login, or go round it; name it in ProxyInfo.conf",
            "151072",
        ),
        _guest(
            "outbound-entra", "It reaches Microsoft Entra ID.", "allow the service tag AzureActiveDirectory", "151196"
        ),
        _guest(
            "outbound-site-recovery",
            "It reaches Site Recovery and its event hub.",
            "allow the service tags AzureSiteRecovery and EventHub of the target region",
            "151197",
        ),
        _guest(
            "outbound-storage",
            "It reaches the cache account.",
            "allow the service tag Storage of the source region",
            "151037",
        ),
        _guest(
            "outbound-tls",
            "It completes TLS with the endpoints and trusts their certificates.",
            "keep these endpoints out of what a firewall or proxy inspects, and install the current roots",
            "151066",
        ),
    ),
)
