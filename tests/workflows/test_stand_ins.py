"""The stand-ins answer for the real activities, by name, queue and type."""

from collections.abc import Callable
from typing import Any, get_type_hints

from temporalio.client import Client

from activities.registry import all_activities
from arm.watcher import Watchers
from tests.workflows.fakes import activities_of
from tests.workflows.world import World


def _signatures(queues: dict[str, list[Callable[..., Any]]]) -> dict[str, tuple[str, list[Any]]]:
    return {
        method.__name__: (queue, list(get_type_hints(method).values()))
        for queue, methods in queues.items()
        for method in methods
    }


async def test_each_activity_has_a_stand_in_of_the_same_types(client: Client) -> None:
    """Stand-ins and real activities agree on names, task queues, and the types that they take and give."""
    watchers = Watchers(None)  # type: ignore[arg-type] # nothing of it is called
    real = all_activities(None, watchers, client, None)  # type: ignore[arg-type]
    assert _signatures(real) == _signatures(activities_of(World()))


async def test_the_commit_ends_the_look_of_its_own_worker(client: Client) -> None:
    """Whoever commits knows who looks at the source: a look that nobody hears would go on reading."""
    watchers = Watchers(None)  # type: ignore[arg-type] # nothing of it is called
    queues = all_activities(None, watchers, client, None)  # type: ignore[arg-type]
    holders = {method.__name__: method.__self__ for methods in queues.values() for method in methods}  # type: ignore[attr-defined]
    assert holders["watch_copies"].stop_looking == holders["commit_failover"]._stop_looking
