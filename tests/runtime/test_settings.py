"""Settings from a mapping of environment variables."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from arm.throttling import Kind
from runtime.errors import SettingsError
from runtime.settings import Settings
from runtime.urls import is_loopback
from worker import limiter


def test_defaults_are_the_public_cloud() -> None:
    """Without any variable, Azure's public cloud and the documented times."""
    settings = Settings.from_mapping({})

    assert "https://management.azure.com" == settings.azure_resource_manager_endpoint
    assert "https://login.microsoftonline.com" == settings.azure_authority_host
    assert (2, 30) == (settings.poll_floor_seconds, settings.intent_settle_seconds)
    assert settings.is_public_azure


def test_an_empty_value_counts_as_absent() -> None:
    """Shells and Compose files set variables to nothing where they mean to leave them out."""
    assert Settings.from_mapping({}) == Settings.from_mapping({"AZURE_TENANT_ID": "", "LOG_LEVEL": " "})


def test_values_are_taken_from_their_variables(tmp_path: Path) -> None:
    """Each field is named as its variable, in lower case; unrelated variables are ignored."""
    bundle = tmp_path / "ca.pem"
    bundle.touch()

    settings = Settings.from_mapping(
        {
            "AZURE_CLIENT_SECRET": "s3cret",
            "AZURE_AUTHORITY_HOST": "login.example",
            "AZURE_RESOURCE_MANAGER_ENDPOINT": "https://localhost:8443/",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "POLL_FLOOR_SECONDS": "0.5",
            "LOG_FORMAT": "JSON",
            "TEMPORAL_ADDRESS": "temporal.example:7233",
            "PATH": "/bin",
        }
    )

    assert SecretStr("s3cret") == settings.azure_client_secret
    assert "https://login.example" == settings.azure_authority_host
    assert "https://localhost:8443" == settings.azure_resource_manager_endpoint
    assert bundle == settings.azure_ca_bundle
    assert 0.5 == settings.poll_floor_seconds
    assert "json" == settings.log_format
    assert {"TEMPORAL_ADDRESS": "temporal.example:7233"} == settings.temporal_environment
    assert not settings.is_public_azure


