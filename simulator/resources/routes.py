"""The operations of Microsoft.Resources."""

from __future__ import annotations

from simulator.provider import Route
from simulator.resources import deployments, everything, groups, providers, subscriptions, tags

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{{group}}"
DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"
DEPLOYMENT = f"{DEPLOYMENTS}/{{deployment}}"
TAGS = "{scope*}/providers/Microsoft.Resources/tags/default"
PROVIDER = f"{SUBSCRIPTION}/providers/{{namespace}}"

ROUTES = [
    Route("GET", "/tenants", subscriptions.tenants_list, action=""),
    Route("GET", "/subscriptions", subscriptions.subscriptions_list, action=""),
    Route("GET", SUBSCRIPTION, subscriptions.subscriptions_get, action=""),
    Route("GET", f"{SUBSCRIPTION}/locations", subscriptions.subscriptions_list_locations, action=""),
    # What these lists show depends on the caller's roles: see rbac.seen.
    Route("GET", f"{SUBSCRIPTION}/resourceGroups", groups.resource_groups_list, action=""),
    Route("PUT", GROUP, groups.resource_groups_create_or_update, on_absent_group=True),
    Route("GET", GROUP, groups.resource_groups_get),
    Route("HEAD", GROUP, groups.resource_groups_check_existence, on_absent_group=True),
    Route("PATCH", GROUP, groups.resource_groups_update),
    Route("DELETE", GROUP, groups.resource_groups_delete),
    Route("GET", f"{SUBSCRIPTION}/operationresults/{{operation}}", groups.operation_results_get, action=""),
    Route("GET", DEPLOYMENTS, deployments.deployments_list_by_resource_group),
    Route("PUT", DEPLOYMENT, deployments.deployments_create_or_update),
    Route("GET", DEPLOYMENT, deployments.deployments_get),
    Route("DELETE", DEPLOYMENT, deployments.deployments_delete),
    Route("POST", f"{DEPLOYMENT}/validate", deployments.deployments_validate, reads=True),
    Route("GET", f"{DEPLOYMENT}/operations", deployments.deployment_operations_list),
    Route(
        "GET",
        f"{DEPLOYMENT}/operationStatuses/{{operation}}",
        deployments.deployment_operation_statuses_get,
        action="",
    ),
    Route("GET", f"{SUBSCRIPTION}/resources", everything.resources_list, action=""),
    Route("GET", f"{GROUP}/resources", everything.resources_list, action=""),
    Route(
        "GET",
        f"{SUBSCRIPTION}/providers",
        providers.providers_list,
        action="Microsoft.Resources/subscriptions/providers/read",
    ),
    Route("GET", PROVIDER, providers.providers_get, action="Microsoft.Resources/subscriptions/providers/read"),
    Route("POST", f"{PROVIDER}/register", providers.providers_register),
    Route("POST", f"{PROVIDER}/unregister", providers.providers_unregister),
    Route("GET", f"{SUBSCRIPTION}/tagNames", tags.tags_list, action="Microsoft.Resources/subscriptions/tagNames/read"),
    Route("GET", TAGS, tags.tags_get_at_scope),
    Route("PUT", TAGS, tags.tags_create_or_update_at_scope),
    Route("PATCH", TAGS, tags.tags_update_at_scope),
    Route("DELETE", TAGS, tags.tags_delete_at_scope),
]
