"""One request from its arrival to its answer, without the network: the part that a test may call in process."""

from __future__ import annotations

import json
import logging
import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from simulator import context, faultmatch, frontdoor, guids, paths, signin, throttling
from simulator.authorization import policies
from simulator.clock import http_date, rfc7, to_micros
from simulator.errors import ArmError
from simulator.provider import Call, Reply
from simulator.requestlog import redacted
from simulator.resources import offered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.faults import Effects
    from simulator.identity import Identity
    from simulator.provider import Route
    from simulator.requestlog import RequestLog
    from simulator.router import Router
    from simulator.world import World

log = logging.getLogger(__name__)

REPEATED_STATUSES = frozenset({400, 404, 409})
REPEATED_MICROS = 5 * 60 * 1_000_000
_POLL = re.compile(r"/\w*operation\w*/[^/]+$", re.IGNORECASE)
NO_ANSWER = frozenset({"reset_before", "reset_after"})
FIXED_HEADERS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Incoming:
    """A request as the network gave it."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    content: bytes
    target: str = ""

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters by lower-cased name."""
        return {name.lower(): value for name, value in parse_qsl(self.raw_query, keep_blank_values=True)}

    @property
    def client_request_id(self) -> str | None:
        """The caller's id of the request."""
        return self.headers.get("x-ms-client-request-id")


def plain_path(path: str) -> str:
    """A path with single slashes and none at its end."""
    return re.sub(r"/{2,}", "/", path).rstrip("/") or "/"


class Exchange:
    """Answers requests, one after the other."""

    def __init__(self, world: World, router: Router, request_log: RequestLog) -> None:
        """Answer for *world* by the routes of *router*."""
        self._world = world
        self._router = router
        self._log = request_log
        world.faults.operations = faultmatch.all_names(router.routes)
        self._failed_writes: dict[tuple[str, ...], tuple[int, Reply]] = {}

    def effects(self, incoming: Incoming) -> Effects:
        """Count a request against the faults that wait; what meets it."""
        found = self._router.find(incoming.method, incoming.path)
        return self._world.faults.meet(incoming.method, incoming.path, found[0] if found else None, incoming.content)

    def answer(self, incoming: Incoming, effects: Effects) -> Reply:
        """Handle one request wholly: events that are due, the handler, the log, and the commit."""
        trace = context.Request(api_version=incoming.query.get("api-version", ""))
        moment = self._world.run_due()
        drawn_from = guids.drawn_from(self._world.seed_number, "request", self._log.next_number)
        with context.at_time(moment), drawn_from:
            found = self._router.find(incoming.method, incoming.path)
            reply = self._faulty_answer(incoming, effects, found, trace)
            reply = self._finish(incoming, reply)
            silent = any(kind in effects for kind in NO_ANSWER)
            line = self._line(incoming, None if silent else reply.status, found, trace)
            self._log.append(line, self._world.throttle.drawn())
        self._world.commit()
        return reply

    def _faulty_answer(
        self,
        incoming: Incoming,
        effects: Effects,
        found: tuple[Route, dict[str, str]] | None,
        trace: context.Request,
    ) -> Reply:
        if effect := effects.get("status"):
            return _prescribed(effect)
        if "reset_before" in effects:
            return Reply(503)
        reply = self._dispatch(incoming, effects, found, trace)
        if effect := effects.get("status_after"):
            reply = _prescribed(effect)
        if effect := effects.get("foreign_operation_url"):
            reply = _redirected(reply, effect["url"])
        return reply

    def _dispatch(
        self,
        incoming: Incoming,
        effects: Effects,
        found: tuple[Route, dict[str, str]] | None,
        trace: context.Request,
    ) -> Reply:
        token = context.current_request.set(trace)
        try:
            with self._world.guarded():
                outside = signin.answer(self._world, incoming.method, incoming.path, incoming.query, incoming.content)
                return outside if outside is not None else self._arm(incoming, effects, found, trace)
        except ArmError as error:
            return Reply(error.status, error.body, error.headers)
        except Exception:
            log.exception("answering %s %s", incoming.method, incoming.path)
            return _internal_error(self._world.now, incoming.path)
        finally:
            context.current_request.reset(token)

    def _arm(
        self,
        incoming: Incoming,
        effects: Effects,
        found: tuple[Route, dict[str, str]] | None,
        trace: context.Request,
    ) -> Reply:
        world = self._world
        identity = world.identities.authenticate(incoming.headers.get("Authorization"))
        trace.identity = identity.label
        extra = frontdoor.meter(world, identity, incoming.method, incoming.path)
        try:
            reply = self._provider(incoming, effects, found, identity)
        except ArmError as error:
            reply = Reply(error.status, error.body, error.headers)
        return replace(reply, headers={**extra, **reply.headers})

    def _provider(
        self,
        incoming: Incoming,
        effects: Effects,
        found: tuple[Route, dict[str, str]] | None,
        identity: Identity,
    ) -> Reply:
        world, api_version = self._world, incoming.query.get("api-version", "")
        if found is None:
            world.unknown.note(incoming.method, incoming.path, api_version)
        if found is None or found[0].versioned:
            frontdoor.check_api_version(api_version)
        if found is None:
            raise self._router.explain(incoming.method, incoming.path, api_version)
        route, params = found
        earlier = self._earlier_failure(incoming, identity, route)
        if earlier is not None:
            return earlier
        with ExitStack() as stack:
            stack.enter_context(context.acting_as(identity.label))
            try:
                frontdoor.admit(world, identity, incoming.method, incoming.path, route)
                call = _call(world, incoming, route, params, identity, effects)
                if effects.seconds_stale is not None and not route.writes:
                    moment = world.now - timedelta(seconds=effects.seconds_stale)
                    stack.enter_context(context.seen_as_of(moment))
                stack.enter_context(context.without(_too_new(world, incoming.path, route)))
                frontdoor.check_group(world, incoming.path, route)
                offered.check_request(call)
                policies.check_request(call)
                budget = throttling.provider_headers(call)
                reply = route.handler(call)
                reply = replace(reply, headers={**budget, **reply.headers})
            except ArmError as error:
                reply = Reply(error.status, error.body, error.headers)
        self._remember_failure(incoming, identity, route, reply)
        return reply

    def _failure_key(self, incoming: Incoming, identity: Identity) -> tuple[str, ...] | None:
        id_ = incoming.client_request_id
        return (identity.object_id, id_, incoming.method, incoming.path.lower()) if id_ else None

    def _earlier_failure(self, incoming: Incoming, identity: Identity, route: Route) -> Reply | None:
        key = self._failure_key(incoming, identity)
        if key is None or not route.writes or key not in self._failed_writes:
            return None
        when, reply = self._failed_writes[key]
        return reply if to_micros(self._world.now) - when <= REPEATED_MICROS else None

    def _remember_failure(self, incoming: Incoming, identity: Identity, route: Route, reply: Reply) -> None:
        key = self._failure_key(incoming, identity)
        if key is None or not route.writes or reply.status not in REPEATED_STATUSES:
            return
        now = to_micros(self._world.now)
        for old in [known for known, (when, _) in self._failed_writes.items() if now - when > REPEATED_MICROS]:
            del self._failed_writes[old]
        self._failed_writes[key] = (now, reply)

    def _finish(self, incoming: Incoming, reply: Reply) -> Reply:
        request_id = guids.new_guid()
        now = self._world.now
        headers = {
            **FIXED_HEADERS,
            "Date": http_date(now),
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": incoming.headers.get("x-ms-correlation-request-id") or guids.new_guid(),
            "x-ms-routing-request-id": f"SIMULATOR:{now:%Y%m%dT%H%M%SZ}:{request_id}",
        }
        wants_echo = incoming.headers.get("x-ms-return-client-request-id", "").lower() == "true"
        if wants_echo and incoming.client_request_id:
            headers["x-ms-client-request-id"] = incoming.client_request_id
        given = {name.lower() for name in reply.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in given}
        return replace(reply, headers={**kept, **reply.headers})

    def _line(
        self,
        incoming: Incoming,
        status: int | None,
        found: tuple[Route, dict[str, str]] | None,
        trace: context.Request,
    ) -> dict[str, Any]:
        signs_in = signin.find(incoming.method, incoming.path) is not None
        writes = found[0].writes if found else incoming.method not in {"GET", "HEAD", "OPTIONS"} and not signs_in
        return {
            "wall": rfc7(datetime.now(UTC)),
            "virtual": rfc7(self._world.now),
            "method": incoming.method,
            "path": incoming.path,
            "query": redacted(incoming.raw_query),
            "status": status,
            "identity": trace.identity,
            "client_request_id": incoming.client_request_id,
            "write": writes,
            "accepted": trace.accepted,
        }


