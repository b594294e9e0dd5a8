"""The core's parts by themselves: times, ids, routes, permissions, schedule, operations, versions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator import clock, context, paths, rbac
from simulator.errors import ArmError
from simulator.operations import OperationStyle, on_done, on_failed
from simulator.provider import Call, OperationFault, Reply, Route
from simulator.requestlog import redacted
from simulator.router import Router
from simulator.schedule import event_handler
from simulator.world import World

MOMENT = datetime(2023, 1, 16, 8, 48, 29, 557736, tzinfo=UTC)
DISK = "/subscriptions/s/resourceGroups/G/providers/Microsoft.Compute/disks/D1"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world without a server."""
    world = World(tmp_path)
    yield world
    world.database.close()


def test_times_are_written_as_azure_does() -> None:
    """Seven digits, whole seconds and header dates have the recorded forms, and all are read back."""
    assert "2023-01-16T08:48:29.557736" == clock.rfc7(MOMENT)[:26]
    assert len("2023-01-16T08:48:29.5577361Z") == len(clock.rfc7(MOMENT))
    assert "2023-01-16T08:48:29.0000000Z" == clock.rfc7_whole(MOMENT)
    assert "2023-01-16T08:48:29Z" == clock.rfc_seconds(MOMENT)
    assert clock.rfc_offset(MOMENT).endswith("+00:00")
    assert "Mon, 16 Jan 2023 08:48:29 GMT" == clock.http_date(MOMENT)
    assert [MOMENT, MOMENT] == [clock.parse_time(clock.rfc7(MOMENT)), clock.parse_time(clock.rfc_offset(MOMENT))]
    assert MOMENT == clock.from_micros(clock.to_micros(MOMENT))


@pytest.mark.parametrize(("seconds", "speed", "expected"), [(30, 1, "30"), (30, 60, "1"), (30, 7, "5"), (0, 1, "1")])
def test_retry_after_is_scaled_and_rounded_up(seconds: float, speed: float, expected: str) -> None:
    """Retry-After is the recorded value by the speed, rounded up, at least 1."""
    assert expected == clock.retry_after(seconds, speed)


@pytest.mark.parametrize(
    ("id_", "type_", "names"),
    [
        ("/subscriptions/s", "Microsoft.Resources/subscriptions", ("s",)),
        ("/subscriptions/s/resourcegroups/g", "Microsoft.Resources/subscriptions/resourceGroups", ("g",)),
        (DISK, "Microsoft.Compute/disks", ("D1",)),
        (f"{DISK}/providers/Microsoft.Authorization/locks/l", "Microsoft.Authorization/locks", ("l",)),
        ("/subscriptions/s/providers/Microsoft.A/b/x/c/y", "Microsoft.A/b/c", ("x", "y")),
    ],
)
def test_ids_are_taken_apart(id_: str, type_: str, names: tuple[str, ...]) -> None:
    """Type and names of an id, also of one that hangs on another resource."""
    parsed = paths.parse(id_)

    assert (type_, names) == (parsed.type, parsed.names)


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("GET", "/subscriptions/s/resourceGroups/g", "Microsoft.Resources/subscriptions/resourceGroups/read", None),
        ("PUT", DISK, "Microsoft.Compute/disks/write", None),
        ("DELETE", DISK, "Microsoft.Compute/disks/delete", None),
        ("GET", DISK.rpartition("/")[0], "Microsoft.Compute/disks/read", "/subscriptions/s/resourceGroups/G"),
        ("GET", "/subscriptions/s/providers/Microsoft.A/b", "Microsoft.A/b/read", "/subscriptions/s"),
        ("POST", f"{DISK}/beginGetAccess", "Microsoft.Compute/disks/beginGetAccess/action", DISK),
        ("GET", f"{DISK}/parts", "Microsoft.Compute/disks/parts/read", DISK),
    ],
)
def test_requests_have_actions_and_scopes(method: str, path: str, action: str, scope: str | None) -> None:
    """The permission that a request needs follows from its path."""
    assert (action, scope or path) == (rbac.action_of(method, path), rbac.scope_of(method, path))


def answer(_: Call) -> Reply:
    """Answer nothing."""
    return Reply()


