"""What a rule may look at: one access key as it was last seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keywatch.access_keys.record import ROOT_USER


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One access key. Moments are UTC.

    Attributes:
        key_id: KeyId: the same key over the days.
        access_key_id: First and last four characters; None for root, whose ids no API shows.
        account_id: 12 digits.
        account_name: Its name in the organisation, if known.
        user_name: `<root_account>` for root.
        user_arn: Of the user, or of root.
        status: Active, Inactive or Expired, if known.
        created: None if no API tells.
        last_used: None if never.
        first_seen: When a report first saw it.
        last_seen: When a report last saw it.
        last_active: When a report last saw it active; None if none has.
        owner: Who answers for it; None if nobody is known.
        owner_source: `table`, `tag` or `pattern`: who says so.
    """

    key_id: str
    access_key_id: str | None
    account_id: str
    account_name: str | None
    user_name: str
    user_arn: str
    status: str | None
    created: datetime | None
    last_used: datetime | None
    first_seen: datetime
    last_seen: datetime
    last_active: datetime | None
    owner: str | None = None
    owner_source: str | None = None

    @classmethod
    def of_user(cls, key_id: str, account_id: str, user_name: str, user_arn: str, now: datetime) -> KeyFacts:
        """Make a key of which no more is known than whose it is, and that it is there now, UTC."""
        return cls(key_id, None, account_id, None, user_name, user_arn, None, None, None, now, now, None)

    @property
    def is_of_root(self) -> bool:
        """Tell whether it is the root user's."""
        return self.user_name == ROOT_USER

    @property
    def is_active(self) -> bool:
        """Tell whether it opens something."""
        return self.status == "Active"

    def age_days(self, as_of: datetime) -> int | None:
        """Count whole days since it was made; None if that is not known."""
        return whole_days(self.created, as_of)

    def idle_days(self, as_of: datetime) -> int | None:
        """Count whole days since it was last used; None if never."""
        return whole_days(self.last_used, as_of)


def whole_days(since: datetime | None, until: datetime) -> int | None:
    """Count whole days, never below 0; None if it is not known since when."""
    return None if since is None else max(0, (until - since).days)