def _too_new(world: World, path: str, route: Route) -> frozenset[str]:
    """What a read does not find yet by the setting of eventual consistency; operations are polled without delay."""
    seconds = world.setting("created_visible_after_seconds")
    if not seconds or route.writes or _POLL.search(path):
        return frozenset()
    return world.store.too_new(world.now - timedelta(seconds=seconds))


def _call(
    world: World, incoming: Incoming, route: Route, params: dict[str, str], identity: Identity, effects: Effects
) -> Call:
    return Call(
        world=world,
        method=incoming.method,
        path=incoming.path,
        params=params,
        query=incoming.query,
        body=_json(incoming.content),
        headers=incoming.headers,
        identity=identity,
        route=route,
        operation_fault=effects.operation_fault,
        target=incoming.target,
    )


def _json(content: bytes) -> Any:
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except ValueError as problem:
        message = f"The request content was invalid and could not be deserialized: '{problem}'."
        raise ArmError(400, "InvalidRequestContent", message) from None


def _internal_error(now: datetime, path: str) -> Reply:
    """Azure's answer to a defect of its own; the log has the trace."""
    correlation = guids.new_guid()
    message = (
        f"Encountered internal server error. Diagnostic information: timestamp '{now:%Y%m%dT%H%M%SZ}', "
        f"subscription id '{paths.parse(path).subscription}', tracking id '{guids.new_guid()}', "
        f"request correlation id '{correlation}'."
    )
    error = {"code": "InternalServerError", "message": message}
    return Reply(500, {"error": error}, {"x-ms-correlation-request-id": correlation})


def _prescribed(effect: dict[str, Any]) -> Reply:
    body = effect.get("body")
    if body is None and "body" not in effect:
        body = {"error": {"code": f"Status{effect['status']}", "message": "A fault was asked for."}}
    headers = {name: str(value) for name, value in effect.get("headers", {}).items()}
    return Reply(effect["status"], body, headers)


def _redirected(reply: Reply, url: str) -> Reply:
    names = {"azure-asyncoperation", "location", "operation-location"}
    headers = {name: url if name.lower() in names else value for name, value in reply.headers.items()}
    return replace(reply, headers=headers)
