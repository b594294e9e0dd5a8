"""How trusted roots come onto a machine, for each kind of system, also where it is disconnected.

`Troubleshoot Azure-to-Azure errors, trusted root certificates (error code 151066)
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors#trusted-root-certificates-error-code-151066>`_.
"""

from __future__ import annotations

from migration.guests import GuestAnswer

SOURCES = (
    "https://www.microsoft.com/pkiops/docs/repository.htm and "
    "https://www.digicert.com/kb/digicert-root-certificates.htm"
)
_DEBIAN = (
    "run apt-get install --reinstall ca-certificates and update-ca-certificates",
    "copy the roots as .crt files into /usr/local/share/ca-certificates and run update-ca-certificates",
)
_RED_HAT = (
    "run yum update ca-certificates and update-ca-trust",
    "put the roots as .pem into /etc/pki/ca-trust/source/anchors and run update-ca-trust (6: force-enable first)",
)
_SUSE = (
    "run zypper update ca-certificates ca-certificates-mozilla and update-ca-certificates",
    "put the roots as .pem into /etc/pki/trust/anchors and run update-ca-certificates (11: /etc/ssl/certs, c_rehash)",
)
_WINDOWS = (
    "install the latest Windows updates, which bring the roots",
    "run certutil -generateSSTFromWU r.sst on a connected machine and certutil -addstore -f Root r.sst on this one",
)
_OTHER = (
    "update the distribution's package of certificate authorities",
    "copy the roots to where the distribution keeps its own, and have it rebuild its bundle",
)
_FAMILIES = {
    **dict.fromkeys(("ubuntu", "debian"), _DEBIAN),
    **dict.fromkeys(("rhel", "centos", "rocky", "almalinux", "alma", "ol", "oracle", "fedora", "azurelinux"), _RED_HAT),
    **dict.fromkeys(("sles", "sles_sap", "suse", "opensuse", "opensuse-leap"), _SUSE),
}


def how_to_install(answer: GuestAnswer) -> str:
    """Return the remedy for the system that answered: connected, and then disconnected."""
    connected, disconnected = _WINDOWS if answer.os_type == "Windows" else _FAMILIES.get(answer.os.lower(), _OTHER)
    clock = "see that its clock is right, and " if answer.expired_roots else ""
    return f"{clock}{connected}; disconnected, get the roots from {SOURCES}, and {disconnected}"
