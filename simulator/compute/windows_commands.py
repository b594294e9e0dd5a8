"""The commands of a Windows guest that scripts call to look into it, answered from the seeded state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.compute import guest_network
from simulator.compute.guest import REQUIRED_ROOTS
from simulator.compute.guest_network import METADATA, NO_NAME, NO_ROUTE, OK, PROXY, REFUSED, UNTRUSTED, Target
from simulator.compute.powershell import CommandError, ExitError, PowerShell

if TYPE_CHECKING:
    from simulator.compute.powershell import Command

_STATES = {"active": "Running", "running": "Running"}


def _write(_: PowerShell, plain: list[str], named: dict[str, str]) -> str:
    return " ".join(plain) or next((value for name, value in named.items() if name in {"object", "message"}), "")


def _service(shell: PowerShell, plain: list[str], named: dict[str, str]) -> Any:
    wanted = named.get("name") or (plain[0] if plain else "")
    names = [name.strip() for name in wanted.split(",") if name.strip()] or list(shell.guest.services)
    found = []
    for name in names:
        state = shell.guest.service(name)
        if state == "absent":
            message = f"Get-Service : Cannot find any service with service name '{name}'."
            raise CommandError(message)
        start = "Disabled" if state == "disabled" else "Automatic"
        found.append({"Status": _STATES.get(state, "Stopped"), "Name": name, "DisplayName": name, "StartType": start})
    return found[0] if len(names) == 1 else found


def _resolve(shell: PowerShell, plain: list[str], named: dict[str, str]) -> dict[str, Any]:
    name = named.get("name") or (plain[0] if plain else "")
    address = guest_network.address_of(shell.guest, name)
    if address is None:
        message = f"Resolve-DnsName : {name} : DNS name does not exist"
        raise CommandError(message)
    return {"Name": name, "Type": "A", "TTL": 60, "Section": "Answer", "IPAddress": address}


def _test_connection(shell: PowerShell, plain: list[str], named: dict[str, str]) -> Any:
    host = named.get("computername") or named.get("cn") or (plain[0] if plain else "internetbeacon.msedge.net")
    port = int(named.get("port") or (plain[1] if len(plain) > 1 and plain[1].isdigit() else 443))
    met = guest_network.connect(shell.guest, Target(host, port, tls=False), through_proxy=False)
    if named.get("informationlevel", "").lower() == "quiet" or "quiet" in named:
        return met == OK
    address = guest_network.address_of(shell.guest, host)
    return {
        "ComputerName": host,
        "RemoteAddress": address or "",
        "RemotePort": port,
        "NameResolutionSucceeded": address is not None,
        "PingSucceeded": False,
        "TcpTestSucceeded": met == OK,
    }


def _web_request(shell: PowerShell, plain: list[str], named: dict[str, str]) -> Any:
    url = named.get("uri") or (plain[0] if plain else "")
    target = guest_network.target_of(url)
    met = guest_network.connect(shell.guest, target)
    if met == OK:
        if target.host == METADATA:
            return {"StatusCode": 200, "StatusDescription": "OK", "Content": shell.machine.metadata}
        status, body = guest_network.page_of(shell.guest, target, guest_network.path_of(url))
        if status >= 400:
            message = f"Invoke-WebRequest : The remote server returned an error: ({status})."
            raise CommandError(message)
        return {"StatusCode": status, "StatusDescription": "OK", "Content": body}
    raise CommandError(
        "Invoke-WebRequest : "
        + {
            NO_NAME: f"The remote name could not be resolved: '{target.host}'",
            NO_ROUTE: "The operation has timed out.",
            REFUSED: "Unable to connect to the remote server",
            PROXY: "The remote server returned an error: (407) Proxy Authentication Required.",
            UNTRUSTED: "The underlying connection was closed: Could not establish trust relationship for the SSL/TLS "
            "secure channel.",
        }[met]
    )


def _rest(shell: PowerShell, plain: list[str], named: dict[str, str]) -> Any:
    return _web_request(shell, plain, named)["Content"]


def _connections(shell: PowerShell, _: list[str], named: dict[str, str]) -> Any:
    listed = [
        {"LocalAddress": "0.0.0.0", "LocalPort": port, "State": "Listen"}  # noqa: S104 - what netstat prints
        for port in shell.guest.ports
    ]
    wanted = named.get("localport")
    if wanted is None:
        return listed
    found = [entry for entry in listed if str(entry["LocalPort"]) == wanted]
    if not found:
        message = (
            f"Get-NetTCPConnection : No MSFT_NetTCPConnection objects found with property 'LocalPort' = '{wanted}'."
        )
        raise CommandError(message)
    return found


def _children(shell: PowerShell, plain: list[str], named: dict[str, str]) -> Any:
    path = (named.get("path") or (plain[0] if plain else "")).lower().replace("/", "\\").rstrip("\\")
    if not re.match(r"cert:\\(localmachine|currentuser)\\(auth)?root$", path):
        return []
    held = [root for root in REQUIRED_ROOTS if root not in shell.guest.missing_roots]
    return [{"Subject": f"CN={root}, O=DigiCert Inc, C=US", "FriendlyName": root} for root in held]


def _system(shell: PowerShell, plain: list[str], named: dict[str, str]) -> Any:
    kind = (named.get("classname") or named.get("class") or (plain[0] if plain else "")).lower()
    if kind == "win32_operatingsystem":
        return {
            "Caption": f"Microsoft {shell.guest.os_name}",
            "Version": shell.guest.os_version,
            "CSName": shell.guest.hostname.upper(),
            "OSArchitecture": "64-bit",
        }
    if kind == "win32_computersystem":
        return {"Name": shell.guest.hostname.upper(), "NumberOfLogicalProcessors": 2}
    return None


def _computer(shell: PowerShell, *_: Any) -> dict[str, Any]:
    return {
        "CsName": shell.guest.hostname.upper(),
        "OsName": f"Microsoft {shell.guest.os_name}",
        "OsVersion": shell.guest.os_version,
    }


def _netsh(shell: PowerShell, plain: list[str], _: dict[str, str]) -> str:
    if [word.lower() for word in plain[:3]] != ["winhttp", "show", "proxy"]:
        return ""
    server = "Direct access (no proxy server)."
    if shell.guest.proxy != "none":
        server = "    Proxy Server(s) :  proxy.internal:8080"
    return f"Current WinHTTP proxy settings:\n\n{server}"


def _lookup(shell: PowerShell, plain: list[str], _: dict[str, str]) -> str:
    name = plain[0] if plain else ""
    address = guest_network.address_of(shell.guest, name)
    if address is None:
        message = f"*** UnKnown can't find {name}: Non-existent domain"
        raise CommandError(message)
    return f"Server:  UnKnown\nAddress:  168.63.129.16\n\nName:    {name}\nAddress:  {address}"


def _nothing(*_: Any) -> None:
    return None


def _exit(_: PowerShell, plain: list[str], __: dict[str, str]) -> None:
    raise ExitError(int(plain[0]) if plain and plain[0].isdigit() else 0)


def _throw(_: PowerShell, plain: list[str], __: dict[str, str]) -> None:
    raise ExitError(1, f"{' '.join(plain)}\n")


COMMANDS: dict[str, Command] = {
    "write-output": _write, "write-host": _write, "echo": _write, "write": _write,
    "get-service": _service, "gsv": _service,
    "resolve-dnsname": _resolve, "test-netconnection": _test_connection, "tnc": _test_connection,
    "test-connection": _test_connection, "invoke-webrequest": _web_request, "iwr": _web_request, "curl": _web_request,
    "invoke-restmethod": _rest, "irm": _rest, "get-nettcpconnection": _connections, "get-childitem": _children,
    "gci": _children, "dir": _children, "ls": _children, "get-ciminstance": _system, "get-wmiobject": _system,
    "gwmi": _system, "get-computerinfo": _computer, "netsh": _netsh, "netsh.exe": _netsh, "nslookup": _lookup,
    "start-sleep": _nothing, "set-executionpolicy": _nothing, "import-module": _nothing, "exit": _exit, "throw": _throw,
    "hostname": lambda shell, *_: shell.guest.hostname,
    "hostname.exe": lambda shell, *_: shell.guest.hostname,
    "whoami": lambda *_: "nt authority\\system",
    "get-date": lambda shell, *_: shell.machine.now,
    "[system.environment]::osversion.version": lambda shell, *_: shell.guest.os_version,
    "[environment]::machinename": lambda shell, *_: shell.guest.hostname.upper(),
}  # fmt: skip
