"""The locks of the other clients: everything with a hash, and no address of a registry."""

import json
import re
from pathlib import Path

import pytest

from tests.clients import install
from tests.clients.install import AZ_LOCK, JS_FILES


def test_the_locks_have_hashes_and_no_addresses() -> None:
    """For the Azure CLI and all it needs, and for the JavaScript SDK."""
    cli, sdk = AZ_LOCK.read_text(encoding="utf-8"), JS_FILES[1].read_text(encoding="utf-8")
    names = re.findall(r"^[\w.-]+==", cli, re.MULTILINE)
    hashed = re.findall(r"^[\w.-]+==[^\n]*\\\n    --hash=", cli, re.MULTILINE)
    packages = {path: one for path, one in json.loads(sdk)["packages"].items() if path}

    assert "azure-cli==" in names
    assert len(names) == len(hashed)
    assert "node_modules/@azure/arm-recoveryservices-siterecovery" in packages
    assert [] == [path for path, one in packages.items() if not one["integrity"].startswith("sha512-")]
    assert "resolved" not in sdk
    assert "://" not in cli


def test_what_stands_in_the_way_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence per client, with a code that stops make; the other client is installed all the same."""

    def fail() -> None:
        raise install.InstallError("the JavaScript SDK needs node")

    there = install.Client("there", (AZ_LOCK,), AZ_LOCK, lambda: None)
    monkeypatch.setattr(install.Client, "ensure", lambda self: self.program if self is there else fail())
    monkeypatch.setattr(install, "FOLDER", tmp_path / ".clients")
    monkeypatch.setattr(install, "CLIENTS", (install.Client("absent", (), AZ_LOCK, fail), there))

    code = install.main([])
    said = capsys.readouterr()

    assert 1 == code
    assert f"{AZ_LOCK}\n" == said.out
    assert "make clients: installing the JavaScript SDK needs node\n" == said.err
