"""Estimates: ranges that hold what happened, widen with what is not known, and give reasons where there is none."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from migration.estimate.prices import load_prices
from migration.eta import expected
from migration.eta.course import LEAST_PATIENCE_SECONDS, Course, patience
from migration.eta.expected import steps
from migration.eta.fleet import Place, place_of, timetable
from migration.eta.outlook import outlook, pace
from migration.eta.reckoning import estimate, in_moments, in_words, ranged
from migration.eta.values import Estimate, Outlook, Share, WavePlace
from migration.models import Progress
from migration.phases import Phase
from migration.report import PhaseSpan
from migration.times import utc_text

PRICES = Path(__file__).parents[2] / "plans" / "prices.yaml"
BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
GIB = 100


def at(seconds: float) -> datetime:
    """Return a moment of the move."""
    return BEGAN + timedelta(seconds=seconds)


def spans(*entered: tuple[Phase, float]) -> list[PhaseSpan]:
    """Return the phases of a move, each entered at so many seconds; the last one runs."""
    ends = [utc_text(at(begun)) for _, begun in entered[1:]]
    return [
        PhaseSpan(name=name, started=utc_text(at(begun)), ended=end)
        for (name, begun), end in zip(entered, [*ends, None], strict=True)
    ]


def ahead(*entered: tuple[Phase, float], gib: float | None = GIB, **more: Any) -> Outlook:
    """Return what lies ahead of a move that has come so far."""
    found = outlook(steps(gib, disks=2), spans(*entered), **more)
    assert found is not None
    return found


STEADY = tuple((percent / 100, percent) for percent in range(100))
CHECKED = ((Phase.CHECKING, 0), (Phase.ENABLING, 60))
COPYING = (*CHECKED, (Phase.REPLICATING, 960))


def test_a_run_reckons_with_what_plan_reckons_with() -> None:
    """The figures of an unedited prices file are those of a run."""
    assumed = load_prices(PRICES).assumptions
    told = {name: getattr(assumed, f"{name}_minutes") for name in expected.MINUTES}
    assert expected.MINUTES == {name: (one.best, one.worst) for name, one in told.items()}
    rate, used, disk = assumed.copy_mib_per_second, assumed.used_percent, assumed.disk_seconds
    assert expected.COPY_MIB_PER_SECOND == (rate.best, rate.worst)
    assert expected.USED_PERCENT == (used.best, used.worst)
    assert expected.DISK_SECONDS == (disk.best, disk.worst)


def test_a_range_shrinks_with_time_and_is_told_no_finer_than_it_is_known() -> None:
    """What has passed is not counted again; a far end is told in quarters of an hour, a near one in seconds."""
    early, later = (estimate(ahead(*COPYING), at(960 + gone)) for gone in (0, 900))
    assert early.low_seconds is not None
    assert early.high_seconds is not None
    assert later.high_seconds is not None
    assert ("approval", "plan", None) == (early.until, early.basis, early.stuck)
    assert later.high_seconds < early.high_seconds
    assert (0, 0) == (early.high_seconds % 900, early.low_seconds % 300)
    near = ranged("end", 31, 44, BEGAN)
    assert (30, 50, "2026-03-01T10:00:30Z", "2026-03-01T10:00:50Z") == (
        near.low_seconds,
        near.high_seconds,
        near.earliest,
        near.latest,
    )


@pytest.mark.parametrize("takes", [1500, 3000, 5000])
@pytest.mark.parametrize("ladder", [((0.3, 0),), ((0.08, 0), (0.5, 9)), ((0.08, 4), (0.28, 32), (0.68, 43)), STEADY])
def test_the_range_holds_the_end_whatever_site_recovery_shows(
    takes: float, ladder: tuple[tuple[float, int], ...]
) -> None:
    """Percentages as recordings have them, in plateaus that freeze below 100, never push the range beside the truth."""
    for share in (0.1, 0.35, 0.6, 0.9):
        percent = next((shown for begins, shown in reversed(ladder) if share >= begins), None)
        now = at(960 + takes * share)
        told = estimate(ahead(*COPYING), now, Progress(percent=percent))
        assert told.low_seconds is not None
        assert told.high_seconds is not None
        rest = takes * (1 - share) + 120 + 600 + 60
        assert told.low_seconds <= rest <= told.high_seconds, (share, told)
        assert ("progress" if percent else "plan") == told.basis


def test_the_steps_before_set_the_pace_when_they_are_far_from_the_plan() -> None:
    """A cloud a hundred times as quick is told as such; one within reason changes nothing."""
    quick = spans((Phase.ENABLING, 0), (Phase.REPLICATING, 8))
    usual = spans((Phase.ENABLING, 0), (Phase.REPLICATING, 400))
    slow = spans((Phase.ENABLING, 0), (Phase.REPLICATING, 7200))
    known = steps(GIB)
    assert (8 / 1200, 8 / 480) == pace(known, quick)
    assert (1.0, 1.0) == pace(known, usual)
    assert (6.0, 15.0) == pace(known, slow)
    found = outlook(known, quick)
    assert found is not None
    told = estimate(found, at(8))
    assert told.high_seconds is not None
    assert told.high_seconds < 400
    assert "pace" == told.basis


def test_unknown_is_said_with_its_reason() -> None:
    """Disks that nobody has read, a step far beyond its worst case, and all that stands still have no end."""
    unread = estimate(ahead((Phase.CHECKING, 0), gib=None), at(1))
    assert (None, None) == (unread.high_seconds, unread.latest)
    assert "the size of its disks is not read yet" == unread.reason
    assert in_words(unread).startswith("unknown, at least ")
    late = estimate(ahead(*CHECKED), at(60 + 3600))
    assert "late" == late.stuck
    assert "enabling has taken 1 h, where at most 20 min 5 s were expected" == late.reason
    halted = Progress(percent=9, stuck="no_progress", reason="no progress for 90 min: it stays at 9 %")
    told = estimate(ahead(*COPYING), at(2000), halted)
    assert ("no_progress", halted.reason, None) == (told.stuck, told.reason, told.high_seconds)
    assert f"ready for approval: unknown: {halted.reason}" == in_moments(told)
    asked = estimate(ahead(*COPYING, stuck="person", reason="a quota is too small"), at(2000))
    assert "as long as a person takes: a quota is too small" == in_words(asked)


def test_the_queue_adds_to_a_range_that_is_still_told() -> None:
    """Who waits for its turn is told how long the rest takes, and that the turn comes on top."""
    waits = (*COPYING, (Phase.CONFIGURING, 3000), (Phase.WAITING_FOR_TURN, 3100))
    told = estimate(ahead(*waits, stuck="queue"), at(3200))
    assert ("queue", False) == (told.stuck, told.is_unknown)
    assert in_words(told).endswith(" and its turn")
    again = ahead(*waits, (Phase.CHECKING, 3300))
    assert Phase.FAILING_OVER == again.ahead[0].phase
    assert "cutting_over" == place_of("a", "one", again, at(3310)).stage


class TestCourse:
    def test_a_plateau_is_nothing_unusual_until_it_lasts(self) -> None:
        """No change is told after three quarters of the worst case, and taken back with the next change."""
        course = Course(patience(1000))
        seen = [course.see(moment, Progress(percent=9)).stuck for moment in (0, 300, 740, 760)]
        assert [None, None, None, "no_progress"] == seen
        assert "no progress for 13 min: it stays at 9 %" == course.see(770, Progress(percent=9)).reason
        assert course.see(780, Progress(percent=10)).stuck is None
        assert LEAST_PATIENCE_SECONDS == patience(1)

    def test_an_rpo_that_only_grows_is_told(self) -> None:
        """Three recovery points that do not come make the RPO rise; one that comes ends it."""
        course = Course()
        rising = [course.see(moment, Progress(percent=100, rpo_seconds=moment)) for moment in range(0, 1300, 100)]
        assert [None] * 9 == [one.stuck for one in rising[:9]]
        assert "rpo_rising" == rising[9].stuck
        assert "the RPO has been rising for 15 min, to 900 s" == rising[9].reason
        assert course.see(1400, Progress(percent=100, rpo_seconds=60)).stuck is None

    def test_a_health_error_is_told_at_once(self) -> None:
        """What Site Recovery itself reports needs no patience."""
        told = Course().see(0, Progress(percent=9), ["Error 150139: the agent does not answer", "Error 2: b"])
        assert "health_error" == told.stuck
        assert "Site Recovery reports Error 150139: the agent does not answer (and 1 more)" == told.reason

    def test_the_workflow_hears_little(self) -> None:
        """It is told when something stands still or goes on, and four times at most how far it is."""
        course = Course(100)
        readings = [(second, second // 3) for second in range(300)]
        news = [course.is_news(course.see(moment, Progress(percent=percent))) for moment, percent in readings]
        assert 3 == sum(news)
        assert course.is_news(course.see(500, Progress(percent=99)))
        assert not course.is_news(course.see(501, Progress(percent=99)))
        job = Course(100, quarters=False)
        assert not any(job.is_news(job.see(moment, Progress(percent=moment))) for moment in range(100))
        assert job.is_news(job.see(250, Progress(percent=99)))


class TestTimetable:
    def places(self, *places: Place, replication: int = 10, cutover: int = 10) -> Any:
        """Return the timetable of these places."""
        return timetable(places, BEGAN, replication=replication, cutover=cutover)

    def test_waves_fail_over_one_after_the_other(self) -> None:
        """A later wave begins when the one before is verified; what waits for a person holds nobody up."""
        table = self.places(
            Place("a", "one", "ready", to_verified=(600, 1200)),
            Place("b", "one", "person", stuck="person", reason="approval"),
            Place("c", "two", "ready", to_verified=(600, 1200)),
            Place("d", "two", "new", to_ready=(3600, 7200), to_verified=(600, 1200), stuck="queue"),
        )
        assert (600, 1200) == (table.waves["one"].low_seconds, table.waves["one"].high_seconds)
        assert "besides, 1 waits for a person" == table.waves["one"].reason
        assert (1200, 2400) == (table.vms["c"].low_seconds, table.vms["c"].high_seconds)
        assert (3600, 9000) == (table.waves["two"].low_seconds, table.waves["two"].high_seconds)
        assert table.plan.high_seconds == table.waves["two"].high_seconds
        assert {"person": 1, "queue": 1} == table.plan.stands

    def test_permits_make_a_queue(self) -> None:
        """With two permits, five machines take three rounds; with one slot to copy, one after the other."""
        ready = [Place(f"vm-{n}", "one", "ready", to_verified=(600, 600), stuck="queue") for n in range(5)]
        assert 1800 == self.places(*ready, cutover=2).plan.low_seconds
        new = [Place(f"vm-{n}", "one", "new", (600, 600), (60, 60), stuck="queue") for n in range(3)]
        assert 1800 == self.places(*new, replication=1).plan.low_seconds

    def test_one_that_stands_still_leaves_its_wave_without_an_end(self) -> None:
        """The reason names it; later waves wait for it, and their machines have no end either."""
        table = self.places(
            Place("a", "one", "held", stuck="no_progress", reason="no progress for 2 h"),
            Place("b", "two", "ready", to_verified=(600, 1200), stuck="queue"),
        )
        assert (None, "a: no progress for 2 h") == (table.waves["one"].high_seconds, table.waves["one"].reason)
        assert table.vms["b"].is_unknown
        assert "no_progress" == table.plan.stuck

    def test_what_only_people_move_says_so(self) -> None:
        """All that is left waits for people: there is no range, and no pretence of one."""
        table = self.places(Place("a", "one", "person", stuck="person"), Place("b", "one", "ended"))
        assert Estimate(until="end", stuck="person", reason="1 waits for a person", stands={"person": 1}) == table.plan
        assert self.places(Place("b", "one", "ended")).plan is None

    def test_waves_beside_each_other_and_limits_of_their_own(self) -> None:
        """Each gate is as late as the waves before it; a wave's own limit makes a queue in it alone."""
        waves = {
            "one": WavePlace(),
            "two": WavePlace(cutover=1),
            "three": WavePlace(after=["one"]),
            "four": WavePlace(replication=1),
        }
        places = [
            Place("a", "one", "ready", to_verified=(600, 1200)),
            *(Place(name, "two", "ready", to_verified=(600, 1200)) for name in "bc"),
            Place("d", "three", "ready", to_verified=(600, 1200)),
            *(Place(name, "four", "new", to_ready=(3600, 3600), to_verified=(600, 1200)) for name in "ef"),
        ]
        table = timetable(places, BEGAN, replication=10, cutover=10, waves=waves)
        seconds = {name: (end.low_seconds, end.high_seconds) for name, end in table.waves.items()}
        assert {"one": (600, 1200), "two": (1200, 2400), "three": (1200, 2400), "four": (7200, 9000)} == seconds

    def test_vaults_bound_their_own_alone(self) -> None:
        """A full vault's queue is as long as its own machines make it; those of another do not wait in it."""
        ready = [Place(name, "one", "ready", to_verified=(600, 600), stuck="queue") for name in "abcd"]
        new = [Place(name, "one", "new", (600, 600), (300, 300), stuck="queue") for name in "ef"]
        shares = [Share(replication=1, cutover=1, vms=["a", "b", "c", "e", "f"])]
        table = timetable([*ready, *new], BEGAN, replication=9, cutover=9, shares=shares)
        assert [600, 1200, 1800, 600] == [table.vms[name].low_seconds for name in "abcd"]
        assert 2400 == table.vms["f"].low_seconds

    def test_what_is_paused_has_no_end_nor_what_waits_for_it(self) -> None:
        """At best somebody lets it go on at once; others that do not wait for it keep their range, and its place."""
        told = "wave one is paused by olga"
        paused = Place("a", "one", "ready", to_verified=(600, 1200)).held(told)
        others = [Place(name, wave, "ready", to_verified=(600, 1200)) for name, wave in (("b", "two"), ("c", "three"))]
        waves = {"one": WavePlace(), "two": WavePlace(after=["one"]), "three": WavePlace()}
        table = timetable([paused, *others], BEGAN, replication=1, cutover=1, waves=waves)
        assert [("person", told), (None, "a wave before it stands still"), (None, "")] == [
            (table.waves[name].stuck, table.waves[name].reason) for name in waves
        ]
        assert [None, None, 1200] == [table.waves[name].high_seconds for name in waves]
        assert ("person", told, True) == (table.vms["a"].stuck, table.vms["a"].reason, table.vms["a"].is_unknown)
        assert table.plan
        assert ("person", told) == (table.plan.stuck, table.plan.reason)

    def test_five_thousand_are_reckoned_quickly(self) -> None:
        """A plan of 5,000 in 50 waves costs no more than a glance."""
        many = [
            Place(f"vm-{n}", f"wave-{n // 100}", "new", (600, 7200), (300, 1200), stuck="queue") for n in range(5000)
        ]
        table = self.places(*many, replication=500, cutover=100)
        assert (50, 5000) == (len(table.waves), len(table.vms))
        assert table.plan.high_seconds > table.plan.low_seconds
