"""The keys of a plan about the order of waves, tolerated failures, and how much happens at once."""

from __future__ import annotations

import pytest

from migration.errors import PlanFileError
from migration.plan_file import load_plan, parse_plan
from migration.schedule import Turn, fail_over, line_of
from migration.waves import all_before, dependencies, in_order, places_in
from tests.migration.plan_text import GOOD, problems_of

WAVES = """\
  - name: data
    after: [AD]
    vms: [{name: db-01}]
  - name: ad
    after: []
    vms: [{name: dc-01}]
"""
ORDERED = GOOD + WAVES


def test_each_wave_comes_after_what_it_names_or_the_one_before() -> None:
    """Names in any case; an empty list waits for none."""
    plan = parse_plan(ORDERED, "plan.yaml")
    assert [(), (2,), ()] == plan.wave_dependencies
    assert [0, 2, 1] == in_order(plan.wave_dependencies)
    assert [(), (0,), (1,)] == dependencies([("a", None), ("b", None), ("c", None)])
    assert [0, 1, 0b11] == all_before([(), (0,), (1,)])
    assert [0, 3] == list(places_in(0b1001))


# What is replaced in the plan, by what → line, field, message, fix.
MISTAKES = [
    pytest.param("[AD]", "[mail]", 27, "waves[1].after[0]", 'no wave "mail"', "name as in waves", id="unknown"),
    pytest.param("[AD]", "[firts]", 27, "waves[1].after[0]", 'no wave "firts"', "did you mean first?", id="typo"),
    pytest.param("[AD]", "[Data]", 27, "waves[1].after[0]", "comes after itself", "remove it", id="itself"),
    pytest.param("[AD]", "[ad, first, AD]", 27, "waves[1].after[2]", "twice in after, first in line", "", id="twice"),
    pytest.param("[]", "[data]", 27, "waves[1].after", "in a cycle: data after ad after data", "[]", id="cycle"),
    pytest.param("[]\n", "[data]\n", 27, "waves[1].after", "cycle", "take one of them out", id="cycle's fix"),
    pytest.param("    after: []\n", "", 27, "waves[1].after", "ad says no after, so it comes", "", id="silent cycle"),
    pytest.param("[AD]", "ad", 27, "waves[1].after", "should be a list", "a list", id="no list"),
    pytest.param("[AD]", "[1]", 27, "waves[1].after[0]", "should be text", '"1"', id="number"),
    pytest.param("[AD]", "[ad]\n    tolerated_failures_percent: 101", 28, "waves[1].tolerated_failures_percent",
                 "101 is too large", "100 or less", id="percent"),
    pytest.param("[AD]", "[ad]\n    concurrency: {cutover: 0}", 28, "waves[1].concurrency.cutover", "too small",
                 "1 or more", id="limit"),
    pytest.param("[AD]", "[ad]\n    concurrency: {}", 28, "waves[1].concurrency", "bounds nothing", "give replication",
                 id="no limit"),
    pytest.param("[AD]", "[ad]\n    concurrency: {per_vault: {cutover: 1}}", 28, "waves[1].concurrency.per_vault",
                 "no such key", "belongs under concurrency", id="limit in the wrong place"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "message", "fix"), MISTAKES)
def test_mistake_in_the_order_is_told_with_its_place(
    old: str, new: str, line: int, field: str, message: str, fix: str
) -> None:
    """Line, field, what is wrong, what would be right; a cycle is named."""
    assert old in WAVES
    [problem] = problems_of(GOOD + WAVES.replace(old, new, 1))
    assert (line, field) == (problem.line, problem.field)
    assert message in problem.message
    assert fix in problem.fix


def test_a_mistake_in_the_order_is_told_beside_others() -> None:
    """Whoever mends a plan wants all its mistakes at once."""
    found = problems_of(ORDERED.replace("7d", "soon").replace("[AD]", "[adds]"))
    assert ["approval.deadline", "waves[1].after[0]"] == [problem.field for problem in found]


def test_a_cycle_through_hundreds_is_told_in_a_line() -> None:
    """And found without looking twice."""
    rows = "".join(f"  - {{name: w{n}, after: [w{(n + 1) % 400}], vms: [{{name: v{n}}}]}}\n" for n in range(400))
    with pytest.raises(PlanFileError) as caught:
        parse_plan(GOOD + rows, "plan.yaml")
    [problem] = caught.value.problems
    assert "w0 after w1 after w2 after w3 after w4 after w5 after w6 after ... after w0" in problem.message


def test_a_plan_that_says_nothing_new_has_the_hash_that_it_always_had() -> None:
    """`start` of a plan that an earlier build began attaches; what is said counts."""
    known = {"contoso": "1202d0c4194b0228", "fabrikam": "e6e331b5afbd7bd0"}
    assert known == {name: load_plan(f"plans/{name}.yaml").content_hash for name in known}
    base = parse_plan(ORDERED, "plan.yaml")
    said = {
        "[AD]": "[first]",
        "after: []": "after: [first]",
        "after: [AD]": "tolerated_failures_percent: 5",
        "    after: []": "    after: []\n    concurrency: {cutover: 1}",
    }
    others = {parse_plan(ORDERED.replace(old, new), "plan.yaml").content_hash for old, new in said.items()}
    without = parse_plan(ORDERED.replace("    after: []\n", "").replace("[AD]", "[first]"), "plan.yaml").content_hash
    assert len(said) + 2 == len({base.content_hash, without, *others})


def test_waves_beside_each_other_fail_over_beside_each_other() -> None:
    """Each gate opens with the last of those before it; places are shared, and a wave's own limit holds."""
    of = ("plan", "wave 2")
    both = [Turn("c", 0, 5, parts=of), Turn("d", 0, 5, parts=of)]
    waves = [[Turn("a", 10, 5, parts=of[:1])], [Turn("b", 0, 30, parts=of[:1])], both, [Turn("e", 0, 5, parts=of[:1])]]
    ends, gates = fail_over(waves, ((), (), (0,), (1, 2)), {"plan": 9, "wave 2": 1})
    assert {"a": 15, "b": 30, "c": 20, "d": 25, "e": 35} == ends
    assert [0, 0, 15, 30] == gates
    ends, gates = fail_over(waves, line_of(4), {"plan": 9})
    assert ({"a": 15, "b": 45, "c": 50, "d": 50, "e": 55}, [0, 15, 45, 50]) == (ends, gates)


def test_who_finds_its_vault_full_is_passed() -> None:
    """The place of the plan that it would have is another vault's; what fails over already has places, too."""
    full = [Turn(name, 0, 10, parts=("plan", "vault a")) for name in "abc"]
    other = [Turn(name, 1, 10, parts=("plan", "vault b")) for name in "de"]
    ends, _ = fail_over([[*full, *other]], [()], {"plan": 2, "vault a": 1}, [(4.0, ("plan", "vault a"))])
    assert {"d": 11, "a": 14, "e": 21, "b": 24, "c": 34} == ends


def test_a_wave_whose_machines_are_all_through_lets_the_next_go_once_those_before_are() -> None:
    """A gate is as late as all before it, through others too; who waits for a person delays nobody."""
    waves = [[Turn("a", 0, 50)], [Turn("b", through=0)], [Turn("c", 0, 5)], [Turn("p", through=99, gates=False)]]
    ends, gates = fail_over(waves, ((), (0,), (1, 3), ()), {"plan": 2})
    assert (55, [0, 50, 50, 0]) == (ends["c"], gates)
