"""The route table of Microsoft.Insights."""

from __future__ import annotations

from simulator.insights import metrics, settings
from simulator.insights.settings import SETTING
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_VM = f"{_SUBSCRIPTION}/resourceGroups/{{group}}/providers/Microsoft.Compute/virtualMachines/{{vm}}"
_METRICS = "providers/Microsoft.Insights/metrics"
_SETTINGS = f"{{scope*}}/providers/{SETTING}"
_SETTING = f"{_SETTINGS}/{{setting}}"

ROUTES = [
    Route("GET", f"{_SUBSCRIPTION}/{_METRICS}", metrics.metrics_list_at_subscription_scope),
    Route("GET", f"{_VM}/{_METRICS}", metrics.metrics_list),
    Route("GET", _SETTINGS, settings.diagnostic_settings_list),
    Route("GET", _SETTING, settings.diagnostic_settings_get),
    Route("PUT", _SETTING, settings.diagnostic_settings_create_or_update),
    Route("DELETE", _SETTING, settings.diagnostic_settings_delete),
]
