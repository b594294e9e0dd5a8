"""The plan's probes: what a person may write, what is told of the rest, and which probes a machine gets."""

from pathlib import Path

import pytest
import yaml

from migration.errors import PlanFileError
from migration.hosts import forbidden
from migration.plan import Plan
from migration.plan_file import parse_plan
from migration.probing import address_of, parameters
from migration.proofs import Boot, Comparison, ProbeResult, Proof, quoted
from migration.specs import verifying_of, vm_specs

CONTOSO = (Path(__file__).parents[2] / "plans" / "contoso.yaml").read_text(encoding="utf-8")
LINES = len(CONTOSO.splitlines())


def plan_with(whole: str = "", own: str = "") -> Plan:
    """Return the Contoso plan with probes of the plan, and of the machine web-01, each from YAML."""
    text = CONTOSO.rstrip("\n") + "\n"
    if own:
        text += f"        verification: {own}\n"
    return parse_plan(text + (f"verification: {whole}\n" if whole else ""), "plan.yaml")


ALL = (
    "{boot_timeout: 20m, timeout: 4m, interval: 10s, probes: [{name: ssh, tcp: {port: 22}}, "
    "{name: shop, http: {port: 443, path: /health, host_name: shop.example, contains: ok}, where: worker}, "
    "{name: db, command: {script: 'pg_isready', arguments: [a], limit: 2m}, timeout: 9m, in_test: false}]}"
)


def test_a_machine_gets_the_plans_probes_and_its_own() -> None:
    """One of its own stands for the plan's of that name, whatever its case; one may be left out."""
    own = "{boot_timeout: 1h, without: [SSH], probes: [{name: DB, tcp: {port: 5432}}]}"
    plan = plan_with(ALL, own)
    wanted = verifying_of(plan)

    assert ["ssh", "shop", "db"] == [probe.name for probe in wanted["db-01"].probes]
    assert ["shop", "DB"] == [probe.name for probe in wanted["web-01"].probes]
    assert (1200, 3600) == (wanted["db-01"].boot_timeout, wanted["web-01"].boot_timeout)
    assert [True, True, True] == [spec.asks_guest for spec in vm_specs(plan)]
    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert plan.content_hash != plan_with().content_hash


WRONG: list[tuple[str, str, str]] = [
    ("{probes: [{name: a}]}", "verification.probes[0]", "the probe asks nothing; give it one of tcp, http and command"),
    ("{probes: [{name: a, tcp: {port: 0}}]}", "verification.probes[0].tcp.port", "0 is too small; write 1 or more"),
    ("{probes: [{name: a, tcp: {port: 1}, http: {port: 2}}]}", "verification.probes[0]", "asks by tcp and http"),
    ("{probes: [{name: a, tcp: {port: 1, prot: 1}}]}", "verification.probes[0].tcp.prot", "did you mean port?"),
    ("{probes: [{name: a, tcp: {port: 1, host: 169.254.169.254}}]}", "verification.probes[0].tcp.host", "credentials"),
    ("{probes: [{name: a, tcp: {port: 1, host: '0x7f.1'}}]}", "verification.probes[0].tcp.host", "is no host"),
    ("{probes: [{name: a, http: {}}]}", "verification.probes[0].http", "the probe names no address"),
    ("{probes: [{name: a, http: {url: 'ftp://x/'}}]}", "verification.probes[0].http.url", "is no address of a website"),
    ("{probes: [{name: a, http: {url: 'http://u:p@x/'}}]}", "verification.probes[0].http.url", "holds credentials"),
    ("{probes: [{name: a, http: {url: 'http://[fe80::1]/'}}]}", "verification.probes[0].http.url", "may not be asked"),
    (
        "{probes: [{name: a, http: {url: 'http://x/', port: 1}}]}",
        "verification.probes[0].http",
        "url stands beside port",
    ),
    ("{probes: [{name: a, http: {port: 1, path: x}}]}", "verification.probes[0].http.path", "begin with /"),
    ("{probes: [{name: a, http: {port: 1, status: 99}}]}", "verification.probes[0].http.status", "write 100 or more"),
    ("{probes: [{name: a, command: {script: ' '}}]}", "verification.probes[0].command.script", "the script is empty"),
    (
        "{probes: [{name: a, command: {script: '" + "x" * 4001 + "'}}]}",
        "verification.probes[0].command.script",
        "the script has 4001 bytes; keep it under 4000 bytes",
    ),
    ("{probes: [{name: a, command: {script: x, limit: 11m}}]}", "verification.probes[0].command", "write at most 10m"),
    ("{probes: [{name: a, command: {script: x}, where: worker}]}", "verification.probes[0]", "runs in the guest"),
    ("{probes: [{name: a, tcp: {port: 1}}, {name: A, tcp: {port: 2}}]}", "verification.probes[1].name", "stands twice"),
    ("{timeout: 5}", "verification.timeout", "5 has no unit"),
    (
        "{probes: [" + ", ".join(f"{{name: p{n}, tcp: {{port: 1}}}}" for n in range(11)) + "]}",
        "verification.probes",
        "11 probes are too many for one virtual machine",
    ),
    (
        "{probes: [" + ", ".join(f"{{name: p{n}, command: {{script: {'x' * 3999}}}}}" for n in range(5)) + "]}",
        "verification.probes",
        "have 19995 bytes together",
    ),
]