def test_routes_do_not_regard_case_and_prefer_fixed_templates() -> None:
    """A route is found in any case; an open scope takes any number of segments."""
    fixed = Route("GET", "/subscriptions/{subscription}/things/{thing}", answer)
    scoped = Route("GET", "{scope*}/providers/Microsoft.A/locks", answer)
    router = Router([scoped, fixed])

    assert (fixed, {"subscription": "S", "thing": "T"}) == router.find("GET", "/SUBSCRIPTIONS/S/Things/T")
    assert (scoped, {"scope": DISK}) == router.find("GET", f"{DISK}/providers/microsoft.a/LOCKS")
    assert router.find("HEAD", "/subscriptions/S/things/T")
    assert router.find("POST", "/subscriptions/S/things/T") is None


def test_signatures_are_redacted() -> None:
    """Query parameters that sign or prove something do not reach the log."""
    query = "api-version=1&t=638&c=MII&s=abc&h=def&sig=x&$filter=a"

    assert "api-version=1&t=638&c=REDACTED&s=REDACTED&h=REDACTED&sig=REDACTED&$filter=a" == redacted(query)


def test_reads_are_copies(world: World) -> None:
    """Changing what a read gave changes nothing in the cloud until it is put back."""
    world.store.put({"id": DISK, "properties": {"size": 1}})
    resource = world.store.require(DISK.upper())
    resource.properties["size"] = 2

    assert {"size": 1} == world.store.require(DISK).properties
    world.store.save(resource)
    assert {"size": 2} == world.store.require(DISK).properties


def test_ids_keep_the_case_of_their_first_write(world: World) -> None:
    """A second write in another case changes the resource, not its id; the creator stays."""
    with context.acting_as("first"):
        world.store.put({"id": DISK})
    with context.acting_as("second"):
        world.store.put({"id": DISK.lower(), "tags": {"a": "b"}})

    [resource] = world.store.list("MICROSOFT.COMPUTE/DISKS", "/SUBSCRIPTIONS/S")
    assert (DISK, "D1", {"a": "b"}, "first") == (
        resource.id,
        resource.name,
        resource.doc["tags"],
        resource.meta["created_by"],
    )


def test_absent_resources_raise_azures_404(world: World) -> None:
    """require() speaks as the front door does, for children and groups too."""
    with pytest.raises(ArmError, match=r"'Microsoft.A/b/c/x/y' under resource group 'g' was not found") as caught:
        world.store.require("/subscriptions/s/resourceGroups/g/providers/Microsoft.A/b/x/c/y")
    assert "ResourceNotFound" == caught.value.code
    with pytest.raises(ArmError, match="Resource group 'g' could not be found"):
        world.store.require("/subscriptions/s/resourceGroups/g")


def test_only_changes_make_a_request_accepted(world: World) -> None:
    """Equal and quiet writes and reads do not count; changes, deletions and scheduled events do."""
    world.store.put({"id": DISK})
    area = world.store.area("things")

    def accepted(work: Any) -> bool:
        trace = context.Request()
        token = context.current_request.set(trace)
        work()
        context.current_request.reset(token)
        return trace.accepted

    assert not accepted(lambda: world.store.put({"id": DISK}))
    assert not accepted(lambda: area.put("k", {"a": 1}, quiet=True))
    assert not accepted(lambda: world.store.get(DISK))
    assert not accepted(lambda: world.store.delete(DISK + "x"))
    assert accepted(lambda: area.put("k", {"a": 2}))
    assert accepted(lambda: world.store.delete(DISK))
    assert accepted(lambda: world.schedule.after(1, "test.note", {}))


NOTES: list[tuple[str, datetime, str]] = []


@event_handler("test.note")
def note(world: World, payload: dict[str, Any]) -> None:
    """Write down when and as whom an event ran."""
    NOTES.append((payload.get("name", ""), world.now, world.created_by))


@event_handler("test.chain")
def chain(world: World, _: dict[str, Any]) -> None:
    """Schedule another event from within one."""
    world.schedule.after(10, "test.note", {"name": "second"})


@event_handler("test.broken")
def broken(_: World, __: dict[str, Any]) -> None:
    """Raise, as a defect would."""
    raise RuntimeError


