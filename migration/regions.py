"""Azure's regions by name, so that a typing error can be told from a region that is new or of another cloud.

Source: `Azure regions list <https://learn.microsoft.com/azure/reliability/regions-list>`_, `az account list-locations`.
"""

import difflib
import re

_PUBLIC = """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
    brazilsoutheast canadacentral canadaeast centralindia centralus centraluseuap chilecentral denmarkeast eastasia
    eastus eastus2 eastus2euap eastusstg francecentral francesouth germanynorth germanywestcentral indonesiacentral
    israelcentral italynorth japaneast japanwest jioindiacentral jioindiawest koreacentral koreasouth malaysiawest
    mexicocentral newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral qatarcentral
    southafricanorth southafricawest southcentralus southcentralusstg southeastasia southeastus southindia spaincentral
    swedencentral swedensouth switzerlandnorth switzerlandwest taiwannorth taiwannorthwest uaecentral uaenorth uksouth
    ukwest westcentralus westeurope westindia westus westus2 westus3
"""
_SOVEREIGN = """
    chinaeast chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3 usdodcentral usdodeast usgovarizona usgoviowa
    usgovtexas usgovvirginia usnateast usnatwest usseceast ussecwest
"""

PUBLIC = frozenset(_PUBLIC.split())
SOVEREIGN = frozenset(_SOVEREIGN.split())

_ALIKE = 0.85


def canonical(text: str) -> str:
    """Return the name that Azure gives a region whose display name is *text*: `West Europe` → `westeurope`."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def nearest(name: str) -> str | None:
    """Return the known region that *name* probably means, or None where it may be a region we do not know.

    A known name with another number at its end is taken as a new region: Azure numbers them.
    """
    known = PUBLIC | SOVEREIGN
    if name in known:
        return None
    stems = {region.rstrip("0123456789") for region in known}
    if name.rstrip("0123456789") in stems:
        return None
    matches = difflib.get_close_matches(name, sorted(known), n=1, cutoff=_ALIKE)
    return matches[0] if matches else None
