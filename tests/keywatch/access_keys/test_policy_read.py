"""A policy's text into a policy, or into a message that names each line."""

from __future__ import annotations

from datetime import date
from textwrap import dedent

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.policy.read import LARGEST, default_policy, read_policy
from keywatch.access_keys.policy.rules import KINDS, OlderThan
from keywatch.access_keys.policy.yaml_lines import read_yaml
from keywatch.errors import PolicyError
from tests.keywatch.judged import ASKING, policy_of

GOOD = """\
version: 1
rules:
  - id: old
    kind: older_than
    days: 90
    severity: high
"""


def refused(text: str | bytes) -> str:
    """Read a policy that is not usable, and give what is said about it."""
    data = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(PolicyError) as caught:
        read_policy(data, "policy.yaml")
    return str(caught.value)


def problems(text: str) -> list[str]:
    """Give the lines of what is said about a policy that is not usable, behind the first."""
    first, *rest = refused(text).splitlines()
    assert first == "policy.yaml is not usable. Correct it:"
    return rest


def test_default_policy_asks_nobody_for_anything() -> None:
    """The policy that comes along has a rule of every kind, and asks and excuses nobody."""
    policy = default_policy()

    assert [rule.kind for rule in policy.rules] == [kind.model_fields["kind"].annotation.__args__[0] for kind in KINDS]  # type: ignore[union-attr]
    assert policy.proposing == ()
    assert (policy.exceptions, policy.owners) == ((), ())
    assert policy.deactivation.assigned_users == ()
    assert policy.deactivation.dry_run is True
    assert list(policy.contradictions()) == []


def test_policy_with_everything_is_read() -> None:
    """Every part of a policy is read as it is written, and an approver may be named by id alone."""
    policy = policy_of("""
        version: 1
        rules:
          - {id: unused, kind: unused_for, days: 45, severity: high, deactivate: propose, control: KEYS-1}
          - {id: two, kind: two_active_keys, severity: low}
        exceptions:
          - accounts: [012345670123, 123456789012]
            users: ["ci-*"]
            rules: [unused]
            reason: They are of the archive.
            expires: 2027-03-31
        owners:
          - {users: [ci-*], owner: team@example.com}
        notify: {to: owners, severity: high}
        deactivation:
          dry_run: false
          most_keys: 20
          assigned_users: [approver, {id: "42", name: Approver of the night}]
    """)

    (exception,) = policy.exceptions
    assert exception.accounts == ("012345670123", "123456789012")
    assert exception.expires == date(2027, 3, 31)
    assert policy.rules[0].against == "KEYS-1"
    assert [rule.id for rule in policy.proposing] == ["unused"]
    assert policy.rule("two") is policy.rules[1]
    assert policy.rule("three") is None
    assert policy.owners[0].owner == "team@example.com"
    assert (policy.notify.to, policy.notify.severity) == ("owners", "high")
    assert [(user.id, user.name) for user in policy.deactivation.assigned_users] == [
        ("approver", "approver"),
        ("42", "Approver of the night"),
    ]


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("\n", "\r\n").encode()])
def test_policy_of_another_editor_is_read(data: bytes) -> None:
    """A byte order mark and line ends of Windows are fine."""
    assert read_policy(data, "policy.yaml") == read_policy(GOOD.encode(), "policy.yaml")


