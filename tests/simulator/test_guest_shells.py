"""The scripts that people send into machines: a small shell and PowerShell answer from the guest's seeded state."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.compute.guest import REQUIRED_ROOTS, Guest
from simulator.compute.probes import answer
from simulator.compute.shell import Machine, Result

LINUX = Guest(
    os_type="Linux",
    os_name="ubuntu",
    os_version="22.04",
    kernel="5.15.0-1053-azure",
    hostname="web01",
    blocked={"*.servicebus.windows.net": "blocked", "refused.example": "refused", "opened.example": "tls"},
    unresolved=("*.internal.example",),
    services={"nginx": "failed", "redis": "active", "cron": "disabled"},
    ports=(22, 8080),
)
WINDOWS = Guest(
    os_type="Windows",
    os_name="Windows Server 2022 Datacenter",
    os_version="10.0.20348.2227",
    kernel="",
    hostname="win01",
    blocked={"*.servicebus.windows.net": "blocked"},
    unresolved=("*.internal.example",),
    services={"W3SVC": "stopped", "VSS": "disabled"},
    ports=(80, 3389),
)
BAD_TLS: dict[str, Any] = {"missing_roots": REQUIRED_ROOTS}


def _run(script: str, guest: Guest = LINUX, **parameters: str) -> Result:
    metadata: dict[str, object] = {"compute": {"location": "westeurope"}}
    return answer(Machine(guest, 3600.0, "2026-11-25T12:00:00Z", metadata), script.splitlines(), parameters)


def _like(guest: Guest, **changes: Any) -> Guest:
    return Guest(**{**guest.__dict__, **changes})


@pytest.mark.parametrize(
    ("script", "out", "code"),
    [
        ("hostname", "web01\n", 0),
        ("uname -r", "5.15.0-1053-azure\n", 0),
        (". /etc/os-release 2>/dev/null; grep -q x /dev/null; lsb_release -ds", "Ubuntu 22.04\n", 0),
        ("cat /etc/os-release | grep ^ID=", "ID=ubuntu\n", 0),
        ("systemctl is-active nginx redis cron sshd", "failed\nactive\ninactive\nactive\n", 3),
        ("systemctl is-enabled cron || echo off", "disabled\noff\n", 0),
        ("service nginx status | grep -c failed", "1\n", 0),
        ("curl -s -o /dev/null -w '%{http_code}' https://login.microsoftonline.com", "200", 0),
        ("curl -s -o /dev/null -w '%{http_code}\\n' https://x.servicebus.windows.net", "000\n", 28),
        ("curl -sf https://db.internal.example >/dev/null", "", 6),
        ("curl -s https://opened.example", "", 60),
        ("nc -z opened.example 443 && echo open", "open\n", 0),
        ("curl -s http://localhost:8080 >/dev/null && echo up || echo down", "up\n", 0),
        ("curl -s http://localhost:9090 >/dev/null && echo up || echo down", "down\n", 0),
        ("nc -z -w 3 x.servicebus.windows.net 443", "", 1),
        ("timeout 5 bash -c '</dev/tcp/login.microsoftonline.com/443' && echo open", "open\n", 0),
        ("nslookup db.internal.example | tail -n 1", "** server can't find db.internal.example: NXDOMAIN\n", 0),
        ("getent hosts db.internal.example", "", 2),
        ("openssl s_client -connect login.microsoftonline.com:443 </dev/null 2>/dev/null | grep -c '0 (ok)'", "1\n", 0),
        ("ss -ltn | grep -q ':8080 ' && echo listens", "listens\n", 0),
        ("false\ntrue", "", 0),
        ("set -e\nfalse\necho never", "", 1),
        ("exit 7\necho never", "", 7),
        ("nonsense --help", "", 127),
        ("curl -s -H Metadata:true 'http://169.254.169.254/metadata/instance?x' | grep -c westeurope", "1\n", 0),
        ("echo one | grep -E 'two|one' | wc -l", "1\n", 0),
        ("[ -f /etc/os-release ] && [ ! -f /nope ] && echo files", "files\n", 0),
        ('test "$(hostname)" = web01 && echo "on $(hostname)"', "on web01\n", 0),
        ("echo '$HOME is not expanded'", "$HOME is not expanded\n", 0),
    ],
)  # fmt: skip
def test_linux(script: str, out: str, code: int) -> None:
    """Each command prints what the guest's state makes of it, with the exit code of the real program."""
    result = _run(script)

    assert (out, code) == (result.out, result.code)


