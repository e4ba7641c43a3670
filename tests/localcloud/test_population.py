"""The seeded accounts: repeatable, varied, and as large as asked for."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud import Seed
from localcloud.model import utc_moment
from localcloud.population import ODD_NAMES, Population, populate

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


@pytest.mark.parametrize("values", [{"accounts": 0}, {"users": 2}, {"keys_per_100_users": 201}])
def test_impossible_seed_is_refused(values: dict[str, Any]) -> None:
    """A seed without accounts, without a user for each, or with more than two keys each is refused."""
    with pytest.raises(ValueError, match=r"seed|keys"):
        Seed(**values)
