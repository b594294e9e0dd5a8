"""How the moved virtual machine is verified: how long it may take to boot, and the user's own probes."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from migration import checks, checks_probes
from migration.base import Authored, Value
from migration.errors import PathStep
from migration.plan_types import Duration, SafeName

Host = Annotated[str, AfterValidator(checks_probes.host)]
Port = Annotated[int, Field(ge=1, le=65_535)]
ProbeKind = Literal["tcp", "http", "command"]
Where = Literal["guest", "worker"]


class TcpProbe(Authored):
    """A TCP connection that has to be accepted."""

    port: Port
    host: Host | None = Field(
        None, description="Left out: the machine itself, by loopback from the guest, by its private address otherwise."
    )


class HttpProbe(Authored):
    """An HTTP request, without credentials and without following redirects, and what has to be answered."""

    url: Annotated[str, AfterValidator(checks_probes.url)] | None = Field(
        None, description="A whole address; left out: port, path and scheme, of the machine itself."
    )
    scheme: Literal["http", "https"] | None = None
    host: Host | None = Field(None, description="As of a TCP probe.")
    port: Port | None = Field(None, description="80, or 443 for https, if not given.")
    path: Annotated[str, AfterValidator(checks_probes.path)] | None = None
    host_name: Annotated[str, AfterValidator(checks_probes.host_name)] | None = Field(
        None,
        description="The site that is asked for, in the Host header and by TLS, where the address does not say it.",
    )
    status: Annotated[int, Field(ge=100, le=599)] = 200
    contains: Annotated[str, AfterValidator(checks_probes.line)] | None = Field(
        None, description="Text that the first 64 KiB of the answer have to hold."
    )
    verify_certificate: bool | None = Field(
        None, description="Left out: only where the probe names the site, by url or host_name."
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        extra = [key for key in ("scheme", "host", "port", "path", "host_name") if getattr(self, key) is not None]
        if self.url is not None and extra:
            raise ValueError(f"url stands beside {', '.join(extra)}: write either the whole address or its parts")
        if self.url is None and not extra:
            raise ValueError("the probe names no address: add url, or port and path of the machine itself")
        return self


class CommandProbe(Authored):
    """A script of the user's own, run in the guest as its administrator; exit code 0 is a yes."""

    script: Annotated[str, AfterValidator(checks_probes.script)] = Field(
        description="sh on Linux, PowerShell on Windows. It may run more than once, so it should only look."
    )
    arguments: Annotated[list[str], AfterValidator(checks_probes.arguments)] = Field(
        default_factory=list, description='Given to it as they stand: "$1", or $args[0] in PowerShell.'
    )
    limit: Duration = Field(60, description="How long it may run each time; at most 10m.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.limit > 600:
            raise ValueError("limit is longer than a probe may run: write at most 10m")
        return self


class Probe(Authored):
    """A question of the user's own to the machine, asked again until it holds or its time is over."""

    name: SafeName = Field(description="Unique among the probes of a virtual machine without regard to case.")
    tcp: TcpProbe | None = None
    http: HttpProbe | None = None
    command: CommandProbe | None = None
    where: Where = Field(
        "guest", description="guest: inside the machine, by run command. worker: over the network, from the worker."
    )
    timeout: Duration | None = Field(None, description="How long it may take until it holds; the plan's if not given.")
    in_test: bool = Field(default=True, description="Whether a test failover is asked too, in its isolated network.")

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        kinds = [kind for kind in ("tcp", "http", "command") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            told = f"the probe asks by {' and '.join(kinds)}" if kinds else "the probe asks nothing"
            raise ValueError(f"{told}: give it one of tcp, http and command")
        if self.command is not None and self.where == "worker":
            raise ValueError("a command runs in the guest: remove where, or write guest")
        return self

    @property
    def kind(self) -> ProbeKind:
        """What it asks by."""
        return "tcp" if self.tcp else "http" if self.http else "command"

    @property
    def question(self) -> TcpProbe | HttpProbe | CommandProbe:
        """What it asks."""
        found = self.tcp or self.http or self.command
        if found is None:
            raise ValueError(f"the probe {self.name} asks nothing")
        return found

    @property
    def script_text(self) -> str:
        """The user's script, empty where there is none."""
        return self.command.script if self.command else ""


class Verification(Authored):
    """How every moved virtual machine is verified, besides what the plan says of its shape."""

    boot_timeout: Duration = Field(
        checks.HOUR_SECONDS // 2, description="How long it may take until its agent reports ready."
    )
    timeout: Duration = Field(300, description="How long a probe may take until it holds.")
    interval: Duration = Field(15, description="The pause between two tries of a probe.")
    probes: list[Probe] = Field(default_factory=list, description="Asked of every virtual machine.")


class VmVerification(Authored):
    """What differs for one virtual machine."""

    boot_timeout: Duration | None = None
    timeout: Duration | None = None
    probes: list[Probe] = Field(
        default_factory=list, description="Its own; one with the name of a probe of the plan stands for that."
    )
    without: list[SafeName] = Field(default_factory=list, description="Probes of the plan that are not asked of it.")


class Verifying(Value):
    """How one virtual machine is verified, every default and override applied."""

    boot_timeout: int = checks.HOUR_SECONDS // 2
    timeout: int = 300
    interval: int = 15
    probes: list[Probe] = Field(default_factory=list)

    @property
    def asks_guest(self) -> bool:
        """Whether a probe is run inside the machine."""
        return any(probe.where == "guest" for probe in self.probes)


def verifying(whole: Verification, own: VmVerification) -> Verifying:
    """Return how one virtual machine is verified."""
    replaced = {checks.name_key(name) for name in (*own.without, *(probe.name for probe in own.probes))}
    kept = [probe for probe in whole.probes if checks.name_key(probe.name) not in replaced]
    return Verifying(
        boot_timeout=own.boot_timeout or whole.boot_timeout,
        timeout=own.timeout or whole.timeout,
        interval=whole.interval,
        probes=[*kept, *own.probes],
    )


def checked(whole: Verification, machines: list[tuple[tuple[PathStep, ...], VmVerification]]) -> None:
    """Refuse probes that stand twice, are left out though nobody has them, or are too many. *machines*: with paths."""
    names = [probe.name for probe in whole.probes]
    checks_probes.each_once(("verification",), names)
    for path, own in machines:
        where = (*path, "verification")
        checks_probes.each_once(where, [probe.name for probe in own.probes])
        checks_probes.known(where, own.without, names)
        blamed = (*where, "probes") if own.probes else ("verification", "probes")
        checks_probes.probes_of_machine(blamed, [probe.script_text for probe in verifying(whole, own).probes])
