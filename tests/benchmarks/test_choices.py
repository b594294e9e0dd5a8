"""What `make bench` may be asked for."""

from collections import Counter

import pytest

from benchmarks.__main__ import main
from benchmarks.choices import ChoiceError, Choices, parse
from benchmarks.ours import worker_settings
from benchmarks.run import CONCURRENT, OURS, Spec
from benchmarks.schedule import HEAD_START_SECONDS, parts_of, sequential
from runtime.settings import Settings


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--size", "0"], "SIZE=0: give a whole number of virtual machines from 1 to 3,000"),
        (["--size", "abc"], "SIZE=abc: give a whole number of virtual machines from 1 to 3,000"),
        (["--size", ""], "SIZE=: give a whole number of virtual machines from 1 to 3,000"),
        (["--size", "3001"], "SIZE=3001: give a whole number of virtual machines from 1 to 3,000"),
        (["--rounds", "0"], "ROUNDS=0: give a whole number of rounds from 1 to 50"),
        (["--faulty", "-1"], "FAULTY=-1: give a whole number of machines of a hundred from 0 to 100"),
        (["--speed", "nan"], "SPEED=nan: give a number from 1 to 3,600, how many of Azure's seconds a second has"),
        (
            ["--only", "limits,all"],
            "ONLY=limits,all: give some of limits, faulty, free, growth, with commas between them",
        ),
        (["--recovery", "yes"], "RECOVERY=yes: give a whole number (0: no, 1: yes) from 0 to 1"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, nothing else on the screen, and nothing started."""
    with pytest.raises(ChoiceError, match=f"^{told.replace('(', '[(]').replace(')', '[)]')}$"):
        parse(options)

    assert 2 == main(options)
    assert ("", f"make bench: {told}\n") == capsys.readouterr()


def test_defaults() -> None:
    """Fifty machines in five rounds, each by both, within fifteen minutes; the sequential script moves twenty."""
    choices = parse([])
    parts = parts_of(choices)
    fleets = [(spec.program, spec.speed) for part in parts for spec in part.specs if spec.what_for == "fleet"]
    singles = [spec for part in parts for spec in part.specs if spec.what_for == "one"]

    assert (50, 5, 0) == (choices.size, choices.rounds, choices.faulty)
    assert {(OURS, fleets[0][1]): 5, (CONCURRENT, fleets[0][1]): 5} == Counter(fleets)
    assert [OURS, CONCURRENT] * 5 == [one.program for one in sorted(singles, key=lambda one: one.start_after)]
    assert sum(part.seconds for part in parts) < 14 * 60
    assert (beside := sequential(choices)) is not None
    assert 20 == beside.size
    assert {spec.limits for part in parts for spec in part.specs} == {False}


def test_a_thousand_runs_once_under_the_limits_and_once_with_machines_in_trouble() -> None:
    """And without limits, and through the sizes at which pools of a hundred end."""
    specs = [spec for part in parts_of(parse(["--size", "1000"])) for spec in part.specs]

    assert [(CONCURRENT, 0), (OURS, 0), (OURS, 5)] == [(one.program, one.faulty_percent) for one in specs if one.limits]
    assert {1, 10, 100, 101, 1000} == {one.size for one in specs if one.program == OURS and not one.limits}


def test_workers_are_set_as_deployed_for_a_cloud_that_is_so_fast() -> None:
    """What waits by the wall is scaled; limits that ARM does not set bind nobody."""
    deployed = Settings()
    bound = Settings.from_mapping(worker_settings(Spec(OURS, 1, 4.0, 5, limits=True)))
    free = Settings.from_mapping(worker_settings(Spec(OURS, 1, 240.0, 5)))

    assert deployed.poll_floor_seconds == 4 * bound.poll_floor_seconds
    assert deployed.arm_reads_per_second == bound.arm_reads_per_second / 4
    assert deployed.arm_writes_per_second == bound.arm_writes_per_second / 4
    assert deployed.progress_seconds == 240 * free.progress_seconds
    assert free.arm_reads_per_second > 25 * 240


@pytest.mark.parametrize("size", [1, 50, 100, 101, 1_000, 3_000])
@pytest.mark.parametrize("limits", [False, True])
def test_the_engine_gets_time(size: int, *, limits: bool) -> None:
    """The cloud never runs so fast that more machines end in a second than the engine can serve, nor too slow to be."""
    pace = Choices(size).pace(size, limits=limits)

    assert pace.speed >= 1
    assert pace.seconds >= max(60, 1.9 * size / 2)


def test_a_speed_that_is_asked_for_is_the_speed() -> None:
    """Half of a tenth counts as well."""
    assert 1.25 == parse(["--size", "1000", "--speed", "1.25"]).pace(1_000, limits=True).speed


def test_large_fleets_move_one_after_the_other() -> None:
    """Two at once are more than the processors can serve: the engine would be what both wait for."""
    parts = parts_of(Choices(1_000, rounds=1, faulty=5, parts=("limits", "faulty")))

    begins = [[(one.program, one.faulty_percent, one.start_after) for one in part.specs] for part in parts]
    assert [[(CONCURRENT, 0, 0.0), (OURS, 0, HEAD_START_SECONDS)], [(OURS, 5, 0.0)]] == begins
