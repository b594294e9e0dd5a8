"""The commands `pause`, `resume` and `concurrency`."""

# ruff: noqa: FBT002, PLR0913, PLR0917, SLF001 (Typer makes an option of each parameter; this is a part of `app`)

from typing import Annotated

import typer

from console import app as console

Replication = Annotated[
    int | None, typer.Option(metavar="N", help="So many may replicate at once.", show_default=False)
]
Cutover = Annotated[int | None, typer.Option(metavar="N", help="So many may fail over at once.", show_default=False)]
Subscription = Annotated[
    str | None, typer.Option(metavar="ID", help="Of this source subscription.", show_default=False)
]
Vault = Annotated[str | None, typer.Option(metavar="NAME", help="Of this vault: name or id.", show_default=False)]


@console.app.command(epilog='Example: starter.py pause contoso --wave web --reason "the shop is slow"')
def pause(
    context: typer.Context,
    plan: console.Name,
    reason: console.Reason,
    vm: console.OnlyVm = None,
    wave: console.OnlyWave = None,
    as_json: console.Json = False,
) -> None:
    """Begin nothing more of a plan, a wave or a VM: no replication, no failover.

    What replicates goes on to replicate. What has its turn to fail over goes on to its safe end: verified and waiting
    for approval, or back at its source. Approvals, rejections and a cancel count as ever. Exit code 0 once it is so.
    """
    from console import steering

    console._exclude(vm, wave)
    console._run(
        context, lambda session: steering.pause(session, plan, wave=wave, vm=vm, reason=reason), as_json=as_json
    )


@console.app.command(epilog='Example: starter.py resume contoso --wave web --reason "both failures are understood"')
def resume(
    context: typer.Context,
    plan: console.Name,
    reason: console.Reason,
    vm: console.OnlyVm = None,
    wave: console.OnlyWave = None,
    as_json: console.Json = False,
) -> None:
    """Go on with what was paused, or open the gate of a wave that failures hold.

    Each pause is lifted by itself: that of the plan, of a wave, of a VM. A gate that was opened stays open, whatever
    fails later; the order of waves still holds. Exit code 0 once nothing of it holds what was named, or once the word
    counted; 1 if something else holds it, with what.
    """
    from console import steering

    console._exclude(vm, wave)
    console._run(
        context, lambda session: steering.resume(session, plan, wave=wave, vm=vm, reason=reason), as_json=as_json
    )


@console.app.command(epilog='Example: starter.py concurrency contoso --cutover 2 --reason "the network is busy"')
def concurrency(
    context: typer.Context,
    plan: console.Name,
    reason: console.Reason,
    wave: Annotated[str | None, typer.Option(metavar="NAME", help="Of this wave.", show_default=False)] = None,
    subscription: Subscription = None,
    vault: Vault = None,
    replication: Replication = None,
    cutover: Cutover = None,
    as_json: console.Json = False,
) -> None:
    """Change how many of a plan, a wave, a subscription or a vault replicate and fail over at once.

    All limits hold together. A lower one interrupts nothing: no more begin until fewer are under way.
    """
    from console import steering

    if sum(one is not None for one in (wave, subscription, vault)) > 1:
        raise typer.BadParameter("give one of --wave, --subscription and --vault")
    wish = steering.LimitsWish(wave, subscription, vault, replication, cutover)
    console._run(context, lambda session: steering.set_concurrency(session, plan, wish, reason=reason), as_json=as_json)
