"""The Linux probe under real shells, against real listeners: what it says is what is there, and nothing gets run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migration.guests import MAX_OUTPUT_BYTES, answer_of, endpoints
from tests.activities.listeners import Issued, Listeners, issue
from tests.conftest import ROOT

SCRIPT = ROOT / "activities" / "guest" / "linux.sh"
ROOTS = ("DigiCert Global Root CA", "DigiCert Global Root G2", "Microsoft RSA Root Certificate Authority 2017")
SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]
TOOLS = ("sh", "sed", "tail", "tr", "cut", "awk", "date", "uname", "timeout", "getent", "openssl", "cat", "sleep")
BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/pki/tls/certs/ca-bundle.crt",
    "var/lib/ca-certificates/ca-bundle.pem",
    "etc/ssl/ca-bundle.pem",
)
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@dataclass(frozen=True)
class Scene:
    """Listeners of every kind, and the authority that the machine trusts."""

    ports: dict[str, int]
    trusted: Path
    ca: Issued


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Open one listener of each kind."""
    folder = tmp_path_factory.mktemp("listeners")
    ca, stranger = issue("Probe Root"), issue("Unknown Root")
    trusted = folder / "trusted.pem"
    trusted.write_bytes(ca.pem)
    with Listeners.open(folder) as listeners:
        ports = {
            "good": listeners.tls(issue("localhost", ca)),
            "untrusted": listeners.tls(issue("localhost", stranger)),
            "expired": listeners.tls(issue("localhost", ca, days=(-3, -2))),
            "other-name": listeners.tls(issue("elsewhere", ca)),
            "plain": listeners.plain(),
            **{f"full-{number}": listeners.full() for number in range(3)},
            "closed": listeners.closed(),
            "proxy": listeners.proxy(),
            "login": listeners.proxy(wants_login=True),
        }
        yield Scene(ports, trusted, ca)


@dataclass(frozen=True)
class Said:
    """What a probe printed."""

    lines: list[dict[str, Any]]
    text: str

    def results(self) -> dict[str, str]:
        """Return the results by port."""
        reached = [line for line in self.lines if "endpoint" in line]
        return {line["endpoint"].rpartition(":")[2]: line["result"] for line in reached}

    def value(self, key: str) -> Any:
        """Return what was said about something."""
        return next((line[key] for line in self.lines if key in line), None)


