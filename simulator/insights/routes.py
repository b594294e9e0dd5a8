"""The route table of Microsoft.Insights."""

from __future__ import annotations

from simulator.insights import metrics
from simulator.provider import Route

_SUBSCRIPTION = "/subscriptions/{subscription}"
_VM = f"{_SUBSCRIPTION}/resourceGroups/{{group}}/providers/Microsoft.Compute/virtualMachines/{{vm}}"
_METRICS = "providers/Microsoft.Insights/metrics"

ROUTES = [
    Route("GET", f"{_SUBSCRIPTION}/{_METRICS}", metrics.metrics_list_at_subscription_scope),
    Route("GET", f"{_VM}/{_METRICS}", metrics.metrics_list),
]
