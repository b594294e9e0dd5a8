"""Settings, read once from a mapping of environment variables; only the two root files hand it the process's own."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from runtime.errors import SettingsError
from runtime.payload_keys import KEY_VARIABLES, Keyring
from runtime.sending import WebhookSetting, WebhookUrl, require_sound_mail, webhooks_in
from runtime.urls import LOOPBACK, https_url

PUBLIC_ENDPOINT = "https://management.azure.com"

HttpsUrl = Annotated[str, AfterValidator(https_url)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0.1, le=10_000, allow_inf_nan=False)]


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        message = "there is no such file"
        raise ValueError(message)
    return path.resolve()


def _metrics_address(text: str) -> str:
    """Return address and port; a port alone is one of loopback."""
    host, colon, port = text.strip().rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65_536:
        message = "give a port, or address and port such as 127.0.0.1:9464"
        raise ValueError(message)
    try:
        ipaddress.ip_address(host.strip("[]") if colon else LOOPBACK)
    except ValueError:
        message = "give the address as numbers, such as 127.0.0.1:9464"
        raise ValueError(message) from None
    return f"{host if colon else LOOPBACK}:{port}"


MetricsAddress = Annotated[str, AfterValidator(_metrics_address)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]


class Settings(BaseModel):
    """Everything a process is told by its environment, named as Azure's and Temporal's own tools name it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    azure_tenant_id: str | None = None
    azure_client_id: str | None = None
    azure_client_secret: SecretStr | None = None
    azure_client_certificate_path: ExistingFile | None = None
    azure_client_certificate_password: SecretStr | None = None
    azure_federated_token_file: Path | None = None
    azure_authority_host: HttpsUrl = "https://login.microsoftonline.com"
    azure_resource_manager_endpoint: HttpsUrl = PUBLIC_ENDPOINT
    azure_ca_bundle: ExistingFile | None = None
    """Certificates that replace the public ones; `REQUESTS_CA_BUNDLE` is read where this is absent."""
    azure_subscription_id: str | None = None

    poll_floor_seconds: Seconds = 2
    """The shortest time between two reads of one wait; all other times between its reads are in proportion."""
    arm_reads_per_second: Rate = 24
    """How many reads of a subscription workers send a second; Azure Resource Manager refills 25 for a principal."""
    arm_writes_per_second: Rate = 9.5
    """How many writes, and as many deletes, workers send a second; Azure Resource Manager refills 10 of each."""
    arm_budget_shared_by: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How many workers, or other programs alike, share these rates as one principal; each takes its part of them."""
    azure_activities_per_second: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] = 200
    """How many activities a second the server hands out of the queue of reads and writes, to all its workers."""
    intent_settle_seconds: Seconds = 30
    """How long after a recorded intent a write may still turn up in Azure's reads."""
    progress_seconds: Annotated[float, Field(ge=0.1, le=60, allow_inf_nan=False)] = 24
    """How often progress may reach Temporal; on Temporal Cloud each time is a billed action."""
    migration_approver: str | None = None
    migration_approver_token: SecretStr | None = None
    """An access token that proves who approves, for pipelines of people; better given by `--token-file`."""
    migration_approval_tenant: str | None = None
    """The tenant whose tokens may approve; AZURE_TENANT_ID where this is absent."""
    migration_approval_audience: str | None = None
    """The application that approvers' tokens are for; Azure Resource Manager where this is absent."""
    migration_approval_max_age_seconds: Annotated[int, Field(ge=60, le=900)] = 900
    """How old an approver's token may be."""
    migration_approval_key_file: ExistingFile | None = None
    """The key to which decisions are sealed, 32 bytes in base64, shared by the workers of a fleet; made at each start
    where this is absent."""

    migration_webhooks: dict[str, WebhookSetting] = Field(default_factory=dict, repr=False)
    """By channel: the variables `MIGRATION_WEBHOOK_<NAME>` and `MIGRATION_WEBHOOK_<NAME>_SECRET`."""
    migration_ui_url: WebhookUrl | None = None
    """Where people see the Temporal UI, for links in messages."""
    migration_smtp_host: str | None = None
    migration_smtp_port: Annotated[int, Field(ge=1, le=65_535)] = 587
    migration_smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    migration_smtp_user: str | None = None
    migration_smtp_password: SecretStr | None = None
    migration_smtp_from: str | None = None

    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_address: MetricsAddress | None = None
    """Where the worker answers Prometheus: a port of loopback, or address and port; nowhere where this is absent."""
    worker_ready_file: Path | None = None
    """Written with the worker's process id once it polls."""

    otel_environment: dict[str, str] = Field(default_factory=dict, repr=False)
    """The `OTEL_*` variables, which say whether and where traces go."""
    temporal_environment: dict[str, str] = Field(default_factory=dict, repr=False)
    """What a connection is made from: the `TEMPORAL_*` variables, for `temporalio.envconfig`, which reads profile files
    as well, and where the keys are that encrypt payloads."""

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings in *environment*; an empty value counts as absent.

        Raises:
            SettingsError: a value cannot be used; the message names the variable, never a secret's value.
        """
        given: dict[str, Any] = {name: environment[name.upper()] for name in cls._variables() & _set(environment)}
        for name in ("log_format", "log_level", "migration_smtp_security"):
            if name in given:
                given[name] = given[name].lower()
        if "azure_ca_bundle" not in given and environment.get("REQUESTS_CA_BUNDLE"):
            given["azure_ca_bundle"] = environment["REQUESTS_CA_BUNDLE"]
        given["temporal_environment"] = {
            k: v for k, v in environment.items() if v.strip() and (k.startswith("TEMPORAL_") or k in KEY_VARIABLES)
        }
        given["otel_environment"] = {k: v for k, v in environment.items() if k.startswith("OTEL_") and v}
        Keyring.from_mapping(environment)
        given["migration_webhooks"] = webhooks_in(environment)
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(_explanation(error, environment)) from None
        require_sound_mail(settings.migration_smtp_host, settings.migration_smtp_from, settings.migration_smtp_security)
        return settings

    @classmethod
    def _variables(cls) -> set[str]:
        return set(cls.model_fields) - {"temporal_environment", "otel_environment", "migration_webhooks"}

    @property
    def approval_audience(self) -> str:
        """The application that approvers' tokens are for, where a plan names none."""
        return self.migration_approval_audience or self.azure_resource_manager_endpoint

    @property
    def is_public_azure(self) -> bool:
        """Whether Azure Resource Manager is the one of the public cloud."""
        return self.azure_resource_manager_endpoint == PUBLIC_ENDPOINT


def _set(environment: Mapping[str, str]) -> set[str]:
    return {name.lower() for name, value in environment.items() if value.strip() and name.isupper()}


def _explanation(error: ValidationError, environment: Mapping[str, str]) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    variable = str(first["loc"][0]).upper()
    if variable == "AZURE_CA_BUNDLE" and not environment.get(variable):
        variable = "REQUESTS_CA_BUNDLE"
    cause = first["msg"].removeprefix("Value error, ")
    return f"reading the environment variable {variable}: {cause[0].lower()}{cause[1:]}; correct it or unset it"