def test_a_whole_script() -> None:
    """Variables, parameters, loops and conditions work together, as in a script that checks many endpoints."""
    script = """#!/bin/bash
    # what is reached
    failed=0
    for host in login.microsoftonline.com x.servicebus.windows.net db.internal.example; do
      if curl -sS -m 5 -o /dev/null "https://$host" 2>/dev/null; then
        echo "$host ok"
      else
        code=$?
        echo "$host failed with ${code}"
        failed=1
      fi
    done
    if [ "$failed" -eq 1 ]; then echo "service $service: $(systemctl is-active $service)"; fi
    exit $failed
    """
    result = _run(script, service="redis")

    assert (
        "login.microsoftonline.com ok\n"
        "x.servicebus.windows.net failed with 28\n"
        "db.internal.example failed with 6\n"
        "service redis: active\n"
    ) == result.out
    assert 1 == result.code


def test_trust_and_proxy() -> None:
    """Missing roots and a proxy that wants a password stop TLS and HTTP in their own ways."""
    untrusting, behind = _like(LINUX, **BAD_TLS), _like(LINUX, proxy="authenticated")

    assert 60 == _run("curl -s https://login.microsoftonline.com", untrusting).code
    assert "unable to get local issuer" in _run("curl -sS https://login.microsoftonline.com", untrusting).err
    assert 0 == _run("curl -sk https://login.microsoftonline.com", untrusting).code
    assert "20 (unable" in _run("openssl s_client -connect login.microsoftonline.com:443", untrusting).out
    assert 56 == _run("curl -s https://login.microsoftonline.com", behind).code
    assert "http://proxy.internal:8080\n" == _run("echo $https_proxy", behind).out
    assert 1 == _run("nc -z login.microsoftonline.com 443", behind).code


def test_a_script_that_never_ends_is_ended() -> None:
    """A loop without end is stopped, and a script that cannot be read says so."""
    assert 124 == _run("while true; do sleep 1; done").code
    assert 2 == _run("echo 'unterminated").code


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("hostname", "win01\n"),
        ("$env:COMPUTERNAME", "WIN01\n"),
        ("(Get-Service -Name W3SVC).Status", "Stopped\n"),
        ("Get-Service VSS | Select-Object -ExpandProperty StartType", "Disabled\n"),
        ("(Test-NetConnection -ComputerName login.microsoftonline.com -Port 443).TcpTestSucceeded", "True\n"),
        ("Test-NetConnection x.servicebus.windows.net -Port 443 -InformationLevel Quiet", "False\n"),
        ("(Resolve-DnsName login.microsoftonline.com).Type", "A\n"),
        ("(Invoke-WebRequest -Uri https://login.microsoftonline.com -UseBasicParsing).StatusCode", "200\n"),
        ("(Get-CimInstance Win32_OperatingSystem).Caption", "Microsoft Windows Server 2022 Datacenter\n"),
        ("(Get-NetTCPConnection -State Listen).LocalPort", "80\n3389\n"),
        ("(Get-ChildItem Cert:\\LocalMachine\\Root).Count", "3\n"),
        ("$name = 'VSS'\nWrite-Output \"service $name is $((Get-Service $name).Status)\"", "service VSS is Stopped\n"),
        ("foreach ($s in @('W3SVC','Dns')) { \"$s $((Get-Service $s).Status)\" }", "W3SVC Stopped\nDns Running\n"),
        ("try { Resolve-DnsName db.internal.example } catch { 'no name' }", "no name\n"),
        ("netsh winhttp show proxy", "Current WinHTTP proxy settings:\n\nDirect access (no proxy server).\n"),
    ],
)  # fmt: skip
def test_windows(script: str, out: str) -> None:
    """PowerShell answers from the same state."""
    assert out == _run(script, WINDOWS).out


def test_windows_errors() -> None:
    """What does not work or is not known is on the error stream, and the script goes on."""
    result = _run("Resolve-DnsName db.internal.example\nNonsense-Command\nWrite-Output done", WINDOWS)
    untrusting = _run("Invoke-WebRequest https://login.microsoftonline.com", _like(WINDOWS, **BAD_TLS))

    assert "done\n" == result.out
    assert "DNS name does not exist" in result.err
    assert "'Nonsense-Command' is not recognized" in result.err
    assert "trust relationship" in untrusting.err
    assert (
        "2\n"
        == _run(
            "(Get-ChildItem Cert:\\LocalMachine\\Root).Count",
            _like(WINDOWS, missing_roots=("DigiCert Global Root G2",)),
        ).out
    )
