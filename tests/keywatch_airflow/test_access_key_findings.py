"""The steps around a finding: policy and owners from Airflow's configuration, notices, and what an answer means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from airflow.sdk import DAG
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from keywatch.access_keys.policy.model import Notify
from keywatch.errors import ConfigurationError, OwnerTableError, PolicyError, StoreUnavailableError
from keywatch.report.read_findings import FindingRow
from keywatch_airflow import access_key_findings as steps
from keywatch_airflow import access_key_owners, approval
from keywatch_airflow.approval import ProposalApprovalOperator, answer_of
from keywatch_airflow.approval_trigger import ApprovalTrigger
from keywatch_airflow.findings_notice import SHOWN, notices
from keywatch_airflow.findings_params import findings_params
from keywatch_airflow.policy import configured_policy, owners_of_accounts
from keywatch_airflow.report_store import report_reader, report_writer
from tests.keywatch.judged import NOW, ONE, TWO, key
from tests.keywatch.report.found import record, write

RUN_ID = "manual__2026-11-27T06:00:00+00:00"


class Kept(BaseNotifier):
    """A notifier that keeps what it is told, and may fail first.

    Args:
        text: A template.
    """

    template_fields = ("text",)
    told: ClassVar[list[str]] = []
    failures: ClassVar[int] = 0

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Mapping[str, Any]) -> None:
        """Keep it."""
        del context
        if Kept.failures:
            Kept.failures -= 1
            raise ConnectionError("no mail today")
        Kept.told.append(self.text)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give staging, store and notifier of a test's own."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{tmp_path / 'staging'}")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__REPORT_DATABASE", str(tmp_path / "report.db"))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER", f"{__name__}.Kept")
    arguments = '{"text": "{{ keywatch.owner or \'nobody\' }}: {{ keywatch.title }}\\n{{ keywatch.text }}"}'
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER_ARGUMENTS", arguments)
    Kept.told, Kept.failures = [], 0
    forget_store()
    yield tmp_path
    forget_store()


def forget_store() -> None:
    """Forget where the store is."""
    from keywatch_airflow import report_store

    report_store._remembered_url.cache_clear()
    report_store._reader.cache_clear()


def use_policy(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let the configuration name a policy."""
    (home / "policy.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__POLICY", str(home / "policy.yaml"))


def finding(user: str, severity: str = "high", owner: str | None = None, number: int = 1) -> FindingRow:
    """Make a finding of a rule of that severity."""
    facts = key(user, which=f"AKIA...{number:04d}", owner=owner)
    rule = f"rule-{severity}"
    return FindingRow(
        id=f"f{number}",
        rule=rule,
        kind="older_than",
        severity=severity,
        control=None,
        reason="412 days old",
        proposes=False,
        first_found=NOW,
        first_run=RUN_ID,
        last_found=NOW,
        resolved=None,
        key=facts,
    )


def test_policy_is_the_one_that_the_configuration_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name it is the one that comes with Keywatch; with one it is read anew each time."""
    assert configured_policy().rule("older-than-90-days")

    use_policy(home, monkeypatch, "version: 1\nrules: [{id: mine, kind: root_key, severity: low}]\n")
    assert [rule.id for rule in configured_policy().rules] == ["mine"]

    use_policy(home, monkeypatch, "version: 1\nrules: [{id: mine, kind: rot_key, severity: low}]\n")
    with pytest.raises(PolicyError, match=r"policy\.yaml is not usable\. Correct it:\n- line 2: "):
        configured_policy()

    monkeypatch.setenv("AIRFLOW__KEYWATCH__POLICY", str(home / "nothing.yaml"))
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml, which \[keywatch\] policy names, cannot be read"):
        configured_policy()


@pytest.mark.parametrize("name", ["policy.yaml/below", "x" * 300, "nowhere://bucket/policy.yaml", "s3://"])
def test_policy_that_cannot_be_reached_stops_no_report(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Whatever a file system or an object store says of the policy's path, the report goes on without its owners."""
    use_policy(home, monkeypatch, "version: 1\nrules: []\n")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__POLICY", name if "://" in name else str(home / name))

    assert owners_of_accounts()([ONE]).owner(ONE, "ci-deploy") is None
    assert "No owner is found by a pattern of the policy" in caplog.text
    with pytest.raises(ConfigurationError, match=r"which \[keywatch\] policy names, cannot be read"):
        configured_policy()