def test_events_run_in_the_order_and_at_the_time_of_their_due_times(world: World) -> None:
    """Each event sees its own due time and its scheduler, whatever else came due, and a defect stops no other."""
    NOTES.clear()
    with context.acting_as("planner"):
        start = clock.from_micros(clock.to_micros(world.now) + 60_000_000)
        world.schedule.at(start + timedelta(seconds=30), "test.note", {"name": "third"})
        world.schedule.at(start, "test.chain", {})
        world.schedule.at(start + timedelta(seconds=1), "test.broken", {})
        cancelled = world.schedule.at(start, "test.note", {"name": "never"})
        world.schedule.at(start, "test.note", {"name": "first"})
    world.schedule.cancel(cancelled)
    assert start == world.schedule.next_due()
    world.advance(300)

    expected = [("first", start), ("second", start + timedelta(seconds=10)), ("third", start + timedelta(seconds=30))]
    assert [(*one, "planner") for one in expected] == NOTES


def test_unknown_event_handlers_are_refused(world: World) -> None:
    """An event needs a handler that is registered."""
    with pytest.raises(KeyError, match=r"no handler is called 'test.nothing'"):
        world.schedule.after(1, "test.nothing", {})


def test_the_past_can_be_read(world: World) -> None:
    """A read as of a moment sees what was there then, in lists as well, and areas of state too."""
    start = world.now
    for second, size in ((10, 1), (20, 2)):
        with context.at_time(start + timedelta(seconds=second)):
            world.store.put({"id": DISK, "properties": {"size": size}})
            world.store.area("jobs").put("j", {"size": size})
    with context.at_time(start + timedelta(seconds=30)):
        world.store.delete(DISK)

    seen = []
    for second in (5, 15, 25, 35):
        with context.seen_as_of(start + timedelta(seconds=second)):
            sizes = [resource.properties["size"] for resource in world.store.list("Microsoft.Compute/disks")]
            seen.append((sizes, (world.store.area("jobs").get("j") or {})["size"], world.store.exists(DISK)))
    # A job's URL that was given out is never answered with "nothing there": the oldest version stands in.
    assert [([], 1, False), ([1], 1, True), ([2], 2, True), ([], 2, False)] == seen


def test_reads_of_the_past_change_nothing(world: World) -> None:
    """What a stale read would note on its way does not reach the present."""
    world.store.area("notes").put("k", {"n": 1})
    with context.seen_as_of(world.now + timedelta(seconds=1)):
        world.store.area("notes").put("k", {"n": 2}, quiet=True)
        world.store.area("notes").delete("k", quiet=True)

    assert {"n": 1} == world.store.area("notes").get("k")


def test_old_versions_are_dropped_but_the_last_before_the_horizon(world: World) -> None:
    """The history keeps an hour, and the one version that an hour ago was the newest."""
    start = world.now
    for hour in range(4):
        with context.at_time(start + timedelta(hours=hour)):
            world.store.put({"id": DISK, "properties": {"hour": hour}})

    kept = world.database.connection.execute("SELECT count(*) FROM versions WHERE area = 'resources'").fetchone()
    assert (2,) == kept


def test_durations_depend_on_their_key_alone(world: World) -> None:
    """A duration lies between its bounds and is the same in every run, ids in any case."""
    first = world.duration(10, 20, "enable", DISK)

    assert 10 <= first <= 20
    assert first == world.duration(10, 20, "ENABLE", DISK.lower())
    assert first != world.duration(10, 20, "enable", DISK + "2")


STYLE = OperationStyle(
    status_path="/subscriptions/{subscription}/operations/{operation}",
    result_path="/subscriptions/{subscription}/results/{operation}",
    status_query=(("p", "a b"),),
    retry_after_seconds=7,
)
FAILED: list[dict[str, Any]] = []


@on_done("test.done")
def done(_: World, payload: dict[str, Any]) -> dict[str, Any]:
    """Give a result, or fail at the end."""
    if payload.get("refuse"):
        raise ArmError(409, "Refused", "at the end")
    return {"made": payload["name"]}


