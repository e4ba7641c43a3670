"""The seeded accounts: repeatable, varied, and as large as asked for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud import Seed
from localcloud.aws.key_ids import RANDOM_BITS, account_in, key_id_of
from localcloud.aws.population import ODD_NAMES, Population, populate
from localcloud.model import utc_moment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def population() -> Population:
    """Give the default population."""
    return populate(Seed(), NOW)


def test_same_seed_makes_the_same(population: Population) -> None:
    """The same seed and moment make the same users and keys; another seed makes others."""
    assert population == populate(Seed(), NOW)
    assert population != populate(Seed(number=1), NOW)


def test_moment_can_be_fixed(population: Population) -> None:
    """A seed may name the moment that all ages count from."""
    assert population == populate(Seed(now="2026-03-01T12:00:00Z"), NOW + timedelta(days=9))


def test_default_is_large_enough(population: Population) -> None:
    """The default seed makes three accounts, over 500 users and over 600 keys."""
    assert (len(population.accounts), len(population.users), len(population.keys)) == (3, 520, 650)


def test_every_shape_occurs(population: Population) -> None:
    """Keys of every status and history, and users with none, one and two keys, all occur."""
    owned = Counter(key.user_arn for key in population.keys)
    counts = Counter(owned.get(user.arn, 0) for user in population.users)
    ages = [(NOW - utc_moment(key.create_date)).days for key in population.keys]

    assert {0, 1, 2} == set(counts)
    assert min(counts.values()) >= 50
    assert {"Active", "Inactive", "Expired"} == {key.status for key in population.keys}
    assert 100 <= sum(key.last_used_date is None for key in population.keys) <= 300
    assert len({key.last_used_region for key in population.keys}) >= 6
    assert len({key.last_used_service for key in population.keys}) >= 8
    assert min(ages) <= 10
    assert max(ages) >= 2000
    assert set(ODD_NAMES) <= {user.name for user in population.users}
    assert any(user.tags for user in population.users)
    assert len({user.path for user in population.users}) >= 5
    assert list(population.root_keys.values()) == [0, 1, 0]


@given(
    seed=st.builds(
        Seed,
        number=st.integers(),
        accounts=st.integers(1, 4),
        users=st.integers(4, 60),
        keys_per_100_users=st.integers(0, 200),
        odd_names=st.booleans(),
    )
)
def test_any_seed_makes_possible_accounts(seed: Seed) -> None:
    """Whatever is asked for, ids are unique, dates are in order, and nobody has more than two keys."""
    population = populate(seed, NOW)
    ids = [key.access_key_id for key in population.keys]
    created = {user.arn: utc_moment(user.create_date) for user in population.users}

    assert seed.users == len(population.users) == len(created)
    assert len(set(ids)) == len(ids)
    assert all(len(each) == 20 and each.startswith("AKIA") for each in ids)
    assert max(Counter(key.user_arn for key in population.keys).values()) <= 2
    for key in population.keys:
        used = utc_moment(key.last_used_date) if key.last_used_date else NOW
        assert created[key.user_arn] <= utc_moment(key.create_date) <= used <= NOW


@pytest.mark.parametrize(
    "values",
    [
        {"accounts": 0},
        {"users": 2},
        {"keys_per_100_users": 201},
        {"denied": 3},
        {"denied": -1},
        {"suspended": 2},
        {"closing": 1, "accounts": 2},
        {"denied": 8, "suspended": 1, "closing": 1, "accounts": 10},
        {"suspended": 1, "organization": False},
        {"virtual_machines": -1},
        {"activity_events": -1},
    ],
)
def test_impossible_seed_is_refused(values: dict[str, Any]) -> None:
    """A seed is refused that lacks accounts or users for them, has too many keys, or accounts left over for a state."""
    with pytest.raises(ValueError, match=r"seed|keys"):
        Seed(**values)


@given(
    seed=st.builds(
        Seed,
        number=st.integers(),
        accounts=st.integers(10, 200),
        users=st.just(200),
        denied=st.integers(0, 3),
        suspended=st.integers(0, 3),
        closing=st.integers(0, 3),
    )
)
def test_any_organization_is_as_asked_for(seed: Seed) -> None:
    """However many accounts are of each state, the first two are active, and nobody is in those that none enters."""
    population = populate(seed, NOW)
    members = population.organization
    states = Counter(each.state for each in members)

    assert tuple(each.id for each in members) == population.accounts
    assert (states["SUSPENDED"], states["PENDING_CLOSURE"]) == (seed.suspended, seed.closing)
    assert [each.name for each in members[:2]] == ["security-audit", "management"]
    assert [members[0].state, members[1].state, members[0].denied] == ["ACTIVE", "ACTIVE", None]
    assert len({each.name for each in members}) == len({each.email for each in members}) == seed.accounts
    assert {user.account for user in population.users} == {each.id for each in members if each.state == "ACTIVE"}
    assert {each.id: each.denied for each in members if each.denied} == population.denied
    assert len(population.denied) == seed.denied


def test_states_change_no_random_choice() -> None:
    """Which accounts deny the audit, and whether there is an organisation, changes nothing of users and keys."""
    plain, denied = populate(Seed(), NOW), populate(Seed(denied=2), NOW)
    alone = populate(Seed(organization=False), NOW)

    assert (plain.accounts, plain.users, plain.keys) == (denied.accounts, denied.users, denied.keys)
    assert (plain.accounts, plain.users, plain.keys) == (alone.accounts, alone.users, alone.keys)
    assert alone.organization == ()


@given(account=st.integers(0, 10**12 - 1), number=st.integers(0, 2**RANDOM_BITS - 1))
def test_account_can_be_read_in_a_key_id(account: int, number: int) -> None:
    """The id of an access key tells its account."""
    assert account_in(key_id_of(f"{account:012d}", number)) == f"{account:012d}"


@pytest.mark.parametrize("key_id", ["", "AKIA", "AKIA" + "1" * 16, "AKIA" + "é" * 16, "A" * 21])
def test_other_ids_tell_no_account(key_id: str) -> None:
    """What is not made as ids of access keys are tells no account."""
    assert account_in(key_id) is None