WHOLE = "it takes a whole number, without quotation marks"
KEY_ID_IN_WORDS = "a KeyId is k and 26 letters and digits, as KeyId_s has it"
KIND_NAMES = ("older_than", "unused_for", "never_used", "two_active_keys", "root_key", "inactive_for")
RULE = GOOD.partition("rules:\n")[2]
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "missing version": ("rules: []", ["- line 1: version is missing"]),
    "another version": ("version: 2\nrules: []", ["- line 1: version: it has to be 1"]),
    "version that is a truth": (
        "version: true\nrules: []",
        ["- line 1: version: it takes a whole number, without quotation marks"],
    ),
    "no fields": ("- 1", ["- line 1: fields with values are expected here, such as version: 1"]),
    "a text": ("policy", ["- line 1: fields with values are expected here, such as version: 1"]),
    "rules that are no list": ("version: 1\nrules: {}", ["- line 2: rules: a list is expected here, such as [a, b]"]),
    "a rule that is no fields": (
        "version: 1\nrules:\n  - older_than",
        ["- line 3: rules[0]: fields with values are expected here, not one value"],
    ),
    "unknown field": (
        f"version: 1\nrulez: []\nrules:\n{RULE}",
        ["- line 2: rulez: there is no such field; did you mean rules?"],
    ),
    "field like none": (f"{GOOD}zzzzqqqq: 1\n", ["- line 7: zzzzqqqq: there is no such field"]),
    "field of another place": (
        f"{GOOD}    grace_days: 3\n",
        ["- line 7: rules[0].grace_days: it has no place here; the policy's reference says where it belongs"],
    ),
    "kind that may not propose": (
        f"{GOOD}    deactivate: propose\n",
        ["- line 7: rules[0].deactivate: it has no place here; the policy's reference says where it belongs"],
    ),
    "missing kind": ("version: 1\nrules:\n  - id: old", ["- line 3: rules[0]: kind is missing"]),
    "unknown kind": (
        GOOD.replace("older_than", "older"),
        [
            f"- line 3: rules[0]: there is no kind 'older'; did you mean older_than?; kinds: {', '.join(KIND_NAMES)}",
        ],
    ),
    "days as text": (
        GOOD.replace("90", '"90"'),
        ["- line 5: rules[0].days: it takes a whole number, without quotation marks"],
    ),
    "days as octal": (
        GOOD.replace("90", "090"),
        ["- line 5: rules[0].days: it takes a whole number, without quotation marks"],
    ),
    "days as a fraction": (
        GOOD.replace("90", "90.0"),
        ["- line 5: rules[0].days: it takes a whole number, without quotation marks"],
    ),
    "days as a truth": (
        GOOD.replace("90", "true"),
        ["- line 5: rules[0].days: it takes a whole number, without quotation marks"],
    ),
    "days below 0": (
        GOOD.replace("90", "-1"),
        ["- line 5: rules[0].days: input should be greater than or equal to 0"],
    ),
    "no days": (GOOD.replace(" 90", ""), ["- line 5: rules[0].days: it is empty"]),
    "severity that is none": (
        GOOD.replace("high", "hihg"),
        ["- line 6: rules[0].severity: input should be 'critical', 'high', 'medium' or 'low'"],
    ),
    "id with capitals": (
        GOOD.replace("id: old", "id: Old"),
        ["- line 3: rules[0].id: 'Old' does not fit: an id is of small letters, digits and hyphens"],
    ),
    "id twice": (f"{GOOD}{RULE}", ["- line 7: rules[1].id: old is the id of another rule already"]),
    "account of 11 digits": (
        f"{GOOD}owners:\n  - {{accounts: [12345678901], owner: team@example.com}}\n",
        ["- line 8: owners[0].accounts[0]: '12345678901' does not fit: an account has 12 digits, and no pattern"],
    ),
    "account that is a name": (
        f"{GOOD}owners:\n  - accounts:\n    - '1234 5678 9012'\n    owner: team@example.com\n",
        ["- line 9: owners[0].accounts[0]: '1234 5678 9012' does not fit: an account has 12 digits, and no pattern"],
    ),
    "owner of everything": (
        f"{GOOD}owners:\n  - owner: team@example.com\n",
        ["- line 8: owners[0]: it names no accounts or users: name some"],
    ),
    "exception of everything": (
        f"{GOOD}exceptions:\n  - {{reason: So it is., expires: 2027-03-31, rules: [old]}}\n",
        ["- line 8: exceptions[0]: it names no accounts, users or keys, and so would hold for everything: name some"],
    ),
    "exception of an unknown rule": (
        f"{GOOD}exceptions:\n- users: [ci-*]\n  reason: So.\n  expires: 2027-03-31\n  rules:\n  - old\n  - odl",
        ["- line 13: exceptions[0].rules[1]: there is no rule odl; did you mean old?"],
    ),
    "exception without end": (
        f"{GOOD}exceptions:\n  - {{reason: So it is., users: [ci-deploy]}}\n",
        ["- line 8: exceptions[0]: expires is missing"],
    ),
    "exception that ends at a number": (
        f"{GOOD}exceptions:\n  - {{reason: So., users: [ci-*], expires: 1893456000}}\n",
        ["- line 8: exceptions[0].expires: a day is written 2027-03-31, without quotation marks"],
    ),
    "exception that ends at a text": (
        f"{GOOD}exceptions:\n  - {{reason: So., users: [ci-*], expires: '2027-01-01'}}\n",
        ["- line 8: exceptions[0].expires: a day is written 2027-03-31, without quotation marks"],
    ),
    "exception without reason": (
        f"{GOOD}exceptions:\n  - {{expires: 2027-03-31, users: [ci-deploy]}}\n",
        ["- line 8: exceptions[0]: reason is missing"],
    ),
    "key that is none": (
        f"{GOOD}exceptions:\n  - {{reason: So it is., expires: 2027-03-31, keys: [AKIA...0001]}}\n",
        [f"- line 8: exceptions[0].keys[0]: 'AKIA...0001' does not fit: {KEY_ID_IN_WORDS}"],
    ),
    "propose without approver": (
        ASKING.partition("deactivation:")[0],
        [
            "- line 4: rules[0].deactivate: deactivation.assigned_users names nobody who may approve it",
            "- line 5: rules[1].deactivate: deactivation.assigned_users names nobody who may approve it",
        ],
    ),
    "propose too soon": (
        ASKING.replace("days: 45", "days: 6"),
        ["- line 4: rules[0]: deactivate: propose needs days of at least 7"],
    ),
    "propose too soon of a new key": (
        ASKING.replace("grace_days: 14", "grace_days: 0"),
        ["- line 5: rules[1]: deactivate: propose needs grace_days of at least 7"],
    ),
    "approver without a name": (
        ASKING.replace("[approver]", "[{id: approver}]"),
        ["- line 9: deactivation.assigned_users[0]: name is missing"],
    ),
    "dry run that is a word": (
        ASKING.replace("dry_run: false", "dry_run: no"),
        ["- line 8: deactivation.dry_run: it takes true or false, without quotation marks"],
    ),
    "several at once": (
        f"{GOOD.replace('90', 'ninety').replace('high', 'hot')}exceptions: none\nnotfy: {{to: all}}\n",
        [
            "- line 5: rules[0].days: it takes a whole number, without quotation marks",
            "- line 6: rules[0].severity: input should be 'critical', 'high', 'medium' or 'low'",
            "- line 7: exceptions: a list is expected here, such as [a, b]",
            "- line 8: notfy: there is no such field; did you mean notify?",
        ],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_is_named_with_its_line(case: str) -> None:
    """Whatever is wrong with a policy is said with its line and its place, and what to do."""
    text, expected = MISTAKES[case]

    assert problems(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nrules: [\n", "Line 3: "),
        ("version: 1\n\trules: []", "Line 2: "),
        (
            "version: 1\nrules: &all []\nowners: *all\n",
            "Line 3: an alias is not read here: put a text that begins with * in quotation marks.",
        ),
        (f"{GOOD}    days: 91\n", "Line 7: days is there twice."),
        (f"{GOOD}version: 1\n", "Line 7: version is there twice."),
        (f"{GOOD}---\n{GOOD}", "Line 7: "),
        ("version: 1\n? [a]\n: 1\n", "Line 2: the name of a field is not a text."),
        ("version: !day 1\n", "Line 1: the tag !day is not read here."),
        ("version: 1\nrules: 2026-02-30\n", "Line 2: 2026-02-30 is no day of the calendar."),
        ("version: 1\x00", "Line 1: it holds a character that YAML does not take."),
        ("[" * 100_000, "Line 1: it is nested too deeply."),
        ('version: "\\UFFFFFFFF"', "Line 1: it holds a character or a number that is out of all bounds."),
        ('version: "\\U00110000"', "Line 1: it holds a character or a number that is out of all bounds."),
        (f"%YAML 1.{'9' * 5_000}\n---\na: 1\n", "Line 1: it holds a character or a number that is out of all bounds."),
    ],
    ids=lambda value: value[:20],
)
def test_text_that_is_no_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    """What is no YAML, or of it what nobody should need here, is refused, and the line is named."""
    assert refused(text).startswith(f"policy.yaml is not usable. {said}")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("owners:\n  - users: [*.deploy]", "'.'; put a text that begins with * or & in quotation marks"),
        ("owners:\n  - users: [*]", "']'; put a text that begins with * or & in quotation marks"),
        (
            "owners:\n  - users: [*-deploy]",
            "an alias is not read here: put a text that begins with * in quotation marks",
        ),
        ("owners:\n  - owner: a: b", "here; put a text with a colon in quotation marks, or look at the indentation"),
        ("owners:\n\t- owner: a", "that cannot start any token; indent with blanks, not with tabs"),
        ("  - id: x\n   kind: root_key", "'<block mapping start>'; look at the indentation"),
    ],
)
def test_usual_mistakes_of_yaml_come_with_what_helps(part: str, said: str) -> None:
    """What is usually behind a message of YAML's is said with it, and its line."""
    message = refused(f"{GOOD}{part}\n")

    assert message.startswith("policy.yaml is not usable. Line 8: ")
    assert message.endswith(f"{said}.")