@on_failed("test.done")
def failed(_: World, __: dict[str, Any], error: dict[str, Any]) -> None:
    """Write down the failure."""
    FAILED.append(error)


def call_of(world: World, fault: OperationFault | None = None) -> Call:
    """A call without a request."""
    world.endpoint = "https://localhost:1"
    return Call(
        world=world,
        method="POST",
        path=DISK,
        params={"subscription": "s"},
        query={"api-version": "2030-01-01"},
        body=None,
        headers={},
        identity=None,  # type: ignore[arg-type]
        route=Route("POST", DISK, answer),
        operation_fault=fault,
        target="/here?x=1",
    )


def run_operation(world: World, fault: OperationFault | None = None, **payload: Any) -> tuple[Reply, str]:
    """Start an operation of ten seconds; its first answer and its id."""
    reply = world.operations.start(call_of(world, fault), STYLE, seconds=10, done="test.done", payload=payload)
    return reply, reply.headers["Location"].partition("?")[0].rpartition("/")[2]


def test_operation_runs_and_succeeds(world: World) -> None:
    """The URLs echo the caller's version; status and result tell running from done."""
    reply, id_ = run_operation(world, name="x")
    call = call_of(world)
    running = world.operations.status_reply(call, id_, STYLE), world.operations.result_reply(call, id_, STYLE)
    world.advance(10)
    ended = world.operations.status_reply(call, id_, STYLE), world.operations.result_reply(call, id_, STYLE)

    url = f"https://localhost:1/subscriptions/s/operations/{id_}?api-version=2030-01-01&p=a%20b"
    assert (202, url, "7") == (reply.status, reply.headers["Azure-AsyncOperation"], reply.headers["Retry-After"])
    assert ("InProgress", 202) == (running[0].body["status"], running[1].status)
    assert "https://localhost:1/here?x=1" == running[1].headers["Location"]
    assert ("Succeeded", 200, {"made": "x"}) == (ended[0].body["status"], ended[1].status, ended[1].body)
    assert ["startTime", "status", "name", "endTime"] == list(ended[0].body)


@pytest.mark.parametrize(
    ("fault", "refuse", "code"),
    [(OperationFault("operation_fails", "Asked", "by fault"), False, "Asked"), (None, True, "Refused")],
)
def test_operation_fails(world: World, fault: OperationFault | None, refuse: bool, code: str) -> None:
    """An operation fails by a fault or by its own end; the failure handler hears of it."""
    FAILED.clear()
    _, id_ = run_operation(world, fault, name="x", refuse=refuse)
    world.advance(10)

    status = world.operations.status_reply(call_of(world), id_, STYLE)
    assert ("Failed", code) == (status.body["status"], status.body["error"]["code"])
    assert [code] == [error["code"] for error in FAILED]
    with pytest.raises(ArmError, match=code):
        world.operations.result_reply(call_of(world), id_, STYLE)


def test_operation_fails_without_a_word(world: World) -> None:
    """A fault without a code makes an operation fail, and nobody tells why."""
    _, id_ = run_operation(world, OperationFault("operation_fails", code=""), name="x")
    world.advance(10)

    status = world.operations.status_reply(call_of(world), id_, STYLE)
    assert ("Failed", False) == (status.body["status"], "error" in status.body)
    answer = world.operations.result_reply(call_of(world), id_, STYLE)
    assert (409, None) == (answer.status, answer.body)


def test_operation_ends_with_a_word(world: World) -> None:
    """A fault lets an operation do its work and end with a word that nobody knows."""
    _, id_ = run_operation(world, OperationFault("operation_ends_as", word="Bananas"), name="x")
    world.advance(10)

    operation = world.operations.get(id_)
    assert ("Bananas", {"made": "x"}) == (operation["status"], operation["result"])


def test_operation_that_never_ends(world: World) -> None:
    """A fault keeps an operation in progress."""
    _, id_ = run_operation(world, OperationFault("operation_never_ends"), name="x")
    world.advance(100_000)

    assert "InProgress" == world.operations.get(id_)["status"]


def test_unknown_operation(world: World) -> None:
    """An operation that nobody started gives 404."""
    with pytest.raises(ArmError, match="OperationNotFound"):
        world.operations.get("nothing")