@pytest.mark.parametrize(("whole", "field", "told"), WRONG, ids=map(str, range(len(WRONG))))
def test_a_mistake_is_told_with_its_place(whole: str, field: str, told: str) -> None:
    """File, line, field, what is wrong and what would be right."""
    with pytest.raises(PlanFileError) as failure:
        plan_with(whole)
    [problem] = failure.value.problems
    assert f"plan.yaml:{LINES + 1}: {field}: " in str(problem)
    assert told in str(problem)


def test_a_mistake_of_one_machine_is_told_at_that_machine() -> None:
    """What it leaves out has to be there, and its own probes are each named once."""
    for own, field, told in (
        ("{without: [shp]}", "verification.without[0]", 'the plan has no probe "shp"; its probes are ssh, shop, db'),
        ("{probes: [{name: a, tcp: {port: 1}}, {name: a, tcp: {port: 1}}]}", "verification.probes[1].name", "twice"),
    ):
        with pytest.raises(PlanFileError) as failure:
            plan_with(ALL, own)
        [problem] = failure.value.problems
        assert f"plan.yaml:{LINES + 1}: waves[1].vms[1].{field}: " in str(problem)
        assert told in str(problem)


def test_where_a_probe_goes() -> None:
    """The machine itself where the probe names no host; a certificate counts where the probe names the site."""
    written = (
        "tcp: {port: 1}",
        "http: {port: 443}",
        "http: {url: 'https://x.example'}",
        "http: {scheme: https, host_name: x.example}",
        "http: {port: 8080, path: '/a?b=c'}",
    )
    plan = plan_with("{probes: [" + ", ".join(f"{{name: p{n}, {one}}}" for n, one in enumerate(written)) + "]}")
    asked = [probe.tcp or probe.http for probe in plan.verification.probes]
    told = [str(address_of(each, "10.0.0.4")) for each in asked if each]
    assert [
        "10.0.0.4:1",
        "https://10.0.0.4:443/",
        "https://x.example:443/",
        "https://10.0.0.4:443/ (x.example)",
        "http://10.0.0.4:8080/a?b=c",
    ] == told
    assert [True, False, True, True, False] == [address_of(each).verified for each in asked if each]


def test_what_a_person_wrote_reaches_the_guest_in_base64() -> None:
    """No value has a character that a shell, or whoever hands it over, could read as anything else."""
    script = yaml.safe_dump(
        {"probes": [{"name": "a", "command": {"script": "echo `id`; $(x) 'y'", "arguments": ["'\""]}}]}
    )
    [probe] = plan_with("\n" + "\n".join(f"  {line}" for line in script.splitlines())).verification.probes
    values = "".join(parameters(probe).values())
    assert set(values) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=.-,")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1%eth0]",
        "168.63.129.16",
        "METADATA.azure.com.",
        "224.0.0.1",
        "::ffff:169.254.1.1",
        "::",
    ],
)
def test_the_platforms_own_addresses_are_never_asked(host: str) -> None:
    """Metadata and credentials lie there."""
    assert forbidden(host)
    assert not forbidden("10.0.0.4")
    assert not forbidden("shop.example")


def test_what_a_machine_says_is_quoted_in_one_line_without_secrets() -> None:
    """Whatever it prints, nothing of it moves a terminal, fills a history, or tells a password."""
    said = (
        "ok\n\x1b[31mpassword=hunter2 Authorization: Bearer abcdefghijk?sig=zzz&x=1 AccountKey = 'k' \u202e" + "y" * 500
    )
    shown = quoted(said)
    assert len(shown) <= 300
    assert shown.isprintable()
    for secret in ("hunter2", "abcdefghijk", "zzz", "'k'"):
        assert secret not in quoted(said, 10_000)
    key = "client_secret: -----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----\nready"
    assert "*** ready" == quoted(key)


def test_the_digest_is_of_what_was_found_not_of_when() -> None:
    """The same findings have the same digest; another finding has another one."""
    probe = ProbeResult(name="a", kind="tcp", ok=True, attempts=1, evidence="x", started="1", ended="2", seconds=3)
    proof = Proof(
        vm_id="/vm",
        compared=[Comparison(field="size", expected="a", actual="a", ok=True)],
        boot=Boot(ok=True, evidence="ready", seconds=5),
        probes=[probe],
    )
    later = proof.model_copy(
        update={
            "boot": Boot(ok=True, evidence="ready", seconds=50),
            "probes": [probe.model_copy(update={"attempts": 9, "started": "7", "ended": "8", "seconds": 1})],
        }
    )
    other = proof.model_copy(update={"probes": [probe.model_copy(update={"ok": False})]})
    assert proof.digest == later.digest != other.digest
    assert 64 == len(proof.digest)
    assert ["probe a (tcp): x"] == other.failures
