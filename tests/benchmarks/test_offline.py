"""What the part of a check that asks nobody takes."""

from benchmarks.offline import check_offline


def test_memory_is_that_of_the_check_alone() -> None:
    """What the measuring process holds is not counted: after a fleet of a thousand that is some hundred MiB."""
    ballast = bytearray(b"x" * (300 * 2**20))

    found = check_offline()

    assert 5_000 == found["machines"]
    assert found["mib"] < 250
    assert ballast