def probe(
    scene: Scene,
    root: Path,
    *kinds: str,
    shell: str = "sh",
    path: str | None = None,
    seconds: str = "9",
    **parameters: str,
) -> Said:
    """Run the script as run command does: its parameters are variables, its standard input is empty."""
    wanted = ",".join(f"localhost:{scene.ports[kind]}" for kind in kinds)
    variables = {"endpoints": wanted, "timeout_seconds": seconds, **parameters}
    environment = {"PATH": path or os.environ["PATH"], "PROBE_ROOT": str(root)}
    trust = {"CURL_CA_BUNDLE": str(scene.trusted), "SSL_CERT_FILE": str(scene.trusted)}
    ran = subprocess.run(
        [shutil.which(shell) or shell, str(SCRIPT)],
        env={**environment, **trust, **variables},
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    return Said([json.loads(line) for line in ran.stdout.splitlines()], ran.stdout)


def write(root: Path, name: str, text: str | bytes) -> None:
    """Write a file of the machine."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


def tools(folder: Path, *left_out: str) -> str:
    """Return a PATH with only some programs."""
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found and tool not in left_out:
            (folder / tool).symlink_to(os.path.realpath(found))
    return str(folder)


KINDS = ("good", "untrusted", "expired", "other-name", "plain", "closed")
FULL = ("full-0", "full-1", "full-2")
EXPECTED = {
    "good": "ok",
    "untrusted": "tls",
    "expired": "tls",
    "other-name": "tls",
    "plain": "tls",
    "closed": "blocked",
}


@needs_curl
@pytest.mark.parametrize("shell", SHELLS)
def test_each_listener_is_told_for_what_it_is(scene: Scene, tmp_path: Path, shell: str) -> None:
    """DNS, TCP and TLS to each endpoint, under each shell."""
    said = probe(scene, tmp_path, *KINDS, shell=shell)

    assert {str(scene.ports[kind]): EXPECTED[kind] for kind in KINDS} == said.results()
    assert "none" == said.value("proxy")


@needs_curl
def test_endpoints_are_tried_at_once_and_for_so_long(scene: Scene, tmp_path: Path) -> None:
    """Three that never answer take the time of one, and are told from those that refuse."""
    begun = time.monotonic()
    probe(scene, tmp_path, FULL[0], seconds="3")
    one = time.monotonic() - begun

    said = probe(scene, tmp_path, *FULL, seconds="3")

    assert ["timeout"] * len(FULL) == list(said.results().values())
    assert 3 <= one
    assert 3 <= time.monotonic() - begun - one < 2 * one


@needs_curl
def test_a_name_that_nobody_knows_is_told(scene: Scene, tmp_path: Path) -> None:
    """A name that does not resolve is a matter of DNS, also where the resolver is slow to say so."""
    said = probe(scene, tmp_path, endpoints="nobody.invalid:443")

    assert {"443": "dns"} == said.results()


def test_openssl_serves_where_there_is_no_curl(scene: Scene, tmp_path: Path) -> None:
    """The fallback tells the same, but for a name that differs from the certificate's."""
    kinds = [kind for kind in KINDS if kind != "other-name"]

    said = probe(scene, tmp_path, *kinds, path=tools(tmp_path / "bin", "curl"))

    assert {str(scene.ports[kind]): EXPECTED[kind] for kind in kinds} == said.results()


def test_a_machine_without_either_says_that_it_does_not_know(scene: Scene, tmp_path: Path) -> None:
    """What could not be tried is unknown, and so are the trusted roots."""
    said = probe(scene, tmp_path, "good", path=tools(tmp_path / "bin", "curl", "openssl"))

    assert {str(scene.ports["good"]): "unknown"} == said.results()
    assert "there is no openssl" == said.value("unread")


def own_file(port: int) -> dict[str, str]:
    """Return Site Recovery's own settings of a proxy."""
    return {"usr/local/InMage/config/ProxyInfo.conf": f"[proxy]\r\nAddress=http://localhost\r\nPort={port}\r\n"}


@needs_curl
@pytest.mark.parametrize("via", ["own file", "system", "fallback"])
@pytest.mark.parametrize(("kind", "told", "result"), [("proxy", "open", "ok"), ("login", "authenticated", "proxy")])
def test_a_proxy_is_found_and_asked(scene: Scene, tmp_path: Path, via: str, kind: str, told: str, result: str) -> None:
    """One that lets pass, and one that wants a login, from Site Recovery's file and from the system's."""
    port = scene.ports[kind]
    system = {"etc/environment": f'PATH=/bin\nexport HTTPS_PROXY="http://localhost:{port}"\n'}
    for name, text in (system if via == "system" else own_file(port)).items():
        write(tmp_path, name, text)

    said = probe(scene, tmp_path, "good", path=tools(tmp_path / "bin", "curl") if via == "fallback" else None)

    assert ({str(scene.ports["good"]): result}, told) == (said.results(), said.value("proxy"))
    assert "proxy" == said.value("via")


@needs_curl
def test_a_proxy_in_the_way_of_none_is_passed_by(scene: Scene, tmp_path: Path) -> None:
    """What no_proxy names goes directly; and a proxy that is not there is no way out."""
    port = scene.ports["closed"]
    write(tmp_path, "etc/environment", f"https_proxy=http://localhost:{port}\nno_proxy=localhost\n")
    direct = probe(scene, tmp_path, "good").results()
    write(tmp_path, "etc/environment", f"https_proxy=http://localhost:{port}\n")
    stopped = probe(scene, tmp_path, "good").results()

    assert ["ok", "blocked"] == [*direct.values(), *stopped.values()]


@needs_curl
def test_the_password_of_a_proxy_stays_where_it_is(scene: Scene, tmp_path: Path) -> None:
    """A proxy that is used with a login is told as such, also where it would let one pass; nothing of it is printed."""
    for kind, result in (("login", "proxy"), ("proxy", "ok")):
        write(tmp_path, "etc/environment", f"https_proxy=http://ada:engine@localhost:{scene.ports[kind]}\n")

        said = probe(scene, tmp_path, "good")

        assert ("authenticated", {str(scene.ports["good"]): result}) == (said.value("proxy"), said.results())
        assert "engine" not in said.text
        assert "ada" not in said.text


@pytest.mark.parametrize("bundle", BUNDLES)
def test_roots_are_found_in_the_store_of_each_distribution(scene: Scene, tmp_path: Path, bundle: str) -> None:
    """Present, missing and expired roots, wherever they are kept; a current copy beside an old one counts."""
    old, new = issue(ROOTS[0], days=(-9, -8)), issue(ROOTS[0])
    gone = issue(ROOTS[1], days=(-9, -8))
    other = issue(f"Not {ROOTS[2]}")
    write(tmp_path, bundle, b"# a comment\n" + old.pem + other.pem + new.pem + gone.pem)

    said = probe(scene, tmp_path)

    assert ([ROOTS[2]], [ROOTS[1]]) == (said.value("missing"), said.value("expired"))
    assert f"/{bundle}" == said.value("store")


def test_a_machine_without_a_store_lacks_all_roots(scene: Scene, tmp_path: Path) -> None:
    """Without a bundle, or with one that is none, all are missing."""
    without = probe(scene, tmp_path)
    write(tmp_path, BUNDLES[0], "nonsense")
    broken = probe(scene, tmp_path)

    assert [list(ROOTS)] * 2 == [without.value("missing"), broken.value("missing")]


def test_the_system_tells_what_it_is(scene: Scene, tmp_path: Path) -> None:
    """Distribution, version and kernel; what a file says is cut to plain words."""
    write(tmp_path, "etc/os-release", 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="22.04"\nVERSION="22\\"},{\\"x"\n')

    said = probe(scene, tmp_path)

    assert ("ubuntu", "22.04", os.uname().release) == (said.value("os"), said.value("version"), said.value("kernel"))


BOOTING = """\
menuentry 'Linux' {
  search --fs-uuid 5b1a3c61
  linux16 /vmlinuz root=%s ro resume=/dev/sdb2 rd.lvm.lv=rootvg/rootlv rd.lvm.lv=rootvg/gone quiet
}
"""


@pytest.mark.parametrize(
    ("first", "devices", "volumes"),
    [
        ("UUID=5b1a3c61-6d7b", ["/dev/sdb2"], ["/dev/rootvg/gone"]),
        ("/dev/mapper/there", ["/dev/sdb2"], ["/dev/rootvg/gone"]),
        ("/dev/mapper/lost", ["/dev/sdb2"], ["/dev/mapper/lost", "/dev/rootvg/gone"]),
        ("/dev/nvme0n1p1", ["/dev/nvme0n1p1", "/dev/sdb2"], ["/dev/rootvg/gone"]),
        ("/dev/disk/by-uuid/5b1a", ["/dev/sdb2"], ["/dev/rootvg/gone"]),
        ("/dev/$(touch made)", ["/dev/sdb2"], ["/dev/rootvg/gone"]),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_boot_devices_are_told(
    scene: Scene, tmp_path: Path, shell: str, first: str, devices: list[str], volumes: list[str]
) -> None:
    """Disks that GRUB is told by the kernel's names, and volumes that are not there; UUIDs and what exists pass."""
    write(tmp_path, "boot/grub2/grub.cfg", BOOTING % first)
    write(tmp_path, "etc/default/grub", 'GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX="resume=/dev/sdb2 console=ttyS0"\n')
    for there in ("dev/mapper/there", "dev/rootvg/rootlv"):
        write(tmp_path, there, "")

    said = probe(scene, tmp_path, shell=shell)

    assert (devices, volumes) == (said.value("boot_devices"), said.value("absent_volumes"))


def test_a_machine_without_grub_names_nothing(scene: Scene, tmp_path: Path) -> None:
    """There is nothing wrong with a boot loader of another kind."""
    said = probe(scene, tmp_path)

    assert ([], []) == (said.value("boot_devices"), said.value("absent_volumes"))


def test_empty_disks_are_told_by_lun(scene: Scene, tmp_path: Path) -> None:
    """One with partitions, one with a file system, and one with nothing, of which alone the LUN is told."""
    folder = tmp_path / "bin"
    path = tools(folder)
    blkid = folder / "blkid"
    blkid.write_text("#!/bin/sh\ncase $2 in */lun1) echo TYPE=xfs ;; */lun3) exit 8 ;; *) exit 2 ;; esac\n")
    blkid.chmod(0o755)
    for disk in ("lun0", "lun0-part1", "lun1", "lun2", "lun3", "lun12"):
        write(tmp_path, f"dev/disk/azure/scsi1/{disk}", "")

    assert [12, 2] == sorted(probe(scene, tmp_path, path=path).value("raw_luns"), key=str)
    blkid.unlink()
    assert probe(scene, tmp_path, path=path).value("raw_luns") is None


HOSTILE = (
    "$(touch made)",
    "`touch made`",
    "x;touch made",
    "--output=made",
    "-K",
    "localhost:1\ntouch made",
    "localhost:443/../made",
    "'\"",
    "*",
    "",
)


def test_what_it_is_asked_is_never_run(scene: Scene, tmp_path: Path) -> None:
    """Whatever stands in a parameter or a file of the machine, nothing of it becomes a command or an option."""
    write(tmp_path, "etc/environment", "https_proxy=$(touch made)\nno_proxy=`touch made`\n")
    write(tmp_path, "etc/os-release", 'ID="$(touch made)"\nVERSION_ID="`touch made`"\n')
    before = sorted(tmp_path.rglob("*"))

    said = probe(scene, tmp_path, endpoints=",".join(HOSTILE), timeout_seconds="1; touch made")

    assert before == sorted(tmp_path.rglob("*"))
    assert [] == [line for line in said.lines if "endpoint" in line]


def test_parameters_may_come_as_arguments(scene: Scene, tmp_path: Path) -> None:
    """Where run command hands them over so."""
    arguments = [f"localhost:{scene.ports['closed']}", "1"]
    environment = {"PATH": os.environ["PATH"], "PROBE_ROOT": str(tmp_path)}
    ran = subprocess.run(
        ["sh", str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert f'"localhost:{scene.ports["closed"]}"' in ran.stdout


@needs_curl
def test_the_answer_is_understood_and_fits(scene: Scene, tmp_path: Path) -> None:
    """A whole answer of the real script is what the check reads, and short enough for run command."""
    asked = endpoints("germanywestcentral", "southafricanorth", "a" * 24, cache_is_there=True)
    hosts = ",".join(f"{endpoint.host}:443" for endpoint in asked)
    write(tmp_path, "etc/environment", f"https_proxy=http://localhost:{scene.ports['closed']}\n")

    said = probe(scene, tmp_path, endpoints=hosts)
    answer = answer_of(said.text, asked, "Linux")

    assert answer is not None
    assert [endpoint.host for endpoint in asked] == [reach.endpoint.host for reach in answer.reached]
    assert {("blocked", True)} == {(reach.result, reach.via_proxy) for reach in answer.reached}
    assert len(said.text) < MAX_OUTPUT_BYTES // 2
