"""The planner: never above a limit, the same each time, stable, and no misfit where there is a way."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from migration import ids
from migration.placement import DISKS_BY_CHOICE, DISKS_OF_ACCOUNT, Load, Placement, Site, place

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


def site(name: str, *accounts: str, used: dict[str, int] | None = None, items: int = 0) -> Site:
    """Return a vault; *used*: disks of others, by account."""
    home = [ids.storage_account_id(SUBSCRIPTION, "vaults", account) for account in accounts]
    taken = {ids.id_key(account): (used or {}).get(name, 0) for account, name in zip(home, accounts, strict=True)}
    vault = ids.vault_id(SUBSCRIPTION, "vaults", name)
    return Site(vault, tuple(home), used=taken, source_region="westeurope", items=items)


def load(number: int, disks: int = 3, vault: int | None = None, **more: object) -> Load:
    """Return a machine."""
    return Load(f"vm-{number}", ids.id_key(f"/subscriptions/{SUBSCRIPTION}/vm-{number}"), disks, vault, **more)  # type: ignore[arg-type]


def filled(found: Placement, loads: list[Load]) -> dict[tuple[int, int], int]:
    """Return how many disks go through each account of each vault."""
    disks: dict[tuple[int, int], int] = {}
    for one in loads:
        spot = found.places[one.name]
        disks[spot.vault, spot.account] = disks.get((spot.vault, spot.account), 0) + one.disks
    return disks


@given(st.lists(st.integers(1, 65), max_size=300), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_accounts_of_ours_are_as_many_as_the_disks_need(disks: list[int], vaults: int) -> None:
    """None is filled above what we choose, numbers have no gap, and vaults differ by few machines."""
    loads = [load(n, count) for n, count in enumerate(disks)]
    found = place(loads, [site(f"v{n}") for n in range(vaults)])
    assert () == found.misfits
    through = filled(found, loads)
    assert all(amount <= DISKS_BY_CHOICE for amount in through.values())
    for vault in range(vaults):
        numbers = sorted(account for n, account in through if n == vault)
        assert list(range(len(numbers))) == numbers
        most = -(-sum(one.disks for one in loads if found.places[one.name].vault == vault) // (DISKS_BY_CHOICE - 64))
        assert len(numbers) <= most
    machines = [sum(spot.vault == n for spot in found.places.values()) for n in range(vaults)]
    assert max(machines) <= -(-len(loads) // vaults) + len(loads) // 20


@given(st.lists(st.sampled_from([1, 200, 250, 300, 375, 400, 500]), max_size=6), st.integers(1, 3), st.integers(0, 600))
@settings(max_examples=150, deadline=None)
def test_a_misfit_is_told_exactly_where_there_is_no_way(disks: list[int], accounts: int, used: int) -> None:
    """With accounts that the plan names, a few machines find places if and only if any assignment is within limits."""
    names = [f"cache{n}" for n in range(accounts)]
    loads = [load(n, count) for n, count in enumerate(disks)]
    sites = [site("a", *names[:1], used={"cache0": used})] + ([site("b", *names[1:])] if accounts > 1 else [])
    room = [DISKS_OF_ACCOUNT - used, *[DISKS_OF_ACCOUNT] * (accounts - 1)]
    ways = product(range(accounts), repeat=len(loads))
    possible = any(
        all(sum(d for d, to in zip(disks, way, strict=True) if to == n) <= room[n] for n in range(accounts))
        for way in ways
    )
    found = place(loads, sites)
    assert possible == (not found.misfits)
    assert {one.name for one in loads} == set(found.places)
    if possible:
        flat = {(0, 0): 0, **{(1, n): n + 1 for n in range(accounts - 1)}}
        assert all(amount <= room[flat[spot]] for spot, amount in filled(found, loads).items())


@given(st.permutations(range(40)), st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_places_do_not_depend_on_the_order(order: list[int], vaults: int) -> None:
    """A machine keeps its vault wherever it stands in the plan."""
    sites = [site(f"v{n}") for n in range(vaults)]
    straight, mixed = place([load(n) for n in range(40)], sites), place([load(n) for n in order], sites)
    assert {n: spot.vault for n, spot in straight.places.items()} == {n: s.vault for n, s in mixed.places.items()}


def test_one_machine_more_moves_hardly_any() -> None:
    """Wherever it stands in the plan, at most one other goes elsewhere, to keep the vaults even."""
    sites = [site("a"), site("b"), site("c")]
    moved = []
    for number in range(3, 120):
        loads = [load(n) for n in range(number)]
        before, after = place(loads, sites), place([load(number), *loads], sites)
        moved.append(sum(before.places[one.name].vault != after.places[one.name].vault for one in loads))
    assert max(moved) <= 2
    assert sum(moved) / len(moved) < 0.4


def test_what_is_bound_stays_and_counts() -> None:
    """A machine goes where the plan or its protection has it; others make up for it, and groups stay together."""
    sites = [site("a", items=10), site("b")]
    loads = [load(0, vault=0), *(load(n, group="shop" if n < 5 else "") for n in range(1, 9))]
    found = place(loads, sites).places
    assert 0 == found["vm-0"].vault
    assert 1 == len({found[f"vm-{n}"].vault for n in range(1, 5)})
    assert {1} == {found[f"vm-{n}"].vault for n in range(1, 9)}


def test_a_network_that_goes_two_ways_goes_by_two_vaults() -> None:
    """Machines of one network with different target networks do not share a vault, where there is another."""
    sites = [site("a"), site("b")]
    loads = [load(n, networks=frozenset({("home", f"there-{n % 2}")})) for n in range(12)]
    found = place(loads, sites).places
    by_vault = [{n % 2 for n in range(12) if found[f"vm-{n}"].vault == vault} for vault in (0, 1)]
    assert [1, 1] == [len(ways) for ways in by_vault]


def test_a_misfit_tells_numbers_and_what_to_do() -> None:
    """What is bound to a vault that is too small is told of that vault."""
    loads = [load(n, 10, vault=0) for n in range(80)]
    (told,) = place(loads, [site("a", "cache0", used={"cache0": 50}), site("b")]).misfits
    assert 'vaults "a"' in told.subject
    expected = (
        "800 disks of 80 machines have to go by it, and 1 cache account with 750 disks each has room for 700 (50 are"
    )
    assert told.evidence.startswith(expected)
    assert told.remedy.startswith("name 1 cache account more")
    assert () == place(loads[:70], [site("a", "cache0", used={"cache0": 50}), site("b")]).misfits


def test_thousands_are_placed_within_a_second() -> None:
    """5,000 machines of three disks find places over five vaults with three named accounts each."""
    sites = [site(f"v{n}", *(f"cache{n}{a}" for a in range(5))) for n in range(5)]
    loads = [load(n) for n in range(5000)]
    found = place(loads, sites)
    assert () == found.misfits
    assert max(filled(found, loads).values()) <= DISKS_OF_ACCOUNT


def test_a_binding_goes_before_a_group() -> None:
    """Those of a group that are bound to two vaults go where they are bound; the rest follows the first of them."""
    loads = [load(0, vault=1, group="shop"), load(1, vault=0, group="shop"), load(2, group="shop")]
    found = place(loads, [site("a"), site("b")]).places
    assert [1, 0, 1] == [found[f"vm-{n}"].vault for n in range(3)]


def test_what_only_fits_tightly_is_found() -> None:
    """Where an even spread leaves one out: the largest first, and where that fails, too, all ways."""
    for disks in ([150, 70, 600, 130, 70, 680, 330, 220], [300, 260, 600, 260, 150, 190, 200, 290]):
        loads = [load(n, count) for n, count in enumerate(disks)]
        found = place(loads, [site("a", "cache0"), site("b", "cache1", "cache2")])
        assert () == found.misfits
        assert [DISKS_OF_ACCOUNT] * 3 == list(filled(found, loads).values())
