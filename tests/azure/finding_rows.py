"""Findings, deactivations and owners over some days: the records that are sent, and what each query has to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.azure.four_ways import Row, Sent, answered

EVENING: Final = datetime.now(UTC).replace(hour=14, minute=30, second=0, microsecond=0) - timedelta(days=1)
MORNING: Final = EVENING - timedelta(hours=12)
BEFORE: Final = MORNING - timedelta(days=1)
TWO_BEFORE: Final = MORNING - timedelta(days=2)
LONG_AGO: Final = MORNING - timedelta(days=40)
AFTER_THAT: Final = LONG_AGO + timedelta(days=1)

GUID: Final = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
"""Somebody whom a system knows by such an id: the Data Collector gives it another column."""
ACCOUNT: Final = "111111111111"
COMMON: Final = {"account_number": ACCOUNT, "AccountName": "sandbox", "RunId": "manual"}


def text(moment: datetime) -> str:
    """Write a moment as records and answers have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def at(moment: datetime) -> Row:
    """Give the fields of a record's moment."""
    return {"loggedDate": moment.date().isoformat(), "SnapshotTime": text(moment)}


def of_user(name: str, key: int) -> Row:
    """Give the fields of a user's key."""
    return {"user": name, "UserArn": f"arn:aws:iam::{ACCOUNT}:user/{name}", "AccessKeyId": f"AKIA...{key:04}"}


ROOT: Final = {"user": "<root_account>", "UserArn": f"arn:aws:iam::{ACCOUNT}:root"}
RULES: Final[Mapping[str, Row]] = {
    "root": {"Rule": "root", "Kind": "root_key", "Severity": "critical", "Control": "CIS AWS 3.0.0 1.4"},
    "old": {"Rule": "old", "Kind": "older_than", "Severity": "high", "Control": "CIS AWS 3.0.0 1.14"},
    "unused": {"Rule": "unused", "Kind": "unused_for", "Severity": "medium", "Control": "CIS AWS 3.0.0 1.12"},
    "inactive": {"Rule": "inactive", "Kind": "inactive_for", "Severity": "low"},
}
BY_TABLE, BY_TAG, BY_PATTERN = (
    {"Owner": "team-a", "OwnerSource": "table"},
    {"Owner": GUID, "OwnerSource": "tag"},
    {"Owner": "team-c", "OwnerSource": "pattern"},
)
KEYS: Final[Mapping[str, Row]] = {
    "root": ROOT | RULES["root"],
    "old": of_user("deploy", 1) | RULES["old"] | BY_TAG | {"KeyAgeDays": 91, "Status": "Active"},
    "again": of_user("backup", 2) | RULES["unused"] | BY_TABLE | {"IdleDays": 50, "Status": "Active"},
    "beside": of_user("backup", 3) | RULES["unused"] | BY_PATTERN | {"IdleDays": 60, "Status": "Active"},
    "other": of_user("export", 4) | RULES["unused"] | {"IdleDays": 45, "Status": "Active"},
    "inactive": of_user(GUID, 5) | RULES["inactive"] | BY_TABLE | {"Status": "Inactive"},
    "solved": of_user("export", 6) | RULES["unused"] | {"IdleDays": 47, "Status": "Active"},
    "past": of_user("import", 7) | RULES["unused"] | {"IdleDays": 48, "Status": "Active"},
}
"""What each finding is about."""
FIRST: Final = {"root": TWO_BEFORE, "again": MORNING, "other": BEFORE, "past": LONG_AGO}
"""When a finding was first there, if not this morning."""


def finding(name: str, moment: datetime, state: str = "open", **fields: object) -> Row:
    """Give the record of a finding by its name."""
    ids = {"KeyId": f"k-{name}", "FindingId": f"f-{name}", "RecordId": f"r-{name}-{state}-{moment.date()}"}
    moments = {"FirstFound": text(FIRST.get(name, MORNING)), "LastSeen": text(moment), **at(moment)}
    return COMMON | KEYS[name] | ids | moments | {"State": state, "Reason": f"{name} is found"} | fields