def test_bad_policy_stops_no_report(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The report goes on without the owners of a policy that is not usable, and says so in its log."""
    use_policy(home, monkeypatch, "version: 1\nrules: oops\n")

    assert owners_of_accounts()([ONE]).owner(ONE, "ci-deploy") is None
    assert "No owner is found by a pattern of the policy" in caplog.text
    assert "line 2" in caplog.text


def test_owners_are_taken_from_the_form_or_from_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form's table wins; without one the configured file is read; without either somebody is told what to do."""
    with pytest.raises(ConfigurationError, match=r"paste one into the run's form, or set \[keywatch\] owners"):
        access_key_owners.take(None)

    said = access_key_owners.take(f"account,user,owner\n{ONE},ci-deploy,team@example.com\n")
    assert said.startswith("1 users have an owner: 1 are new")
    assert owners_of_accounts()([ONE]).owner(ONE, "ci-deploy") == ("team@example.com", "table")
    assert owners_of_accounts()([TWO]).owner(ONE, "ci-deploy") is None

    (home / "owners.csv").write_text(f"account,user,owner\n{TWO},etl,data@example.com\n", encoding="utf-8")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__OWNERS", str(home / "owners.csv"))
    assert "1 are no longer in the table" in access_key_owners.take("  ")
    assert owners_of_accounts()([TWO]).owner(TWO, "etl") == ("data@example.com", "table")

    with pytest.raises(OwnerTableError, match="line 2"):
        access_key_owners.take("account,user,owner\n1,a,b\n")
    assert owners_of_accounts()([TWO]).owner(TWO, "etl") == ("data@example.com", "table")


def test_digest_counts_all_and_lists_the_worst() -> None:
    """One notice has every new finding in its counts, and the worst in its list, each with owner and reason."""
    rows = [finding("low", "low", number=1), *(finding("many", "high", number=2 + n) for n in range(SHOWN))]
    rows.append(finding("root", "critical", "team@example.com", number=99))

    [notice] = notices(rows, Notify(), "access_key_findings", RUN_ID)

    lines = notice.text.splitlines()
    assert (notice.event, notice.owner) == ("findings", "")
    assert notice.title == f"{SHOWN + 2} new findings about access keys"
    assert lines[0] == f"1 critical, {SHOWN} high, 1 low:"
    assert f"  {SHOWN} by rule rule-high" in lines
    listed = [line for line in lines if ": AKIA" in line]
    assert len(listed) == SHOWN
    assert listed[0] == (f"  critical: AKIA...0099 of root in {ONE}, owner team@example.com: 412 days old")
    assert "  and 2 more, on Airflow's page Access keys" in lines
    assert lines[-1].endswith(f"/dags/access_key_findings/runs/{RUN_ID.replace(':', '%3A').replace('+', '%2B')}")


def test_owners_are_told_of_their_own_alone() -> None:
    """Each owner has a notice of his keys, and those of nobody are in a digest of their own."""
    rows = [finding("lost"), finding("one", owner="a@example.com"), finding("two", owner="b@example.com", number=2)]

    told = list(notices(rows, Notify(to="owners"), "access_key_findings", RUN_ID))

    assert [notice.owner for notice in told] == ["", "a@example.com", "b@example.com"]
    assert [notice.title for notice in told] == [
        "1 new finding about access keys without an owner",
        "1 new finding about access keys of a@example.com",
        "1 new finding about access keys of b@example.com",
    ]
    assert "two" not in told[1].text


@pytest.mark.parametrize(
    ("notify", "count"),
    [(Notify(severity="medium"), 0), (Notify(to="nobody"), 0), (Notify(to="owners", severity="high"), 0)],
)
def test_nobody_is_told_of_what_is_not_severe_enough(notify: Notify, count: int) -> None:
    """Below the policy's severity, and for nobody, there is no notice."""
    assert len(list(notices([finding("a", "low")], notify, "access_key_findings", RUN_ID))) == count


def test_what_was_told_is_not_told_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the notifier fails, the next try tells those who were not told; a later run tells only of what is new."""
    use_policy(
        home,
        monkeypatch,
        "version: 1\nrules: [{id: old, kind: older_than, days: 90, severity: high}]\nnotify: {to: owners}\n",
    )
    write(report_writer(), [record("one", age=100), record("two", age=100, key="AKIA...0002")])
    access_key_owners.take(f"account,user,owner\n{ONE},one,a@example.com\n{ONE},two,b@example.com\n")
    steps.find(RUN_ID)
    context = {"dag": DAG("access_key_findings", schedule=None), "run_id": RUN_ID}
    Kept.failures = 1

    with pytest.raises(ConnectionError):
        steps.notify(context, RUN_ID)
    assert Kept.told == []
    assert [steps.notify(context, RUN_ID), steps.notify(context, RUN_ID)] == [2, 2]
    assert [text.split(":")[0] for text in Kept.told] == ["a@example.com", "b@example.com"]

    steps.find("later")
    assert steps.notify(context, "later") == 0


def test_nothing_is_proposed_by_the_policy_that_comes_with_keywatch(home: Path) -> None:
    """Without a policy of one's own, nobody is asked, and there is nothing to record."""
    write(report_writer(), [record("one", age=100)])
    found = steps.find(RUN_ID)

    assert found["open"] > 0
    with pytest.raises(AirflowSkipException, match="nobody is asked"):
        steps.propose(RUN_ID)
    with pytest.raises(AirflowSkipException, match="Nobody was asked"):
        steps.record(None, None, params(), RUN_ID)
    assert not list((home / "staging").rglob("proposals"))


def params() -> Any:  # noqa: ANN401 - a TypedDict
    """Give the parameters of a run without a destination."""
    return {
        "destination_conn_id": None,
        "copy_conn_id": None,
        "deactivation_conn_id": "aws_deactivation",
        "deactivation_role_name": "KeywatchDeactivate",
    }


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (None, None),
        ({"chosen_options": ["Reject"], "responded_by_user": None}, (False, None, None)),
        ({"chosen_options": ["Approve"], "responded_by_user": None}, (True, None, None)),
        ({"chosen_options": ["Approve"], "responded_by_user": {"id": "7", "name": "N"}}, (True, "7", "N")),
        ({"chosen_options": ["Approve", "Reject"], "responded_by_user": {"id": "7", "name": "N"}}, (False, "7", "N")),
        ({"chosen_options": [], "responded_by_user": {}}, (False, None, None)),
    ],
)
def test_answer_is_an_approval_only_if_it_is_nothing_else(
    said: Mapping[str, Any] | None, answer: tuple[bool, str | None, str | None] | None
) -> None:
    """What Airflow hands on is approved if exactly that was chosen; who chose it is looked at later."""
    assert answer_of(said) == (
        None if answer is None else dict(zip(("approved", "user_id", "user_name"), answer, strict=True))
    )