USERS_IN_WORDS = (
    "a user's name as IAM has it, without path or ARN, in which * and ? may stand for others; the root user is "
    "<root_account>"
)


@pytest.mark.parametrize("name", ["exceptions", "owners", "notify", "deactivation"])
def test_field_without_a_value_is_said_to_be_empty(name: str) -> None:
    """A field that is named, and has nothing behind it, is not said to be of a wrong kind."""
    assert problems(f"{GOOD}{name}:\n") == [f"- line 7: {name}: it is empty"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("id: old", "id:", "line 3: rules[0].id: it is empty"),
        ("id: old", "id: ''", "line 3: rules[0].id: it is empty"),
        ("id: old", "id: 7", "line 3: rules[0].id: one text is expected here"),
        ("kind: older_than", "kind:", "line 3: rules[0]: kind is empty"),
        ("older_than", "zzzz", f"line 3: rules[0]: there is no kind 'zzzz'; kinds: {', '.join(KIND_NAMES)}"),
        ("version: 1", "version: 0", "line 1: version: it has to be 1"),
        ("version: 1", "version: '1'", f"line 1: version: {WHOLE}"),
    ],
)  # fmt: skip
def test_value_of_a_rule_that_is_wrong_says_what_it_takes(before: str, after: str, said: str) -> None:
    """A value that is empty, or of another kind, says so in words that need no knowledge of programs."""
    assert problems(GOOD.replace(before, after)) == [f"- {said}"]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("owners: [{users: ci-deploy, owner: a}]", "owners[0].users: a list is expected here, such as [a, b]"),
        ("owners: [{users: [1], owner: a}]", "owners[0].users[0]: one text is expected here"),
        ("owners: [{users: [''], owner: a}]", "owners[0].users[0]: it is empty"),
        ("owners: [{users: [a], owner: ''}]", "owners[0].owner: it is empty"),
        ("owners: [{users: [a], owner: [b]}]", "owners[0].owner: one text is expected here"),
        ("owners: [{accounts: [1234*], owner: a}]",
         "owners[0].accounts[0]: '1234*' does not fit: an account has 12 digits, and no pattern"),
        ("exceptions: [{users: [a], reason: ' ', expires: 2027-03-31}]", "exceptions[0].reason: it is empty"),
        ("exceptions: [{users: [a], reason: b, expires: }]", "exceptions[0].expires: it is empty"),
        ("exceptions: [{users: [a], reason: b, expires: soon}]",
         "exceptions[0].expires: a day is written 2027-03-31, without quotation marks"),
        ("exceptions: [{users: [a], rules: [zzz], reason: b, expires: 2027-03-31}]",
         "exceptions[0].rules[0]: there is no rule zzz"),
        ("deactivation: {dry_run: 'true'}", "deactivation.dry_run: it takes true or false, without quotation marks"),
        ("deactivation: {most_keys: 1.5}", f"deactivation.most_keys: {WHOLE}"),
        ("deactivation: {most_keys: many}", f"deactivation.most_keys: {WHOLE}"),
    ],
)  # fmt: skip
def test_value_of_another_part_that_is_wrong_says_what_it_takes(part: str, said: str) -> None:
    """Wherever a value is empty or of another kind, what is expected there is said."""
    assert problems(f"{GOOD}{part}\n") == [f"- line 7: {said}"]