OPEN: Final = ("root", "old", "again", "beside", "other", "inactive")
"""The findings that are open in the end, as they are listed."""
FINDINGS: Final[Sequence[Sequence[Row]]] = [
    [finding("past", LONG_AGO)],
    [finding("past", AFTER_THAT, "resolved")],
    [finding("root", TWO_BEFORE), finding("again", TWO_BEFORE, FirstFound=text(TWO_BEFORE))],
    [
        finding("root", BEFORE),
        finding("other", BEFORE),
        finding("again", BEFORE, "resolved", FirstFound=text(TWO_BEFORE)),
    ],
    [*(finding(name, MORNING) for name in OPEN), finding("solved", MORNING)],
    [
        *(finding(name, EVENING, Reason=f"{name} is found in the evening") for name in OPEN if name != "beside"),
        finding("beside", EVENING, Owner="team-b"),
        finding("solved", EVENING, "resolved"),
    ],
    # Late, and twice.
    [finding("old", MORNING), finding("solved", MORNING), finding("root", BEFORE)],
]
"""What each findings run sent, in order of arrival."""
KEPT_FINDINGS: Final = [*FINDINGS[0], *FINDINGS[1], *FINDINGS[2], *FINDINGS[3], FINDINGS[4][-1], *FINDINGS[5]]
"""The records that count: of each finding the last of each day that says that it is open, and that it is not."""


def deactivation(key: int, moment: datetime, decision: str, result: str, **fields: object) -> Row:
    """Give the record of one key of a proposal."""
    ids = {"KeyId": f"k{key}", "RecordId": f"r{key}-{decision}", "Proposal": "8" * 64, "Rule": "unused"}
    told = {"DryRun": False, "Decision": decision, "Result": result}
    return COMMON | of_user("deploy", key) | ids | at(moment) | told | fields


BY_SOMEBODY: Final = {"DecidedBy": "reviewer", "DecidedById": GUID, "DecidedTime": text(MORNING)}
DEACTIVATIONS: Final[Sequence[Sequence[Row]]] = [
    [deactivation(1, TWO_BEFORE, "timed_out", "not_attempted", Reason="nobody has decided")],
    [
        deactivation(2, EVENING, "approved", "failed", **BY_SOMEBODY, Reason="AWS did not answer"),
        deactivation(3, MORNING, "approved", "would_deactivate", **BY_SOMEBODY, DryRun=True, Owner=GUID),
    ],
    [deactivation(2, EVENING, "approved", "deactivated", **BY_SOMEBODY, Owner="team-a")],
]
"""What was sent of deactivations, in order of arrival; of one key a second time, when it was tried again."""
KEPT_DEACTIVATIONS: Final = [*DEACTIVATIONS[0], DEACTIVATIONS[1][1], *DEACTIVATIONS[2]]


def key(number: int, age: int | None, who: Row, **fields: object) -> Row:
    """Give the record of a key of this evening."""
    ids = {"KeyId": f"k{number}", "RecordId": f"r{number}", "LastUsedSource": "exact", "Status": "Active"}
    made = {} if age is None else {"KeyAgeDays": age, "CreateDate": text(EVENING - timedelta(days=age))}
    return COMMON | who | ids | at(EVENING) | made | fields


REPORT: Final = [
    key(1, 100, of_user("deploy", 1), **BY_TAG),
    key(2, 200, of_user("backup", 2), **BY_TABLE),
    key(3, 10, of_user("export", 4)),
    key(4, 300, of_user("export", 6)),
    key(5, None, ROOT),
]
AUDIT: Final = (
    COMMON | at(EVENING) | {"Status": "ok", "UserCount": 3, "KeyCount": 5, "RejectedCount": 0, "RecordId": "a"}
)
OF_DOCTOR: Final = {
    **at(EVENING + timedelta(days=1)),
    "account_number": "000000000000",
    "Status": "test",
    "UserCount": 0,
    "KeyCount": 0,
    "RejectedCount": 0,
    "RecordId": "b",
    "RunId": "doctor",
}
"""What the doctor sends to see that rows arrive: it is of no account, and no key gets older by it."""

SENT: Final[Sent] = {
    "keys": [REPORT],
    "audit": [[AUDIT], [OF_DOCTOR]],
    "findings": FINDINGS,
    "deactivations": DEACTIVATIONS,
}


KEY: Final = ("AccessKeyId_s", "account_number_s", "AccountName_s", "user_s")
DECIDED: Final = ("Decision_s", "DecidedBy_s", "DecidedById_s", "DecidedTime_t")
DEACTIVATION_COLUMNS: Final = (
    "SnapshotTime_t",
    *DECIDED,
    *("Result_s", "Reason_s", "DryRun_b"),
    *KEY,
    *("Owner_s", "Rule_s", "Proposal_s"),
)
KEY_COLUMNS: Final = ("KeyAgeDays_d", "IdleDays_d", "Status_s", *KEY)


