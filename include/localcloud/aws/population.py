"""Who lives in the seeded AWS accounts: users, access keys and their history, decided by a seed alone.

The shapes are those that make audits go wrong: keys never used, used long ago, inactive, expired; users with none or
two; names that a type-inferring store takes for GUIDs, dates or numbers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from localcloud.aws.key_ids import RANDOM_BITS, key_id_of
from localcloud.aws.organizations_seed import denials, management_account, organization
from localcloud.model import OrganizationAccount, Seed, SeededKey, SeededUser, utc_moment, utc_text

AUDITOR = "keywatch-auditor"
"""The IAM user, in the first account, whose access key the audit starts from."""
ROLE = "KeywatchAudit"
"""The role that every account offers to the auditor."""
DEACTIVATION_ROLE = "KeywatchDeactivate"
"""The role that every account offers for the deactivation of access keys."""
OLDEST_DAYS = 2500
"""Age of the oldest access key, in days."""

REGIONS = ("us-east-1", "us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1", "us-west-2")
SERVICES = ("s3", "s3", "ec2", "sts", "dynamodb", "iam", "lambda", "sqs", "bedrock")
PATHS = ("/", "/", "/", "/engineering/platform/", "/finance/", "/service/ci/", "/x.y/@sales=emea,apac/")
SYSTEMS = ("billing", "backup", "ci", "crm", "edge", "etl", "grafana", "mail", "mobile", "payroll", "search", "web")
TASKS = ("archive", "build", "deploy", "export", "gateway", "import", "loader", "monitor", "report", "runner", "sync")
ODD_NAMES = (
    "8145d822-13a7-44ad-859c-36f31a84f6dd",
    "8145d82213a744ad859c36f31a84f6de",
    "8145D822-13A7-44AD-859C-36F31A84F6DF",
    "2024-01-02",
    "2024-01-02T03:04:05Z",
    "20240102",
    "1234567890",
    "3.14",
    "1e5",
    "true",
    "null",
    "schlüssel.größe",
    "prüfer@example.com",
    "密钥轮换",
    "Κλειδί",
    "ključ+žig",
    "cle\u0301",
    "svc=deploy,stage@eu-1",
    "x" * 64,
    "-",
)
"""Names of up to 64 characters; IAM's own set, [\\w+=,.@-], does not allow them all, so they bypass its checks."""
ODD_TAGS = (
    {"owner": "Prüfstelle <schlüssel@example.com>"},
    {"cost centre": "= 4711 / 0815", "empty": ""},
    {"aws-tool:team": "platform+sre@eu"},
)


@dataclass(frozen=True)
class Population:
    """Everything that is seeded, as plain data.

    Attributes:
        now: the moment all ages count from.
        accounts: ids; the first is the auditor's own.
        users: of all accounts.
        keys: theirs.
        root_keys: how many access keys the root user of each account has.
        auditor_key_id: the access key that the audit starts from, if it has one.
        denied: the action that an account denies the audit, for those that do.
        organization: the accounts as members of an organisation; empty if they are in none.
    """

    now: datetime
    accounts: tuple[str, ...]
    users: tuple[SeededUser, ...]
    keys: tuple[SeededKey, ...]
    root_keys: dict[str, int]
    auditor_key_id: str | None
    denied: dict[str, str]
    organization: tuple[OrganizationAccount, ...]


def populate(seed: Seed, started: datetime) -> Population:
    """Decide who lives in the accounts.

    Args:
        seed: what to make.
        started: the reference moment if the seed names none.
    """
    now = (utc_moment(seed.now) if seed.now else started).astimezone(UTC).replace(microsecond=0)
    return _Maker(seed, now).population()


