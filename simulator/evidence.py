"""Where the behaviour of each operation comes from, and what is assumed: the facts behind ``docs/simulator.md``."""

from __future__ import annotations


def _operations(text: str) -> frozenset[str]:
    """Read lines of ``provider: handler handler ...``; an indented line goes on."""
    found, provider = set(), ""
    for word in text.split():
        if word.endswith(":"):
            provider = word.rstrip(":")
        else:
            found.add(f"{provider}.{word}")
    return frozenset(found)


RECORDED = _operations(
    """
    compute: virtual_machine_images_get virtual_machine_images_list virtual_machine_sizes_list virtual_machines_get
    network: get_resource/publicIPAddresses network_interfaces_get operations_get
      virtual_networks_create_or_update virtual_networks_get virtual_networks_list
    resources: deployment_operation_statuses_get deployments_create_or_update deployments_get resource_groups_get
    siterecovery: replication_eligibility_results_get replication_eligibility_results_list
      replication_fabrics_create replication_fabrics_get replication_fabrics_purge
      replication_network_mappings_create replication_network_mappings_get replication_operation_status_get
      replication_policies_create replication_policies_delete replication_policies_get
      replication_protected_items_create replication_protected_items_failover_commit replication_protected_items_get
      replication_protected_items_purge replication_protected_items_unplanned_failover
      replication_protection_container_mappings_create replication_protection_container_mappings_get
      replication_protection_container_mappings_purge replication_protection_containers_create
      replication_protection_containers_delete replication_protection_containers_get
      replication_protection_containers_switch_protection replication_recovery_plans_create
      replication_recovery_plans_delete replication_recovery_plans_get replication_recovery_plans_list
    storage: storage_accounts_create storage_accounts_get_properties
    """
)
"""Operations that recordings of the Azure CLI show (a test holds this list against them)."""

EXAMPLES = _operations(
    """
    authorization: management_locks_list permissions_list
    compute: resource_skus_list run_commands_get run_commands_list usage_list virtual_machines_deallocate
      virtual_machines_get virtual_machines_instance_view virtual_machines_run_command
    network: network_interfaces_get subnets_get usages_list virtual_networks_check_ip_address_availability
      virtual_networks_get virtual_networks_list virtual_networks_list_usage
    resources: providers_get
    siterecovery: operations_list recovery_points_get recovery_services_get_operation_result
      recovery_services_get_operation_status
      recovery_points_list_by_replication_protected_items replication_alert_settings_create
      replication_alert_settings_get replication_alert_settings_list replication_eligibility_results_get
      replication_eligibility_results_list replication_events_get replication_events_list
      replication_fabrics_check_consistency replication_fabrics_create replication_fabrics_delete
      replication_fabrics_get replication_fabrics_list replication_fabrics_purge replication_jobs_cancel
      replication_jobs_export replication_jobs_get replication_jobs_list replication_jobs_restart
      replication_jobs_resume replication_network_mappings_create replication_network_mappings_delete
      replication_network_mappings_get replication_network_mappings_list
      replication_network_mappings_list_by_replication_networks replication_network_mappings_update
      replication_networks_get replication_networks_list replication_networks_list_by_replication_fabrics
      replication_policies_create replication_policies_delete replication_policies_get replication_policies_list
      replication_policies_update replication_protected_items_add_disks
      replication_protected_items_apply_recovery_point replication_protected_items_create
      replication_protected_items_delete replication_protected_items_failover_commit replication_protected_items_get
      replication_protected_items_list replication_protected_items_list_by_replication_protection_containers
      replication_protected_items_purge replication_protected_items_remove_disks
      replication_protected_items_repair_replication replication_protected_items_reprotect
      replication_protected_items_resolve_health_errors replication_protected_items_test_failover
      replication_protected_items_test_failover_cleanup replication_protected_items_unplanned_failover
      replication_protected_items_update replication_protection_container_mappings_create
      replication_protection_container_mappings_delete replication_protection_container_mappings_get
      replication_protection_container_mappings_list
      replication_protection_container_mappings_list_by_replication_protection_containers
      replication_protection_container_mappings_purge replication_protection_container_mappings_update
      replication_protection_containers_create replication_protection_containers_delete
      replication_protection_containers_discover_protectable_item replication_protection_containers_get
      replication_protection_containers_list replication_protection_containers_list_by_replication_fabrics
      replication_protection_containers_switch_protection replication_recovery_plans_create
      replication_recovery_plans_delete replication_recovery_plans_failover_commit replication_recovery_plans_get
      replication_recovery_plans_list replication_recovery_plans_test_failover
      replication_recovery_plans_test_failover_cleanup replication_recovery_plans_unplanned_failover
      replication_recovery_plans_update replication_usages_list replication_vault_health_get
      replication_vault_health_refresh replication_vault_setting_create replication_vault_setting_get
      replication_vault_setting_list supported_operating_systems_get
      target_compute_sizes_list_by_replication_protected_items usages_list_by_vaults vaults_create_or_update
      private_link_resources_get private_link_resources_list
      recovery_services_capabilities recovery_services_check_name_availability registered_identities_delete
      vault_certificates_create vault_extended_info_get vault_extended_info_update
      vaults_delete vaults_get vaults_list_by_resource_group vaults_list_by_subscription_id vaults_update
    """
)
"""Operations with an example in Microsoft's specifications."""