def test_azures_own_bundle_wins(tmp_path: Path) -> None:
    """`AZURE_CA_BUNDLE` is for Azure alone, `REQUESTS_CA_BUNDLE` for every Python program."""
    ours, everyones = tmp_path / "ours.pem", tmp_path / "everyones.pem"
    ours.touch()
    everyones.touch()

    settings = Settings.from_mapping({"AZURE_CA_BUNDLE": str(ours), "REQUESTS_CA_BUNDLE": str(everyones)})

    assert ours == settings.azure_ca_bundle


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [
        ("AZURE_RESOURCE_MANAGER_ENDPOINT", "http://management.azure.com", "is not an https address"),
        ("AZURE_AUTHORITY_HOST", "https://user@login.example", "is not an https address"),
        ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", "there is no such file"),
        ("POLL_FLOOR_SECONDS", "soon", "input should be a valid number"),
        ("POLL_FLOOR_SECONDS", "nan", "input should be a finite number"),
        ("INTENT_SETTLE_SECONDS", "-1", "input should be greater than or equal to 0"),
        ("LOG_LEVEL", "loud", "input should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str, cause: str) -> None:
    """One sentence: the variable, the cause, and what to do."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping({variable: value})

    message = str(caught.value)
    assert message.startswith(f"reading the environment variable {variable}: ")
    assert cause in message
    assert message.endswith("; correct it or unset it")
    assert "\n" not in message


def test_a_secret_is_not_shown() -> None:
    """Neither by printing the settings nor by an error about another variable."""
    shown = repr(Settings.from_mapping({"AZURE_CLIENT_SECRET": "s3cret", "TEMPORAL_API_KEY": "s3cret"}))

    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://localhost:1", True), ("https://[::1]:1", True), ("https://localhost.example", False)],
)
def test_loopback_is_this_machine_only(url: str, expected: bool) -> None:
    """A name that only begins like localhost is somebody else's."""
    assert expected is is_loopback(url)


def test_channels_and_mail_are_settings_of_the_worker_and_never_shown() -> None:
    """A plan's channel `ops-team` is MIGRATION_WEBHOOK_OPS_TEAM; neither address nor secret is printed."""
    settings = Settings.from_mapping(
        {
            "MIGRATION_WEBHOOK_OPS_TEAM": "https://hooks.example/T0/hidden",
            "MIGRATION_WEBHOOK_OPS_TEAM_SECRET": "signing-key",
            "MIGRATION_WEBHOOK_LOCAL": "http://127.0.0.1:8080/x",
            "MIGRATION_SMTP_HOST": "mail.example",
            "MIGRATION_SMTP_FROM": "migrations@contoso.example",
            "MIGRATION_SMTP_SECURITY": "TLS",
            "MIGRATION_SMTP_PASSWORD": "mail-password",
            "MIGRATION_SMTP_PORT": "465",
            "MIGRATION_UI_URL": "https://temporal.example/",
        }
    )
    hooks = settings.migration_webhooks
    assert ["local", "ops-team"] == sorted(hooks)
    assert SecretStr("signing-key") == hooks["ops-team"].secret
    assert None is hooks["local"].secret
    assert ("tls", 465) == (settings.migration_smtp_security, settings.migration_smtp_port)
    shown = repr(settings) + repr(hooks)
    assert not [secret for secret in ("hidden", "signing-key", "mail-password") if secret in shown]


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"MIGRATION_WEBHOOK_OPS": "http://hooks.example/T0/hidden"}, "MIGRATION_WEBHOOK_OPS: this is not an https"),
        ({"MIGRATION_WEBHOOK_OPS": "hooks.example/hidden"}, "MIGRATION_WEBHOOK_OPS: this is not an https"),
        ({"MIGRATION_WEBHOOK_OPS": "https://u:hidden@hooks.example/"}, "MIGRATION_WEBHOOK_OPS: this is not an https"),
        ({"MIGRATION_WEBHOOK_OPS_SECRET": "hidden"}, "MIGRATION_WEBHOOK_OPS is not set"),
        ({"MIGRATION_WEBHOOK_ops": "https://hooks.example/hidden"}, "name channels by A-Z"),
        ({"MIGRATION_SMTP_HOST": "mail.example"}, "MIGRATION_SMTP_FROM: it is not set"),
        (
            {"MIGRATION_SMTP_HOST": "mail.example", "MIGRATION_SMTP_FROM": "a@b.c", "MIGRATION_SMTP_SECURITY": "none"},
            "none is for a relay on this machine only",
        ),
        ({"MIGRATION_SMTP_PORT": "0"}, "MIGRATION_SMTP_PORT"),
    ],
)
def test_settings_that_would_send_nothing_or_secrets_in_the_open_are_refused(
    variables: dict[str, str], cause: str
) -> None:
    """The message names the variable, never its value."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_mapping(variables)
    assert cause in str(refused.value)
    assert "hidden" not in str(refused.value)


KINDS: tuple[Kind, ...] = ("reads", "writes", "deletes")


def test_the_budget_of_requests_is_a_setting_of_all_who_share_it() -> None:
    """Rates are those of the identity; a worker takes its part, and without a word a little less than Azure gives."""
    given = {"ARM_READS_PER_SECOND": "12", "ARM_WRITES_PER_SECOND": "4", "ARM_BUDGET_SHARED_BY": "2"}
    shared, usual = (limiter(Settings.from_mapping(environment)).budget for environment in (given, {}))

    assert (6, 2, 2) == tuple(shared.per_second(kind) for kind in KINDS)
    assert (24, 9.5, 9.5) == tuple(usual.per_second(kind) for kind in KINDS)
    for name, wrong in (("ARM_READS_PER_SECOND", "0"), ("ARM_BUDGET_SHARED_BY", "0"), ("ARM_WRITES_PER_SECOND", "inf")):
        with pytest.raises(SettingsError, match=name):
            Settings.from_mapping({name: wrong})