def _findings(*, resolved: bool = False) -> list[Row]:
    """Give the current ones, or those that were resolved, as the lists have them."""
    shared = ("Severity_s", "Rule_s", "Reason_s", *KEY, "Owner_s", "FirstFound_t")
    if resolved:
        records = [
            finding("solved", EVENING, "resolved"),
            finding("again", BEFORE, "resolved", FirstFound=text(TWO_BEFORE)),
        ]
        return [{"Resolved_t": each["SnapshotTime"]} | answered("findings", each, *shared) for each in records]
    last = {each["FindingId"]: each for each in KEPT_FINDINGS}
    names = (*shared, "Control_s", "Status_s", "LastSeen_t", "SnapshotTime_t")
    return [answered("findings", last[f"f-{name}"], *names) for name in OPEN]


def _by_rule(rule: str, keys: int, users: int, oldest: datetime) -> Row:
    names = ("Rule_s", "Kind_s", "Severity_s", "Control_s")
    known = answered("findings", RULES[rule], *names)
    return known | {"Keys": keys, "Users": users, "OldestFound_t": text(oldest)}


def _counts(critical: int, high: int, medium: int, low: int) -> Row:
    return {"Critical": critical, "High": high, "Medium": medium, "Low": low}


def _of_day(moment: datetime, *counts: int) -> Row:
    return {"Day": text(moment.replace(hour=0, minute=0)), **_counts(*counts)}


FINDING_ANSWERS: Final[Mapping[str, list[Row]]] = {
    "findings": _findings(),
    "findings_by_rule": [
        _by_rule("root", 1, 1, TWO_BEFORE),
        _by_rule("old", 1, 1, MORNING),
        _by_rule("unused", 3, 2, BEFORE),
        _by_rule("inactive", 1, 1, MORNING),
    ],
    "findings_by_owner": [
        {"Owner": "nobody", "Findings": 2, **_counts(1, 0, 1, 0)},
        {"Owner": GUID, "Findings": 1, **_counts(0, 1, 0, 0)},
        {"Owner": "team-a", "Findings": 2, **_counts(0, 0, 1, 1)},
        {"Owner": "team-b", "Findings": 1, **_counts(0, 0, 1, 0)},
    ],
    "findings_by_day": [
        _of_day(LONG_AGO, 0, 0, 1, 0),
        _of_day(AFTER_THAT, 0, 0, 0, 0),
        _of_day(TWO_BEFORE, 1, 0, 1, 0),
        _of_day(BEFORE, 1, 0, 1, 0),
        _of_day(EVENING, 1, 1, 3, 1),
    ],
    "findings_resolved": _findings(resolved=True),
    "keys_without_owner": [answered("keys", REPORT[number], *KEY_COLUMNS) for number in (3, 2, 4)],
    "deactivations": [
        answered("deactivations", each, *DEACTIVATION_COLUMNS)
        for each in (KEPT_DEACTIVATIONS[2], KEPT_DEACTIVATIONS[1], KEPT_DEACTIVATIONS[0])
    ],
}
"""The rows of each query, in order."""
FUNCTION_ANSWERS: Final[Mapping[str, list[Row]]] = {
    "AccessKeyAudit": [answered("audit", AUDIT)],
    "CurrentAccounts": [answered("audit", AUDIT) | {"AsOf_t": text(EVENING), "WholeTime_t": text(EVENING)}],
    "AccessKeyFindings": [answered("findings", each) for each in KEPT_FINDINGS],
    "CurrentFindings": [
        answered("findings", each)
        for each in KEPT_FINDINGS
        if each["State"] == "open" and each["SnapshotTime"] == text(EVENING)
    ],
    "AccessKeyDeactivations": [answered("deactivations", each) for each in KEPT_DEACTIVATIONS],
    "AccessKeyReport": [answered("keys", each) for each in REPORT],
    "LatestAccessKeys": [answered("keys", each) for each in REPORT],
    "CurrentAccessKeys": [answered("keys", each) for each in REPORT],
}
"""The rows of each function by the columns of its table, in no order."""
