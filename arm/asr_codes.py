"""What to do about Site Recovery's error codes.

Sources: `Troubleshoot Azure-to-Azure VM replication errors
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors>`_ and field reports.
"""

REMEDIES = {
    "150019": "Wait until the virtual machine's provisioning state is Succeeded (mend it if it is Failed), then retry.",
    "150039": "Initialise the data disk in the guest, or leave it out by excluded_disks; then retry.",
    "150097": "Raise the quota in the target region, or choose a size, zone or region that offers it; then retry.",
    "150144": "Start the source so that its agent can be removed, or purge the item; then retry.",
    "150161": "Delete the replica disk that an earlier protection left in the target resource group; then retry.",
    "150172": "Enlarge the disk to the smallest size Site Recovery takes, or leave it out by excluded_disks.",
    "150261": "Correct the replication policy's retention and snapshot frequencies.",
    "151025": "Enable the COM+ System Application and the Volume Shadow Copy service in the guest; then retry.",
    "151037": "Let the guest reach Site Recovery on 443; only proxies without a login work. Then retry.",
    "151066": "Install the trusted root certificates in the guest (update the operating system); then retry.",
    "151072": "Let the guest reach Site Recovery on 443; only proxies without a login work. Then retry.",
    "151083": "Restart the guest when convenient: the Mobility service was updated with warnings.",
    "151124": "Correct the guest's GRUB configuration: it names an LVM device that does not exist. Then retry.",
    "151126": "Use UUIDs in place of device names in the guest's GRUB configuration; then retry.",
    "151141": "Boot the guest with a kernel that the Mobility agent supports; then retry.",
    "151192": "Give the guest a way out (NAT gateway, or a rule for the tag AzureActiveDirectory); then retry.",
    "151195": "Mend name resolution in the guest; then retry.",
    "151196": "Allow the guest to reach Microsoft Entra's sign-in addresses (tag AzureActiveDirectory); then retry.",
    "151197": "Allow the guest to reach Site Recovery's addresses (tag AzureSiteRecovery); then retry.",
    "151273": "Choose an operating system or disk controller that Site Recovery supports: NVMe works with few of them.",
    "153006": "Look at the guest's VSS or pre- and post-scripts: no application-consistent point was made.",
    "153007": "Look at churn and network: no crash-consistent point was made for an hour.",
    "161011": "Run a test failover, or take the risk knowingly.",
    "BookmarkNotFound": "Use a newer recovery point: the disk's type changed after this one.",
    "A2AOperatingSystemNotSupported": "Upgrade the guest to an operating system that Site Recovery supports.",
    "ScopeLocked": "Remove the lock, or ask its owner to.",
    "MissingSubscriptionRegistration": "Register the resource provider: az provider register --namespace <provider>.",
    "invalid_client": "Renew the client's secret or certificate, set it, and restart the worker.",
    "AuthenticationFailed": "Check the AZURE_* variables that name the worker's identity, then restart the worker.",
    "ServiceRequestError": "See that AZURE_RESOURCE_MANAGER_ENDPOINT and AZURE_AUTHORITY_HOST are right and reached.",
    "invalid_request": "Check AZURE_TENANT_ID and AZURE_CLIENT_ID, then restart the worker.",
    "unauthorized_client": "Check AZURE_TENANT_ID and AZURE_CLIENT_ID, then restart the worker.",
    "AuthorizationFailed": "Grant the identity the missing permission, then wait a few minutes for it to spread.",
    "LinkedAuthorizationFailed": "Grant the identity the permission on the linked resource too.",
    "RequestDisallowedByPolicy": "Ask the policy's owner for an exemption, or change the plan so that it complies.",
    "QuotaExceeded": "Raise the quota in the target region.",
    "SkuNotAvailable": "Choose another size, zone or region.",
    "AllocationFailed": "Retry later, or choose another size or zone: the region has no room now.",
    "ZonalAllocationFailed": "Retry later, or choose another size or zone: the zone has no room now.",
}


def remedy_for(code: str) -> str:
    """Return what to do about *code*; empty where we know nothing beyond what Azure says."""
    return REMEDIES.get(code, "")