@pytest.mark.parametrize("said", [None, {"chosen_options": ["Reject"], "responded_by_user": {"id": "7", "name": "N"}}])
def test_deactivate_is_skipped_without_an_approval(said: Mapping[str, Any] | None) -> None:
    """Without an approval, AWS is not even looked for."""
    request: Any = {"sha256": "0" * 64, "subject": "", "body": "", "assigned_users": []}

    with pytest.raises(AirflowSkipException, match="not approved"):
        steps.deactivate(request, said, params(), RUN_ID, last_try=True)


class TaskInstance:
    """Hands out a request, and has an id."""

    id = "01a2219d-5098-7e94-a066-960034cc27d0"

    def __init__(self, users: list[dict[str, str]], try_number: int = 1) -> None:
        self._users = users
        self.try_number = try_number

    def xcom_pull(self, task_ids: str) -> dict[str, Any]:
        """Hand it out."""
        assert task_ids == "propose"
        return {"sha256": "0" * 64, "subject": "?", "body": "!", "assigned_users": self._users}


def operator() -> ProposalApprovalOperator:
    """Make the operator as the DAG does."""
    with DAG("asks", schedule=None):
        return ProposalApprovalOperator(
            task_id="approve", proposed_by="propose", response_timeout=approval.RESPONSE_TIMEOUT
        )


