"""The control calls under ``/_simulator/``: no token, not in the request log, nothing that a real cloud has."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator import context, inventory, seeds, settings, throttling
from simulator.clock import rfc7
from simulator.estates import exporting
from simulator.faults import FaultError

if TYPE_CHECKING:
    from simulator.requestlog import RequestLog
    from simulator.world import World


class ControlError(ValueError):
    """A control call that makes no sense; the message says what would be right."""


REFUSALS = (ControlError, FaultError, seeds.SeedError, settings.UnknownSettingError, throttling.SettingsError)


def _number(name: str, value: Any) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0:
        message = f"{name}: give a number from 0"
        raise ControlError(message)
    return float(value)


class Control:
    """Answers the control calls."""

    def __init__(self, world: World, request_log: RequestLog) -> None:
        """Control *world*."""
        self._world = world
        self._log = request_log

    def answer(self, request: web.BaseRequest, path: str, content: bytes) -> web.Response:
        """Answer one control call; 400 with a message where it is malformed."""
        name = path.removeprefix("/_simulator/")
        handler = getattr(self, f"_{request.method.lower()}_{name}", None) if name.isalpha() else None
        if handler is None:
            message = f"no control call {request.method} {path}"
            return web.json_response({"error": message}, status=404)
        try:
            self._world.run_due()
            response: web.Response = handler(request, content)
        except REFUSALS as problem:
            response = web.json_response({"error": str(problem)}, status=400)
        self._world.save_clock()
        self._world.commit()
        return response

    def _get_requests(self, request: web.BaseRequest, _: bytes) -> web.Response:
        """The request log after line `since`, a JSON line each."""
        since = request.query.get("since", "0")
        if not since.isdigit():
            message = "since: give the n of the last line that you know, or 0"
            raise ControlError(message)
        lines = self._log.since(int(since))
        return web.Response(text="".join(f"{line}\n" for line in lines), content_type="application/x-ndjson")

    def _get_resources(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """Everything that somebody could delete, as one array."""
        return web.json_response(inventory.deletable(self._world))

    def _get_power(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """The power state of every virtual machine by its id, at one moment: what may be asked all the time."""
        return web.json_response({"virtual": rfc7(self._world.clock.read()), "machines": inventory.power(self._world)})

    def _get_faults(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """The faults that wait or are at work."""
        return web.json_response(self._world.faults.all())

    def _post_faults(self, _: web.BaseRequest, content: bytes) -> web.Response:
        """Ask for a fault: `match` and `effect`."""
        return web.json_response({"id": self._world.faults.add(_json(content))})

    def _delete_faults(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """Forget every fault."""
        self._world.faults.clear()
        return web.Response(status=204)

    def _post_seed(self, _: web.BaseRequest, content: bytes) -> web.Response:
        """Add a seed to the estate; one that is refused changes nothing."""
        with self._world.guarded():
            added = seeds.load(self._world, content.decode("utf-8", "replace"), "seed")
        return web.json_response({"added": added})

    def _post_reset(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """Go back to the seed."""
        seeds.reset(self._world)
        return web.json_response({"resources": len(inventory.deletable(self._world))})

    def _get_estate(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """The estate as a seed that makes it anew (without secrets, operations and jobs)."""
        with context.at_time(self._world.run_due()):
            return web.json_response(exporting.seed_of(self._world))

    def _get_unknown(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """What was asked of ARM that this cloud does not have: method, type, how often, and an example."""
        return web.json_response(self._world.unknown.all())

    def _get_settings(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """Every setting with its value."""
        return web.json_response(self._world.change_settings({}))

    def _post_settings(self, _: web.BaseRequest, content: bytes) -> web.Response:
        """Change some settings."""
        return web.json_response(self._world.change_settings(settings.checked(_json(content))))

    def _post_keys(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """Let the tenant sign with a new key; the old one stays in its key set."""
        return web.json_response({"kid": self._world.identities.rotate()})

    def _get_clock(self, _: web.BaseRequest, __: bytes) -> web.Response:
        """Virtual and wall time, speed, throttling."""
        return web.json_response(self._clock())

    def _post_clock(self, _: web.BaseRequest, content: bytes) -> web.Response:
        """Change `speed`, `throttle_clock` or `throttling`, or jump by `advance_seconds`."""
        wanted = _json(content)
        known = {"speed", "advance_seconds", "throttle_clock", "throttling"}
        if not isinstance(wanted, dict) or not wanted or set(wanted) - known:
            message = f"clock: give an object with {', '.join(sorted(known))}"
            raise ControlError(message)
        speed = _number("speed", wanted.get("speed", 1))
        seconds = _number("advance_seconds", wanted.get("advance_seconds", 0))
        if wanted.get("throttle_clock", "wall") not in {"wall", "virtual"}:
            message = 'throttle_clock: give "wall" or "virtual"'
            raise ControlError(message)
        buckets = throttling.checked(wanted.get("throttling", {}))
        if "speed" in wanted:
            self._world.clock.speed = speed
        if "throttle_clock" in wanted:
            buckets["clock"] = wanted["throttle_clock"]
        if buckets:
            self._world.throttle.configure(**buckets)
        self._world.advance(seconds)
        return web.json_response(self._clock())

    def _clock(self) -> dict[str, Any]:
        return {
            "virtual": rfc7(self._world.clock.read()),
            "wall": rfc7(datetime.now(UTC)),
            "speed": self._world.clock.speed,
            "throttle_clock": self._world.throttle.settings["clock"],
            "throttling": self._world.throttle.settings,
        }


def _json(content: bytes) -> Any:
    try:
        return json.loads(content or b"null")
    except ValueError as problem:
        message = f"body: not JSON: {problem}"
        raise ControlError(message) from None