@pytest.mark.parametrize(
    "user",
    [
        "/team/ci-*", "user/ci-deploy", f"arn:aws:iam::{'1' * 12}:user/ci-deploy", "^ci-.*$", "ci-(a|b)", "ci-[ab]",
        "ci deploy", "ci\\d", "<root>", "<root_account>*", "x" * 129, "ci;deploy",
    ],
)  # fmt: skip
@pytest.mark.parametrize("part", ["owners: [{{users: ['{}'], owner: a}}]",
                                  "exceptions: [{{users: ['{}'], reason: a, expires: 2027-03-31}}]"])  # fmt: skip
def test_user_whose_name_iam_cannot_have_is_refused(part: str, user: str) -> None:
    """A path, an ARN or a regular expression, which no user's name fits, is refused and not passed over."""
    (said,) = problems(GOOD + part.format(user))

    assert said.endswith(f".users[0]: {user[:60]!r} does not fit: {USERS_IN_WORDS}")


@pytest.mark.parametrize("user", ["*", "ci-?", "svc=a+b,c.d@e_f-*", "<root_account>", "pr\u00fcfer", "x" * 128])
def test_user_whose_name_iam_can_have_is_taken(user: str) -> None:
    """Whatever characters IAM takes in names, and the root user, may be named, with patterns in it."""
    assert policy_of(f"{GOOD}owners: [{{users: ['{user}'], owner: a}}]\n").owners[0].users == (user,)


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "~", "---\n"])
def test_empty_policy_is_said_to_be_empty(text: str) -> None:
    """A file without anything in it is no policy without rules."""
    assert problems(text) == ["- line 1: it is empty"]


