"""What a machine says from inside: does it get out to what Site Recovery needs, and trust what answers there?

`Troubleshoot Azure-to-Azure errors: outbound connectivity and certificates
<https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors#outbound-urls-or-ip-ranges-error-code-151037-or-151072>`_.
"""

from __future__ import annotations

from collections.abc import Iterator

from migration.facts import UnaskedError
from migration.guests import GuestAnswer, Reach
from migration.ids import describe
from migration.models import VmSpec
from migration.rules.case import Case, Hit, VmCheck
from migration.rules.kernels import unsupported_kernel
from migration.rules.perimeter import CODES
from migration.rules.trusted_roots import how_to_install

_CLOSED = {"blocked", "timeout"}


def path(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a machine that reaches nothing at all."""
    answer = _answer(case, vm)
    if _is_cut_off(answer):
        via = " through its proxy" if answer.reached[0].via_proxy else ""
        hosts = ", ".join(sorted({reach.endpoint.host for reach in answer.reached}))
        yield Hit(describe(vm.source_id), f"it reaches none of {hosts}{via}")


def dns(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to names that do not resolve; warn where only such do not of which Azure may not have given that one."""
    answer = _answer(case, vm)
    unresolved = [reach for reach in answer.reached if reach.result == "dns"]
    if unresolved:
        surely = any(not reach.endpoint.sample for reach in unresolved)
        hosts = ", ".join(reach.endpoint.host for reach in unresolved)
        yield Hit(describe(vm.source_id), f"its DNS does not resolve {hosts}", severity=None if surely else "warning")


def proxy(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a proxy that wants a login, which Site Recovery does not give, and to one that does not serve."""
    answer = _answer(case, vm)
    if answer.proxy == "authenticated":
        yield Hit(describe(vm.source_id), "its proxy wants a login")
    elif any(reach.result == "proxy" for reach in answer.reached):
        yield Hit(describe(vm.source_id), "its proxy does not serve it")


def entra(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where the machine cannot sign in."""
    yield from _closed(case, vm, ("entra",))


def site_recovery(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where Site Recovery and its event hub are out of reach."""
    yield from _closed(case, vm, ("site-recovery", "event-hub"))


def storage(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object where the cache account is out of reach."""
    yield from _closed(case, vm, ("storage",))


def tls(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to connections whose TLS handshake fails: a root is missing, or something between opens them."""
    broken = [reach.endpoint.host for reach in _answer(case, vm).reached if reach.result == "tls"]
    if broken:
        yield Hit(describe(vm.source_id), f"TLS to {', '.join(broken)} is not trusted, or not completed")


def roots_present(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to trusted roots that are missing."""
    answer = _roots(case, vm)
    if answer.missing_roots:
        told = f"it lacks {_listed(answer.missing_roots)}"
        yield Hit(describe(vm.source_id), told, how_to_install(answer))


def roots_current(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to trusted roots of which there is only an expired copy, or a clock that makes it look so."""
    answer = _roots(case, vm)
    if answer.expired_roots:
        told = f"by its own clock {_listed(answer.expired_roots)} expired"
        yield Hit(describe(vm.source_id), told, how_to_install(answer))


def kernel(case: Case, vm: VmSpec) -> Iterator[Hit]:
    """Object to a kernel for which Site Recovery's agent has no driver."""
    answer = _answer(case, vm)
    why = unsupported_kernel(answer.os, answer.version, answer.kernel) if answer.os_type == "Linux" else ""
    if why:
        yield Hit(describe(vm.source_id), why)


def _answer(case: Case, vm: VmSpec) -> GuestAnswer:
    answer = case.inventory.guests.about(vm.source_id)
    if answer is None:
        raise UnaskedError(f"asking {describe(vm.source_id)}: it gave no answer")
    return answer


def _closed(case: Case, vm: VmSpec, services: tuple[str, ...]) -> Iterator[Hit]:
    answer = _answer(case, vm)
    reached = [reach for reach in answer.reached if reach.endpoint.service in services]
    closed = [] if _is_cut_off(answer) else [reach for reach in reached if reach.result in _CLOSED]
    if closed:
        yield _hit(vm, closed)
    if any(reach.result == "unknown" for reach in reached):
        raise UnaskedError(f"asking {describe(vm.source_id)}: it has no program to try a connection with")


def _hit(vm: VmSpec, closed: list[Reach]) -> Hit:
    via = "its proxy does not let it out to" if closed[0].via_proxy else "outbound traffic is stopped to"
    hosts = ", ".join(f"{reach.endpoint.host} ({reach.result})" for reach in closed)
    tags = ", ".join(dict.fromkeys(reach.endpoint.tag for reach in closed))
    remedy = f"allow outbound TCP 443 to the service tag {tags} in its security groups, firewall or proxy"
    return Hit(describe(vm.source_id), f"{via} {hosts}", remedy, prevents=CODES[closed[0].endpoint.service])


def _is_cut_off(answer: GuestAnswer) -> bool:
    return bool(answer.reached) and all(reach.result in _CLOSED for reach in answer.reached)


def _roots(case: Case, vm: VmSpec) -> GuestAnswer:
    answer = _answer(case, vm)
    trusted = bool(answer.reached) and all(reach.result == "ok" for reach in answer.reached)
    if answer.roots_unread and not trusted:
        raise UnaskedError(f"reading the trusted roots of {describe(vm.source_id)}: {answer.roots_unread}")
    return answer


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


CHECKS: dict[str, VmCheck] = {
    "outbound-path": path,
    "outbound-dns": dns,
    "outbound-proxy": proxy,
    "outbound-entra": entra,
    "outbound-site-recovery": site_recovery,
    "outbound-storage": storage,
    "outbound-tls": tls,
    "roots-present": roots_present,
    "roots-current": roots_current,
    "kernel-supported": kernel,
}