def test_nobody_is_asked_if_nobody_may_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow would let anybody answer a request without assigned users, so that none is made."""
    asked: list[Any] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **said: asked.append(said)
    )
    context: Any = {"ti": TaskInstance([]), "task_instance": TaskInstance([])}

    with pytest.raises(AirflowFailException, match="names nobody who may approve"):
        operator().execute(context)
    assert asked == []


def test_cleared_request_is_not_made_again() -> None:
    """Airflow would show the request of the first time, whatever is proposed now, so that none is made."""
    again = TaskInstance([{"id": "approver", "name": "The approver"}], try_number=2)
    context: Any = {"ti": again, "task_instance": again}

    with pytest.raises(AirflowFailException, match="has asked before"):
        operator().execute(context)


def test_request_names_who_may_answer_and_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request has the proposal's users, its default is Reject, and what waits knows the proposal."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **said: asked.append(said)
    )
    users = [{"id": "approver", "name": "The approver"}]
    dag = DAG("access_key_findings", schedule=None)
    context: Any = {"ti": TaskInstance(users), "task_instance": TaskInstance(users), "dag": dag, "run_id": RUN_ID}
    before = datetime.now(UTC)

    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(context)

    [told] = Kept.told
    assert told.startswith("nobody: ?\n?\n\nOne of The approver may answer")
    assert (asked[0]["assigned_users"], asked[0]["defaults"], asked[0]["multiple"]) == (users, ["Reject"], False)
    assert isinstance(deferred.value.trigger, ApprovalTrigger)
    path, arguments = deferred.value.trigger.serialize()
    assert path == "keywatch_airflow.approval_trigger.ApprovalTrigger"
    assert (arguments["proposal"], arguments["defaults"]) == ("0" * 64, ["Reject"])
    assert arguments["timeout_datetime"] >= before + approval.RESPONSE_TIMEOUT
    assert deferred.value.timeout == approval.RESPONSE_TIMEOUT + approval.GRACE
    assert ApprovalTrigger(**arguments).serialize() == (path, arguments)


def test_request_waits_though_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notifier that fails does not end a request, which would never be made again."""
    monkeypatch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **_: None)
    task = TaskInstance([{"id": "approver", "name": "The approver"}])
    dag = DAG("access_key_findings", schedule=None)
    context: Any = {"ti": task, "task_instance": task, "dag": dag, "run_id": RUN_ID}
    Kept.failures = 1

    with pytest.raises(TaskDeferred):
        operator().execute(context)
    assert (Kept.failures, Kept.told) == (0, [])


def test_store_out_of_reach_closes_no_request(home: Path) -> None:
    """A request stays open while the store cannot be read, and if the store does not know its proposal."""
    trigger = ApprovalTrigger(
        proposal="0" * 64, ti_id=TaskInstance.id, options=["Approve"], params={}, timeout_datetime=None
    )

    assert not trigger._is_closed()
    (home / "report.db").write_bytes(b"no database " * 100)
    with pytest.raises(StoreUnavailableError):
        report_reader().proposal("0" * 64)
    assert not trigger._is_closed()


def test_form_begins_with_what_the_dag_file_says() -> None:
    """A copy of the DAG file gives parameters other values to begin with, and a misspelt one is named."""
    form = findings_params(destination_conn_id=None, deactivation_role_name="Other")

    assert (form["destination_conn_id"].value, form["deactivation_role_name"].value) == (None, "Other")
    with pytest.raises(ValueError, match="no parameter destination"):
        findings_params(destination=None)