EXCERPTS = _operations(
    """
    siterecovery: operation_results_get replication_jobs_get replication_jobs_list
      replication_recovery_plans_unplanned_failover vaults_create_or_update vaults_get
    """
)
"""Operations of which parts of other recordings are known (Azure PowerShell, the .NET SDK)."""

BUCKETS = "https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling"
PAGES = {
    "siterecovery": (
        "https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-migrate",
        "https://learn.microsoft.com/azure/site-recovery/azure-to-azure-support-matrix",
        "https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors",
        "https://learn.microsoft.com/azure/site-recovery/azure-to-azure-powershell",
    ),
    "compute": ("https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits",),
    "network": ("https://learn.microsoft.com/rest/api/virtualnetwork/",),
    "storage": ("https://learn.microsoft.com/rest/api/storagerp/",),
    "authorization": (
        "https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources",
        "https://learn.microsoft.com/azure/role-based-access-control/role-definitions",
    ),
    "resources": (BUCKETS,),
    "graph": ("https://learn.microsoft.com/graph/api/resources/directoryobject",),
    "insights": (
        "https://learn.microsoft.com/rest/api/monitor/metrics/list-at-subscription-scope",
        "https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-compute-virtualmachines-metrics",
        "https://learn.microsoft.com/rest/api/monitor/diagnostic-settings",
    ),
    "devtestlab": ("https://learn.microsoft.com/rest/api/dtl/global-schedules",),
    "managedidentity": ("https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities",),
    "policyinsights": ("https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions",),
}
"""The pages that each provider's behaviour follows where no recording shows it."""

LIFE = "recording `test_siterecovery_A2A_scenarios` of Azure/azure-cli-extensions (2023-01)"
ELIGIBILITY = "recording `test_siterecovery_scenarios` of Azure/azure-cli-extensions (2023-08)"
VAULTS = "recording `test_siterecovery_vault_scenarios` of Azure/azure-cli-extensions (2023-08)"
POWERSHELL = "recordings of Azure/azure-powershell, `AsrA2ATests` (2022-2025)"
DOTNET = "recording `ASRTests/CommitFailover` of Azure/azure-sdk-for-net"
SPEC = "examples of Azure/azure-rest-api-specs"
TROUBLE = "page <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors>"
TUTORIAL = "page <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-migrate>"
BEHAVIOUR = (
    ("A 202 has no body, two URLs, Retry-After 30, and the job's id as its request id", POWERSHELL),
    ("An operation's status has eight keys, and never a percentage nor a Retry-After", f"{LIFE}; {DOTNET}"),
    ("The Location of an operation ends in the object, or in 204 where that is gone", f"{DOTNET}; SDK's code"),
    ("Vaults answer 201 and poll by an address and a body of their own", VAULTS),
    ("Site Recovery writes `/Subscriptions/` and the ids of machines in small letters", LIFE),
    (
        "The job of each step: scenario, names, target; abbreviated in lists, with tasks alone",
        f"{POWERSHELL}; {VAULTS}",
    ),
    ("Enabling takes 5 to 7 minutes, the copying 20 to 50 more, its percentage in plateaus below 100", LIFE),
    ("A protected item warns with 161011 until a test failover", LIFE),
    ("What a failover makes: same name and size, new id, disks attached, no profile, no extensions", LIFE),
    (
        "The source is shut down and synchronised only where that is asked for; the failover goes on regardless",
        TUTORIAL,
    ),
    ("Reprotection moves the item to the other container and begins to copy anew", f"{LIFE}; {POWERSHELL}"),
    ("An item that was failed over and not committed can be purged", LIFE),
    ("Disabling needs a source that runs (150144); other error codes by cause", f"{TROUBLE}; field reports"),
    ("A recovery plan's failover: checks, shutdown of all, failover of all, groups, end", POWERSHELL),
    ("Policies of every kind, alert settings, health with its counts, supported systems, export of jobs", VAULTS),
    (
        "A vault that Site Recovery never worked in answers 400 for fabrics and policies",
        "code of the Terraform provider",
    ),
    ("Eligibility knows the operating system, not the kernel", f"{ELIGIBILITY}; field reports"),
    ("A template's deployment, and the machine that it makes", ELIGIBILITY),
    ("The front door's 404 for resources and groups", f"{VAULTS}; {LIFE}"),
    ("Buckets of tokens for each subscription and principal", f"page <{BUCKETS}>"),
    ("Shapes that no recording shows", SPEC),
)
"""Which recording, page or example each behaviour comes from."""