def test_policy_that_is_not_utf_8_is_refused_with_the_place() -> None:
    """A file in another encoding is refused, and the first byte that is wrong is named."""
    data = f"{GOOD}# schl\xfcssel\n".encode("latin-1")

    assert refused(data) == f"policy.yaml is not UTF-8 at byte {len(GOOD) + 6}. Save it as UTF-8."


def test_policy_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is not even parsed; one at the limit is."""
    assert refused(b"[" * (LARGEST + 1)) == (
        "policy.yaml has 4,000,001 bytes, and a policy at most 4,000,000. Use patterns."
    )
    monkeypatch.setattr("keywatch.access_keys.policy.read.LARGEST", len(GOOD))

    assert read_policy(GOOD.encode(), "policy.yaml").rules
    assert refused(f"{GOOD}#").startswith("policy.yaml has ")


def test_many_mistakes_are_counted_and_the_first_are_shown() -> None:
    """Of very many mistakes the first twenty are listed, by line, and how many more there are."""
    said = problems("version: 1\nrules:\n" + "  - {id: old}\n" * 33)

    assert said == [
        *(f"- line {3 + number}: rules[{number}]: kind is missing" for number in range(20)),
        "- and 13 more",
    ]


def test_surprises_of_yaml_1_1_stay_text() -> None:
    """Words, times and numbers that older YAML takes for something else are what they look like: text."""
    surprises = ["on", "yes", "no", "off", "Y", "012", "1_000", "12:30:00", "1e3", "1.5", "0x1F", "0o17", ".inf", "+1"]
    surprises += ["2026-11-27T06:00:00Z", "=", "TrUe", "12345678901234567890"]

    value, _ = read_yaml("\n".join(f"- {each}" for each in surprises))

    assert value == surprises


def test_plain_scalars_mean_what_yaml_1_2_says() -> None:
    """Truths, nothing, integers and days of the calendar are read as such, but for those in quotation marks."""
    value, _ = read_yaml("[true, False, null, ~, 0, -1, 90, 2027-03-31, 'true', \"90\", '~', '2027-03-31']")

    assert value == [
        *(True, False, None, None, 0, -1, 90, date(2027, 3, 31)),
        *("true", "90", "~", "2027-03-31"),
    ]


@given(st.text() | st.text("[]{}:,-#&*!|>'\"%@` \n\tabk01\\xuU").map(lambda text: f"version: 1\nrules: {text}"))
@example('"\\ud800": 1')
@example("version: 1\nrules: []\n\x85")
@settings(max_examples=200)
def test_whatever_text_raises_nothing_but_a_policy_error(text: str) -> None:
    """Any text at all is a policy, or is refused in our words, which can be printed."""
    try:
        policy = read_policy(text.encode("utf-8", "surrogatepass"), "policy.yaml")
    except PolicyError as error:
        assert str(error).startswith("policy.yaml ")  # noqa: PT017 - either is right
    else:
        assert isinstance(policy, Policy)


@given(st.binary())
def test_whatever_bytes_raise_nothing_but_a_policy_error(data: bytes) -> None:
    """Any bytes at all are refused in our words: hardly any are a policy."""
    assert refused(data).startswith("policy.yaml ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["propose", "root_key"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "kind", "days", "rules", "accounts", "x"]), inner, max_size=3)
        ),
    ),
    st.sampled_from(["rules", "exceptions", "owners", "notify", "deactivation", "version"]),
)
def test_whatever_value_raises_nothing_but_a_policy_error(value: object, field: str) -> None:
    """A value of any kind in any place is refused with a line that there is, or is fine."""
    text = yaml.safe_dump({"version": 1, "rules": [], field: value}, default_flow_style=False)
    try:
        read_policy(text.encode(), "policy.yaml")
    except PolicyError as error:
        assert str(error).startswith("policy.yaml is not usable")  # noqa: PT017 - either is right


def test_user_whose_id_is_a_number_may_be_named_without_quotation_marks() -> None:
    """An auth manager's id that is a number is the same user, however it is written."""
    bare, quoted = (policy_of(ASKING.replace("[approver]", each)) for each in ("[1]", '["1"]'))

    assert [(user.id, user.name) for user in bare.deactivation.assigned_users] == [("1", "1")]
    assert bare == quoted


@pytest.mark.parametrize("user", ["true", "1.5e3x: 1", "[1]", "2027-01-01", "~"])
def test_user_that_is_neither_text_nor_number_is_refused(user: str) -> None:
    """A truth, a list, a day or nothing is no user who may approve."""
    with pytest.raises(PolicyError, match=r"line 9: deactivation\.assigned_users\[0\]"):
        policy_of(ASKING.replace("[approver]", f"[{user}]"))


def test_days_at_the_edge_of_patience_may_propose() -> None:
    """Seven days are enough for a rule that asks for deactivation."""
    policy = policy_of(ASKING.replace("days: 45", "days: 7").replace("grace_days: 14", "grace_days: 7"))

    assert [rule.id for rule in policy.proposing] == ["unused", "never-used"]


def test_severity_and_controls_are_kept() -> None:
    """A rule that was read is the one that was written."""
    (rule,) = policy_of(GOOD).rules

    assert rule == OlderThan(id="old", kind="older_than", days=90, severity="high")
