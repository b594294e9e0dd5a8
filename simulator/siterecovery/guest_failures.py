"""Why a job of Site Recovery fails inside the machine: errors of the mobility service and of the guest.

Codes and words follow Microsoft's troubleshooting pages and field reports; 150023 is an assumption.
"""

from __future__ import annotations

from simulator.siterecovery.refusals import AsrError


def proxy() -> AsrError:
    """The guest's proxy wants credentials."""
    return AsrError(
        "151072",
        "Site Recovery configuration failed because the proxy settings couldn't be used.",
        "The virtual machine reaches the internet through a proxy that requires authentication.",
        "Configure an unauthenticated proxy in ProxyInfo.conf, or bypass the proxy, and retry.",
    )


def certificates(missing: str) -> AsrError:
    """Trusted roots are missing in the guest, or expired."""
    return AsrError(
        "151066",
        "Site Recovery configuration failed.",
        f"The required trusted root certificates aren't present on the machine: {missing}.",
        "Install the latest trusted root certificates on the virtual machine and retry the protection job.",
    )


def distrusted(host: str) -> AsrError:
    """The guest does not trust the certificate of an endpoint."""
    return AsrError(
        "151066",
        "Site Recovery configuration failed.",
        f"The machine doesn't trust the certificate that it is shown for '{host}'.",
        "Keep the endpoint out of TLS inspection, install the latest trusted root certificates on the virtual machine "
        "and retry the protection job.",
    )


def kernel(version: str) -> AsrError:
    """The agent has no driver for the kernel."""
    return AsrError(
        "151141",
        f"The kernel version '{version}' isn't supported by this version of the mobility service.",
        "The virtual machine runs a kernel that the mobility service has no driver for.",
        "Boot a supported kernel, or wait for a mobility service that supports it, and restart the job.",
    )


def no_way_out() -> AsrError:
    """The guest reaches nothing."""
    return AsrError(
        "151192",
        "Site Recovery configuration failed: connection to Microsoft Entra endpoints couldn't be established.",
        "The virtual machine has no outbound path: no NAT gateway, public IP or load balancer rule.",
        "Give the virtual machine an outbound path and allow the AzureActiveDirectory service tag.",
    )


def dns() -> AsrError:
    """The guest does not resolve names."""
    return AsrError(
        "151195",
        "The virtual machine couldn't be registered with Site Recovery.",
        "Connection to Site Recovery endpoints couldn't be established because of a DNS resolution failure.",
        "Make the DNS server reachable from the virtual machine and retry.",
    )


def sign_in_blocked() -> AsrError:
    """The guest does not reach Microsoft Entra."""
    return AsrError(
        "151196",
        "Site Recovery configuration failed: connection to Office 365 authentication and identity endpoints failed.",
        "Outbound traffic from the virtual machine to 'login.microsoftonline.com' is blocked.",
        "Allow the AzureActiveDirectory service tag on port 443 and retry.",
    )


def service_blocked(host: str) -> AsrError:
    """The guest does not reach Site Recovery."""
    return AsrError(
        "151197",
        "Site Recovery configuration failed: connection to Site Recovery service endpoints couldn't be established.",
        f"Outbound traffic from the virtual machine to '{host}' is blocked.",
        "Allow the AzureSiteRecovery and EventHub service tags on port 443 and retry.",
    )


def storage_blocked(host: str) -> AsrError:
    """The guest does not reach the cache storage account."""
    return AsrError(
        "151037",
        "Site Recovery configuration failed: the cache storage account couldn't be reached.",
        f"Outbound traffic from the virtual machine to '{host}' is blocked.",
        "Allow the Storage service tag of the source region on port 443 and retry.",
    )


def controller(size: str) -> AsrError:
    """The disks sit behind an NVMe controller that is not supported with this system."""
    return AsrError(
        "151273",
        f"The virtual machine's size '{size}' uses an NVMe disk controller that isn't supported with its system.",
        "NVMe is supported with RHEL 9.x, Ubuntu 24.04 and SLES 15 only.",
        "Resize the virtual machine to a size with a SCSI disk controller.",
    )


def os_unsupported(name: str, version: str) -> AsrError:
    """The system is not replicated at all; the code is the eligibility check's."""
    return AsrError(
        "A2AOperatingSystemNotSupported",
        f"The A2A operation could not be completed as the virtual machine is running OS '{name}' with version "
        f"'{version}' which is not supported for replication.",
        "OS version not supported.",
        "The virtual machine is running unsupported Operating system. Refer to the documentation for supported OS "
        "versions - https://aka.ms/a2a-os-support-matrix.",
    )


def agent_not_ready(vm: str) -> AsrError:
    """The VM agent does not answer."""
    return AsrError(
        "150023",
        f"The Azure VM agent of the virtual machine '{vm}' isn't ready.",
        "The VM agent isn't installed, or doesn't respond.",
        "Install or restart the Azure VM agent and retry the operation.",
    )


def vss_disabled(services: str) -> AsrError:
    """Windows services that snapshots need are disabled."""
    return AsrError(
        "151025",
        "Site Recovery configuration failed because services that it needs are disabled.",
        f"The services are disabled in the virtual machine: {services}.",
        "Set the startup type of 'COM+ System Application' and 'Volume Shadow Copy' to manual or automatic and retry.",
    )


def grub_lvm(device: str) -> AsrError:
    """The boot configuration names an LVM device that is not there."""
    return AsrError(
        "151124",
        "Site Recovery configuration failed because of the boot configuration.",
        f"The LVM device '{device}' that the GRUB configuration names doesn't exist.",
        "Correct the device in the GRUB configuration files, update GRUB and restart the failed job.",
    )


def grub_device_names(device: str) -> AsrError:
    """The boot configuration names devices instead of UUIDs, which differ on the target."""
    return AsrError(
        "151126",
        "Site Recovery configuration failed because of the boot configuration.",
        f"The GRUB configuration refers to the device name '{device}' instead of a UUID.",
        "Replace the device name by the UUID in the GRUB configuration files, update GRUB and restart the failed job.",
    )