ASSUMPTIONS = {
    "siterecovery": (
        "How long disks are added, replication is repaired and the agent is updated.",
        "The numbers of those error codes that only a symptom is documented for (the last section of `failures.py`).",
        "The numbers 150023 of a silent VM agent, 153016 of too many changes and 153021 of a resynchronisation.",
        "A refusal of Azure itself inside a job (a lock, a policy, a provider, a full subnet) ends it with 150099.",
        "A size that the target region lacks is replaced by the closest; one that is restricted fails (150097).",
        "A reprotection that fails leaves the item where it was; only its last step moves it.",
        "A ReadOnly lock on a source disk or a cache account stops the enabling, since both are read by a POST.",
        "Removing an item whose enabling failed needs a running machine only where the agent was installed.",
        "A failed operation's status body repeats the job's error with `details`; no recording shows one.",
        "A change of the recovery point and a cancelled failover leave what they made.",
        "Replica disks stay from the failover until commit and disabling.",
        "Recovery plans take one job for each machine; scripts, manual actions and their pauses are not run.",
        "A plan's machines are failed over once all are shut down, and started group by group.",
        "The task that a recovery plan's test failover, clean-up and commit consist of (its failover's are known).",
        "Points of a consistency group fall on the same five minutes; one of its machines is not failed over alone.",
        "Over 54 MB/s of changes (100 with premium block blob cache accounts) no points come until it is less.",
        "Disks to be replicated by themselves are looked for every quarter of an hour.",
        "Events are the failed jobs and the health errors of now, without history; job export makes no blob.",
        "Items of Azure Backup are those of the seed; nothing is backed up.",
        "There is no limit to parallel jobs of one vault; Site Recovery's own throttling is a setting, off at first.",
        "How the documented limits refuse: codes and words, for vaults, recovery plans, disks and groups of machines.",
    ),
    "compute": (
        "How long a start, a stop and a deletion take (recorded moments, no distribution).",
        "The names of the throttling policies in `x-ms-ratelimit-remaining-resource`, but those of reads.",
        "Extensions other than Site Recovery's install in seconds and do nothing.",
        "A disk's copy is complete at once.",
        "Images are a handful of the marketplace's, each with one version.",
        "Run command knows the programs of `linux_commands.py` and `windows_commands.py`; others are not found.",
        "A shell script for Windows, or PowerShell for Linux, is refused with 400.",
        "Boot diagnostics of a machine that has none give addresses at which nothing is.",
        "The blobs of boot diagnostics lie on this cloud's own host; there are no other blobs.",
    ),
    "network": (
        "Peerings, routes and security rules are kept as given and reach no traffic: there is none.",
        "The resource GUIDs and MAC addresses of NICs follow from their ids.",
    ),
    "storage": ("Accounts hold no data; their keys open nothing.",),
    "authorization": (
        "A management group that no subscription of the seed names holds all of them.",
        "A role that is assigned or taken away counts from the next request on.",
        "Policies deny and do nothing else; a rule with a function that is not known here denies nothing.",
        "Operation URLs need a token, but no permission.",
    ),
    "resources": (
        "A group that cannot be deleted loses everything else in it.",
        "Templates know the functions that the Azure CLI's own use; links to templates and scripts are refused.",
        "A deleted resource is gone from every list at once.",
    ),
    "graph": ("Everybody who may sign in may look up everybody; requests count against Resource Manager's buckets.",),
    "insights": (
        "A machine writes as much in every minute as its seed says (0.5 MB/s unless it says so).",
        "Diagnostic settings are kept and shown; nothing is written, and they go with their resource.",
    ),
    "devtestlab": ("Schedules are kept and shown; none switches a machine off. How a wrong target is refused.",),
    "managedidentity": ("The principals of identities follow from their ids; no token is given for them.",),
    "policyinsights": ("Only deny policies are looked at; `fieldRestrictions` stays empty.",),
}
"""What no source says, by provider."""