class _Maker:
    def __init__(self, seed: Seed, now: datetime) -> None:
        self.seed = seed
        self.now = now
        self.choose = random.Random(seed.number)  # noqa: S311 - repeatable on purpose; guards nothing
        self.accounts = tuple(self._account_id() for _ in range(seed.accounts))
        self.inhabited = self.accounts[: seed.accounts - seed.suspended - seed.closing]
        self.key_ids: set[str] = set()

    def population(self) -> Population:
        auditors = self._auditors()
        auditor_keys = [self._key(each, "Active", self.now - timedelta(days=399), 1) for each in auditors]
        others = self._users()
        users, keys = [*auditors, *others], [*auditor_keys, *self._keys(others)]
        keyed = management_account(self.accounts)
        roots = {account: int(self.seed.root_key and account == keyed) for account in self.accounts}
        key_id = auditor_keys[0].access_key_id if auditor_keys else None
        return Population(
            now=self.now,
            accounts=self.accounts,
            users=tuple(users),
            keys=tuple(keys),
            root_keys=roots,
            auditor_key_id=key_id,
            denied=denials(self.seed, self.accounts),
            organization=organization(self.seed, self.accounts, self.now),
        )

    def _auditors(self) -> list[SeededUser]:
        if not self.seed.auditor_key:
            return []
        return [self._user(self.accounts[0], AUDITOR, "/", self.now - timedelta(days=400))]

    def _account_id(self) -> str:
        return str(self.choose.randrange(10**11, 10**12))

    def _users(self) -> list[SeededUser]:
        names = self._names(self.seed.users - int(self.seed.auditor_key))
        users = []
        for position, name in enumerate(names):
            account = self.inhabited[(position + 1) % len(self.inhabited)]
            created = self.now - timedelta(
                days=self.choose.randrange(OLDEST_DAYS), seconds=self.choose.randrange(86_400)
            )
            users.append(self._user(account, name, self.choose.choice(PATHS), created))
        return users

    def _names(self, wanted: int) -> list[str]:
        names = list(ODD_NAMES[: wanted // 2]) if self.seed.odd_names else []
        while len(names) < wanted:
            name = f"{self.choose.choice(SYSTEMS)}-{self.choose.choice(TASKS)}"
            names.append(name if name not in names else f"{name}{len(names)}")
        self.choose.shuffle(names)
        return names

    def _user(self, account: str, name: str, path: str, created: datetime) -> SeededUser:
        tags = self.choose.choice(ODD_TAGS) if self.choose.random() < 0.1 else {}  # noqa: PLR2004
        arn = f"arn:aws:iam::{account}:user{path}{name}"
        return SeededUser(account, name, path, arn, utc_text(created), dict(tags))

    def _keys(self, users: list[SeededUser]) -> list[SeededKey]:
        counts = self._keys_for_each(len(users))
        return [self._any_key(user) for user, count in zip(users, counts, strict=True) for _ in range(count)]

    def _keys_for_each(self, users: int) -> list[int]:
        """Spread the wanted number of keys so that users with none, one and two all occur."""
        auditors = int(self.seed.auditor_key)
        wanted = max(0, round(self.seed.users * self.seed.keys_per_100_users / 100) - auditors)
        twos = min(users, max(wanted - users, 0) + users // 8)
        twos = min(twos, wanted // 2)
        ones = max(0, min(users - twos, wanted - 2 * twos))
        counts = [2] * twos + [1] * ones + [0] * (users - twos - ones)
        self.choose.shuffle(counts)
        return counts

    def _any_key(self, user: SeededUser) -> SeededKey:
        age_limit = (self.now - utc_moment(user.create_date)).total_seconds()
        created = self.now - timedelta(seconds=int(self.choose.random() * age_limit))
        status = self.choose.choices(("Active", "Inactive", "Expired"), weights=(75, 20, 5))[0]
        return self._key(user, status, created, self._idle_days((self.now - created).days))

    def _idle_days(self, age: int) -> int | None:
        history = self.choose.random()
        if history < 0.25:  # noqa: PLR2004
            return None
        if history < 0.6:  # noqa: PLR2004
            return self.choose.randrange(min(age, 30) + 1)
        return self.choose.randrange(age + 1)

    def _key(self, user: SeededUser, status: str, created: datetime, used_days_ago: int | None) -> SeededKey:
        last_used = self._last_use(created, used_days_ago)
        return SeededKey(
            account=user.account,
            user=user.name,
            path=user.path,
            user_arn=user.arn,
            access_key_id=self._key_id(user.account),
            status=status,
            create_date=utc_text(created),
            last_used_date=utc_text(last_used) if last_used else None,
            last_used_region=self.choose.choice(REGIONS) if last_used else None,
            last_used_service=self.choose.choice(SERVICES) if last_used else None,
        )

    def _last_use(self, created: datetime, days_ago: int | None) -> datetime | None:
        if days_ago is None:
            return None
        used = self.now - timedelta(days=days_ago, seconds=self.choose.randrange(86_400))
        return max(used, created)

    def _key_id(self, account: str) -> str:
        while True:
            key_id = key_id_of(account, self.choose.getrandbits(RANDOM_BITS))
            if key_id not in self.key_ids:
                self.key_ids.add(key_id)
                return key_id
