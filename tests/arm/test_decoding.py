"""Long answers are decoded as json does it, with the loop free in between."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm import reads
from arm.decoding import decoded

if TYPE_CHECKING:
    from arm.clients import AzureClients
    from tests.support.sim import Simulator

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.sampled_from([None, 1]))
def test_what_is_decoded_in_steps_is_what_json_says(value: Any, indent: int | None) -> None:
    """Whatever the document, and however it is spaced."""
    text = f" {json.dumps(value, indent=indent)}\n"

    assert value == asyncio.run(decoded(text, at_once=0, step_seconds=0))


@given(json_values, st.data())
def test_what_breaks_off_is_an_error(value: Any, data: st.DataObject) -> None:
    """Of a document of which the end is missing, or more follows, nothing is believed."""
    whole = json.dumps({"value": [value], "nextLink": None})
    text = whole[: data.draw(st.integers(1, len(whole) - 1))]

    for broken in (
        text,
        f"{whole},",
        "{1: 2}",
        '{"a" 1}',
        '{"a": 1,}',
        '{"a": [1,]}',
        '{"a": [1 2]}',
        '{"a": 1 "b": 2}',
    ):
        with pytest.raises(ValueError, match=r"."):
            asyncio.run(decoded(broken, at_once=0, step_seconds=0))


async def test_others_have_their_turn_while_a_listing_is_decoded() -> None:
    """A page of a thousand entries gives the loop away after each step, so that no heartbeat waits for its end."""
    text = json.dumps({"value": [{"id": str(number)} for number in range(1_000)], "nextLink": None})
    turns, done = 0, asyncio.Event()

    async def beat() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    page = await decoded(text, at_once=0, step_seconds=0)
    done.set()
    await beating

    assert 1_000 == len(page["value"])
    assert turns >= 1_000


async def test_a_broken_answer_is_read_again(
    sim: Simulator, azure: AzureClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of which the end is missing is read anew; a whole one is decoded once."""
    loads, seen = json.loads, list[str]()

    def noted(text: str | bytes, **rest: Any) -> Any:
        seen.append(str(text))
        return loads(text, **rest)

    monkeypatch.setattr("json.loads", noted)
    path = f"/subscriptions/{sim.subscription_id}/resourceGroups/decoded"
    sim.arm("PUT", path, {"location": "westeurope"}).raise_for_status()
    sim.fault({"kind": "truncate"}, method="GET", path="/resourcegroups/decoded$", times=1)

    group = await reads.read(azure, path)

    assert group is not None
    assert "decoded" == group["name"]
    assert 1 == len([text for text in seen if text.endswith("}") and '"decoded"' in text])
