"""`clean`: what it asks, prints and returns, with a stand-in for what is found."""

from tests.console.conftest import CommandLine


async def test_nothing_goes_without_a_yes(starter: CommandLine) -> None:
    """Where nobody can be asked, the list is shown with proof, age and cost, and nothing is deleted."""
    path, name = starter.plan(["web-1", "moved-1"])
    answer = await starter("clean", path)
    listed = await starter("clean", path, "--json")

    assert answer.code == 2
    assert 'delete disks "web-1-os-ASRReplica"' in answer.err
    assert "in the run's ledger: replica disk, made 2026-03-01T10:02:00.1234567Z, 15.00 USD a month" in answer.err
    assert "not touched: " in answer.err
    assert 'stays: disks "moved-os"' in answer.err
    assert f"cleaning plan {name}: 1 resource would be deleted" in answer.err
    assert answer.out == ""
    assert (2, ["web-1"], []) == (listed.code, [one["vm"] for one in listed.json["leftovers"]], listed.json["deleted"])


async def test_yes_deletes_and_tells_what_stays(starter: CommandLine) -> None:
    """Exit code 0 when all went, 1 when something stayed, with the command to remove it by hand.

    What is no leftover is told apart, with what it costs a month.
    """
    gone = await starter("clean", starter.plan(["web-1", "moved-1"])[0], "--yes")
    path, name = starter.plan(["web-1", "stuck-1", "moved-1"])
    partly = await starter("clean", path, "--yes", "--json")

    assert (gone.code, partly.code) == (0, 1)
    assert 'deleted disks "web-1-os-ASRReplica"' in gone.out
    assert "cannot be proved ours; by hand, if it is yours: az x" in gone.out
    assert partly.json["plan"] == name
    assert [one.rsplit("/", 1)[-1] for one in partly.json["deleted"]] == ["web-1-os-ASRReplica"]
    assert [one["why"] for one in partly.json["left"]] == ["it is locked"]
    assert [one["cost"]["per_month"] for one in partly.json["leftovers"]] == [15.0, 15.0]
    assert partly.json["leftovers"][0]["cost"]["reckoned"] == "100 GiB * 0.15"
    assert "disk of a source that is switched off, 30.00 USD a month" in gone.out
    assert "what stays costs 30.00 USD a month, as far as sizes are known" in gone.out
    stays = [one for one in partly.json["untouched"] if one["on_purpose"]]
    assert [30.0] == [one["cost"]["per_month"] for one in stays]


async def test_nothing_left_needs_no_yes(starter: CommandLine) -> None:
    """Nothing to do is exit code 0."""
    answer = await starter("clean", starter.plan(["fast-1"])[0])
    assert (answer.code, answer.out) == (0, f"nothing of plan {answer.out.split()[3]} is left to clean\n")


async def test_a_running_plan_is_refused_and_azure_that_does_not_answer_is_told(starter: CommandLine) -> None:
    """1: refused, with the reason. 2: a name that Temporal does not know. 3: nobody answers."""
    refused = await starter("clean", starter.plan(["copying-1"])[0], "--yes")
    failing = await starter("clean", starter.plan(["failing-1"])[0], "--yes")
    unknown = await starter("clean", "never-was", "--yes")

    assert (refused.code, failing.code, unknown.code) == (1, 3, 2)
    assert "runs: cancel it" in refused.err
    assert "reading vaults: denied" in failing.err
    assert "give its plan file" in unknown.err


async def test_a_started_plan_may_be_named(starter: CommandLine) -> None:
    """Its last run knows the plan as it was given."""
    path, name = starter.plan(["fast-1"])
    assert (await starter("start", path, "--wait")).code == 0
    answer = await starter("clean", name, "--json")
    assert (answer.code, answer.json["plan"], answer.json["leftovers"]) == (0, name, [])
