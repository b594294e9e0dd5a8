"""What else a vault answers: alert settings, vault settings, supported systems, usages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.provider import Reply
from simulator.siterecovery import events, health, jobs, names, support
from simulator.siterecovery.calls import listing, properties, require_vault

if TYPE_CHECKING:
    from simulator.provider import Call

SETTINGS = "asr-settings"
DEFAULT_ALERTS = {"sendToOwners": "DoNotSend", "customEmailAddresses": [], "locale": "en_US"}


def _setting(call: Call, type_: str, name: str, default: dict[str, Any]) -> dict[str, Any]:
    vault = names.vault_id(require_vault(call).id)
    kept = call.world.store.area(SETTINGS).get(f"{vault}/{type_}/{name}")
    return {
        "type": f"{names.VAULT}/{type_}",
        "id": f"{vault}/{type_}/{name}",
        "name": name,
        "properties": kept or default,
    }


def _write_setting(call: Call, type_: str, name: str, value: dict[str, Any]) -> None:
    vault = names.vault_id(require_vault(call).id)
    call.world.store.area(SETTINGS).put(f"{vault}/{type_}/{name}", value)


def _alerts(call: Call) -> dict[str, Any]:
    return _setting(call, "replicationAlertSettings", "defaultAlertSetting", DEFAULT_ALERTS)


def replication_alert_settings_list(call: Call) -> Reply:
    """List the one alert setting."""
    return listing(call, [_alerts(call)])


def replication_alert_settings_get(call: Call) -> Reply:
    """Show the alert setting."""
    return Reply(200, _alerts(call))


def replication_alert_settings_create(call: Call) -> Reply:
    """Set who is alerted; at once."""
    value = {**DEFAULT_ALERTS, **properties(call)}
    _write_setting(call, "replicationAlertSettings", "defaultAlertSetting", value)
    return Reply(200, _alerts(call))


def _vault_setting(call: Call) -> dict[str, Any]:
    default = {"migrationSolutionId": None, "vmwareToAzureProviderType": None}
    return _setting(call, "replicationVaultSettings", "default", default)


def replication_vault_setting_list(call: Call) -> Reply:
    """List the one vault setting."""
    return listing(call, [_vault_setting(call)])


def replication_vault_setting_get(call: Call) -> Reply:
    """Show the vault setting."""
    return Reply(200, _vault_setting(call))


def replication_vault_setting_create(call: Call) -> Reply:
    """Change the vault setting; at once."""
    value = {**_vault_setting(call)["properties"], **properties(call)}
    _write_setting(call, "replicationVaultSettings", "default", value)
    return Reply(200, _vault_setting(call))


def supported_operating_systems_get(call: Call) -> Reply:
    """Show the operating systems of which Azure machines can be replicated (``instanceType`` narrows the list)."""
    vault = names.vault_id(require_vault(call).id)
    wanted = call.query.get("instancetype", "A2A").lower()
    systems = [_system(name, family, versions) for name, (family, versions) in support.SUPPORTED_OS.items()]
    body = {
        "id": f"{vault}/replicationSupportedOperatingSystems/Default",
        "name": "Default",
        "type": f"{names.VAULT}/replicationSupportedOperatingSystems",
        "properties": {"supportedOsList": [{"instanceType": "A2A", "supportedOs": systems}] if wanted == "a2a" else []},
    }
    return Reply(200, body)


def _system(name: str, family: str, versions: tuple[str, ...]) -> dict[str, Any]:
    pack = {"servicePack": "1"} if versions == ("6.1",) else {}
    return {"osName": name, "osType": family, "osVersions": [{"version": version, **pack} for version in versions]}


def replication_usages_list(call: Call) -> Reply:
    """Count what the vault holds."""
    world, vault = call.world, require_vault(call)
    items = world.store.list(names.ITEM, vault.id)
    found = jobs.in_vault(world, vault.id)
    usage = {
        "monitoringSummary": {
            "unHealthyVmCount": sum(health.is_critical(world, item) for item in items),
            "unHealthyProviderCount": 0,
            "eventsCount": len(events.of_vault(world, vault.id)),
            "deprecatedProviderCount": 0,
            "supportedProviderCount": 0,
            "unsupportedProviderCount": 0,
        },
        "jobsSummary": {
            "failedJobs": sum(job.state == "Failed" for job in found),
            "suspendedJobs": 0,
            "inProgressJobs": sum(job.running for job in found),
        },
        "protectedItemCount": len(items),
        "registeredServersCount": 0,
        "recoveryPlanCount": world.store.count(names.RECOVERY_PLAN, vault.id),
    }
    return Reply(200, {"value": [usage]})
