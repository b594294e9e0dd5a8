"""The commands, their options and their help. Each imports what it needs when it runs, so that help comes at once."""

# ruff: noqa: FBT002 (Typer makes an option of each parameter; nobody calls these by position)

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

import typer

from console.session import ROOT, Session

_BEGAN = "began"
_EXAMPLES = """Examples:

\b
  starter.py check plans/contoso.yaml       look for what would stop the move
  starter.py start plans/contoso.yaml       begin
  starter.py watch contoso                  see it go on
  starter.py approve contoso --comment ok   commit what waits for approval
  starter.py report contoso                 out/contoso/report.html

\b
Exit codes: 0 yes, 1 no, 2 the input was wrong, 3 Temporal, Azure or a worker
does not answer. Temporal is found by TEMPORAL_ADDRESS and its other variables.
"""

app = typer.Typer(
    name="starter.py",
    help="Move Azure virtual machines to another region, and see, approve, undo and report it.",
    epilog=_EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

File = Annotated[str, typer.Argument(metavar="PLAN", help="Plan file.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="PLAN", help="Name of a started plan, or its file.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Vm = Annotated[
    str | None,
    typer.Option("--vm", metavar="NAME", help="The VM that needs an operator; left out: the plan's own step."),
]
OnlyVm = Annotated[str | None, typer.Option("--vm", metavar="NAME", help="Only this VM.")]
OnlyWave = Annotated[str | None, typer.Option("--wave", metavar="NAME", help="Only the VMs of this wave.")]
Approver = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decides; MIGRATION_APPROVER where not given.", show_default=False),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with an access token that proves who it is (- is standard input), in plans with identity: entra.",
        show_default=False,
    ),
]
SignInBy = Annotated[
    Literal["auto", "az", "device-code", "browser"] | None,
    typer.Option(
        "--sign-in",
        help="How to sign in where no token is given; auto: the Azure CLI, else a device code.",
        show_default=False,
    ),
]
Comment = Annotated[str, typer.Option(metavar="TEXT", help="Goes into the report.", show_default=False)]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; goes into the report.", show_default=False)]


def _print_version(wanted: bool) -> None:  # noqa: FBT001 (Typer's callback of an option)
    if wanted:
        import tomllib

        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        typer.echo(f"{project['name']} {project['version']}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 (its callback acts)
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.meta[_BEGAN] = time.monotonic()


def _run(
    context: typer.Context,
    work: Callable[[Session], Coroutine[Any, Any, int]],
    *,
    as_json: bool,
    interrupted: str = "interrupted; what was begun goes on: see `status`",
) -> None:
    import asyncio

    session = Session(context.obj, as_json=as_json, began=context.meta[_BEGAN])
    try:
        code = asyncio.run(work(session))
    except KeyboardInterrupt:
        session.note(interrupted)
        code = 130
    raise typer.Exit(code)


@app.command(epilog="Example: starter.py check plans/contoso.yaml --sarif check.sarif")
def check(
    context: typer.Context,
    plan: File,
    local: Annotated[bool, typer.Option("--local", help="Check as this environment, without a worker.")] = False,
    sarif: Annotated[
        str | None,
        typer.Option("--sarif", metavar="FILE", help="Write the findings as SARIF 2.1.0; - is standard output."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for all that would stop the move, without a write. Exit code 1 if something does.

    It runs on the worker, as the identity that will do the work.
    """
    from console.checking import check_plan

    _run(context, lambda session: check_plan(session, plan, local=local, sarif_file=sarif), as_json=as_json)


@app.command(epilog="Example: starter.py plan plans/contoso.yaml --json")
def plan(
    context: typer.Context,
    plan: File,
    prices: Annotated[
        str | None, typer.Option(metavar="FILE", help="Prices and assumptions; plans/prices.yaml if left out.")
    ] = None,
    reads: Annotated[bool, typer.Option("--reads", help="Show each read as well.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Look as this environment, without a worker.")] = False,
    as_json: Json = False,
) -> None:
    """Show every call that a run would make, what it makes of resources, how long it takes and what it costs.

    Nothing is written. A run makes no call that changes anything but those listed.
    """
    from console.planning import show_plan

    _run(
        context,
        lambda session: show_plan(session, plan, prices_file=prices, local=local, reads=reads),
        as_json=as_json,
    )


@app.command(
    epilog="Example: starter.py roles plans/contoso.yaml --only vault > role.json; "
    "az role definition create --role-definition @role.json"
)
def roles(
    context: typer.Context,
    plan: File,
    only: Annotated[
        str | None, typer.Option(metavar="PLACE", help="One role: vault, source, target, network or subscription.")
    ] = None,
    groups_exist: Annotated[
        bool, typer.Option("--groups-exist", help="All resource groups are there: no role on a subscription for them.")
    ] = False,
    finaliser: Annotated[
        bool, typer.Option("--finaliser", help="The roles of the identity that deletes sources, and of no other.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the least that the worker's identity needs, as Azure custom roles.

    It is a JSON list, a role for each place; `az role definition create` takes them one by one. Azure is not asked.
    """
    from console.roles import show_roles

    async def show(session: Session) -> int:
        return show_roles(session, plan, only=only, groups_exist=groups_exist, finaliser=finaliser)

    _run(context, show, as_json=as_json)


@app.command(epilog="Example: starter.py start plans/contoso.yaml --wait")
def start(
    context: typer.Context,
    plan: File,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it, write its report, exit 0 if all migrated.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a cloud that is not local.")] = False,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Start a plan, or attach to its run if the same file runs already."""
    from console.starting import start_plan
    from console.watching import INTERRUPTED

    _run(
        context,
        lambda session: start_plan(session, plan, wait=wait, yes=yes, token_file=token_file),
        as_json=as_json,
        interrupted=INTERRUPTED if wait else "interrupted; see `status` for whether it was started",
    )


@app.command(epilog="Example: starter.py status contoso --wave first --json")
def status(  # noqa: PLR0913, PLR0917 (each is an option)
    context: typer.Context,
    plan: Annotated[
        str | None, typer.Argument(metavar="[PLAN]", help="Its name or file; all plans if left out.")
    ] = None,
    vm: OnlyVm = None,
    wave: OnlyWave = None,
    phase: Annotated[str | None, typer.Option(metavar="PHASE", help="Only the VMs in this phase.")] = None,
    needs_action: Annotated[bool, typer.Option("--needs-action", help="Only the VMs that need a person.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Each VM of a large plan, too.")] = False,
    as_json: Json = False,
) -> None:
    """Show where a plan's virtual machines stand and when they are ready, or list all plans.

    Of a plan of more than 100 it counts them by wave, and shows those that need a person.
    """
    from console.status import Wanted, show_status

    wanted = Wanted(wave, vm, phase, needs_action, everything)
    _run(context, lambda session: show_status(session, plan, wanted), as_json=as_json)


@app.command(epilog="Example: starter.py watch contoso")
def watch(context: typer.Context, plan: Name, as_json: Json = False) -> None:
    """Follow a plan to its end, and write its report.

    It returns early when only virtual machines are left that need an operator. Ctrl-C leaves the plan running.
    Exit code 0 if all virtual machines were migrated, else 1.
    """
    from console.watching import INTERRUPTED, watch_plan

    _run(context, lambda session: watch_plan(session, plan), as_json=as_json, interrupted=INTERRUPTED)


@app.command(epilog='Example: starter.py approve contoso --wave first --comment "smoke test passed"')
def approve(  # noqa: PLR0913, PLR0917 (each is an option)
    context: typer.Context,
    plan: Name,
    vm: OnlyVm = None,
    wave: OnlyWave = None,
    approver: Approver = None,
    comment: Comment = "",
    token_file: TokenFile = None,
    sign_in: SignInBy = None,
    as_json: Json = False,
) -> None:
    """Let what waits for approval be committed.

    It shows what is approved, and sends the hash of that. Exit code 0 if a decision counted, else 1 and the reason;
    3 if somebody gave no answer.
    """
    from console.deciding import Wish, decide

    _exclude(vm, wave)
    wish = Wish("approve", vm, wave, approver, comment, token_file, sign_in)
    _run(context, lambda session: decide(session, plan, wish), as_json=as_json)


@app.command(epilog='Example: starter.py reject contoso --vm db-01 --comment "slow queries"')
def reject(  # noqa: PLR0913, PLR0917 (each is an option)
    context: typer.Context,
    plan: Name,
    vm: OnlyVm = None,
    wave: OnlyWave = None,
    approver: Approver = None,
    comment: Comment = "",
    token_file: TokenFile = None,
    sign_in: SignInBy = None,
    as_json: Json = False,
) -> None:
    """Send what waits for approval back to its source.

    Exit code 0 if a decision counted, else 1 and the reason; 3 if somebody gave no answer. What was written on the
    target since the failover is lost.
    """
    from console.deciding import Wish, decide

    _exclude(vm, wave)
    wish = Wish("reject", vm, wave, approver, comment, token_file, sign_in)
    _run(context, lambda session: decide(session, plan, wish), as_json=as_json)


@app.command(epilog='Example: starter.py retry contoso --vm db-01 --reason "quota raised"')
def retry(context: typer.Context, plan: Name, reason: Reason, vm: Vm = None, as_json: Json = False) -> None:
    """Try the step again that a virtual machine stands at."""
    from console.resolving import resolve

    _run(context, lambda session: resolve(session, "retry", plan, vm=vm, reason=reason), as_json=as_json)


@app.command(epilog='Example: starter.py skip contoso --vm db-01 --reason "disk deleted by hand"')
def skip(context: typer.Context, plan: Name, reason: Reason, vm: Vm = None, as_json: Json = False) -> None:
    """Go on without the step: you have seen to it yourself."""
    from console.resolving import resolve

    _run(context, lambda session: resolve(session, "skip", plan, vm=vm, reason=reason), as_json=as_json)


@app.command("give-up", epilog='Example: starter.py give-up contoso --vm db-01 --reason "moved by hand"')
def give_up(context: typer.Context, plan: Name, reason: Reason, vm: Vm = None, as_json: Json = False) -> None:
    """End a virtual machine's migration as it stands.

    What it leaves behind is in the report.
    """
    from console.resolving import resolve

    _run(context, lambda session: resolve(session, "give_up", plan, vm=vm, reason=reason), as_json=as_json)


@app.command(epilog="Example: starter.py cancel contoso")
def cancel(context: typer.Context, plan: Name, as_json: Json = False) -> None:
    """Stop a plan and undo what is not committed. Returns once that is recorded; `watch` shows the undo.

    What was written on a target since its failover is lost.
    """
    from console.cancelling import cancel_plan

    _run(context, lambda session: cancel_plan(session, plan), as_json=as_json)


@app.command(epilog="Example: starter.py clean plans/contoso.yaml")
def clean(
    context: typer.Context,
    plan: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: delete what the list says.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what a lost run left behind: one that was terminated, or whose history Temporal has lost.

    It lists each resource with its proof, age and cost, and asks. What cannot be proved to be a run's is not touched.
    Exit code 0 if nothing is left, 1 if it was refused or something stayed.
    """
    from console.cleaning import clean_plan

    _run(context, lambda session: clean_plan(session, plan, yes=yes), as_json=as_json)


@app.command(epilog="Example: starter.py report contoso --verify out/contoso/report.json")
def report(
    context: typer.Context,
    plan: Name,
    verify: Annotated[
        str | None, typer.Option(metavar="FILE", help="Tell what was changed in a report that was written.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a plan's report, ended or not, and print it.

    It is in out/PLAN/report.json and out/PLAN/report.html. With --verify, tell which lines of such a file were changed,
    removed or moved: by its own chain, and by what Temporal keeps of its runs. Exit code 0 if none, 1 if some.
    """
    from console.reporting import show_report
    from console.verifying import verify_report

    if verify is not None:
        _run(context, lambda session: verify_report(session, plan, verify), as_json=as_json)
    _run(context, lambda session: show_report(session, plan), as_json=as_json)


def _exclude(vm: str | None, wave: str | None) -> None:
    if vm is not None and wave is not None:
        raise typer.BadParameter("give --vm or --wave, not both")
