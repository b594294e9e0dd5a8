"""The one exception that a handler raises to answer with an Azure Resource Manager error."""

from __future__ import annotations

from typing import Any


class ArmError(Exception):
    """An error answer: HTTP status, Azure's code and message, and optionally details and headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> None:
        """Keep the answer's parts; *body*, when given, replaces the usual ``{"error": {...}}`` wholly."""
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}
        self._body = body

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body as Azure writes it."""
        if self._body is not None:
            return self._body
        return {"error": self.error}

    @property
    def error(self) -> dict[str, Any]:
        """The inner error object, as operation status bodies carry it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return error


def from_gateway(status: int, code: str, message: str, **more: Any) -> ArmError:
    """An error that the front door itself gives, which says so in a header."""
    headers = {"x-ms-failure-cause": "gateway", **more.pop("headers", {})}
    return ArmError(status, code, message, headers=headers, **more)


def resource_not_found(resource_type: str, name: str, group: str) -> ArmError:
    """The front door's 404 for an absent resource, in the recorded words."""
    return from_gateway(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_type}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def group_not_found(group: str) -> ArmError:
    """The front door's 404 for an absent resource group."""
    return from_gateway(
        404,
        "ResourceGroupNotFound",
        f"Resource group '{group}' could not be found.",
    )
