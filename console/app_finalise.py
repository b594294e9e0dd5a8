"""The command `finalise`."""

# ruff: noqa: FBT002, PLR0913, PLR0917, SLF001 (Typer makes an option of each parameter; this is a part of `app`)

from typing import Annotated, Any, get_args

import typer

from console import app as console


@console.app.command(epilog="Example: starter.py finalise contoso --wave first; starter.py finalise contoso approve")
def finalise(
    context: typer.Context,
    plan: console.Name,
    what: Annotated[
        str, typer.Argument(metavar="[WHAT]", help="start, status, approve, reject, cancel, retry, skip or give-up.")
    ] = "start",
    vm: console.OnlyVm = None,
    wave: console.OnlyWave = None,
    approver: console.Approver = None,
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Why; goes into the report.", show_default=False)] = "",
    token_file: console.TokenFile = None,
    sign_in: console.SignInBy = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a cloud that is not local.")] = False,
    as_json: console.Json = False,
) -> None:
    """Delete the sources of what was moved: asked for here, approved by others, done by a worker of its own.

    Nothing is deleted unless the move has ended well, the target runs, the source is deallocated, and nothing locks or
    shares it. The worker is `python worker.py --finalise`; nothing else in this project deletes a source.
    """
    from console.finalising import Action, Order
    from console.finalising import finalise as do

    console._exclude(vm, wave)
    action: Any = what.replace("-", "_")
    if action not in get_args(Action):
        known = ", ".join(name.replace("_", "-") for name in get_args(Action))
        raise typer.BadParameter(f"{what!r} is none of {known}")
    order = Order(vm, wave, approver, comment, token_file, sign_in, yes=yes)
    console._run(context, lambda session: do(session, plan, action, order), as_json=as_json)
