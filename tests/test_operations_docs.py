"""What docs/troubleshooting.md and docs/monitoring.md say is what there is."""

from __future__ import annotations

import inspect
import json
import re
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest
from airflow.sdk.definitions.context import Context

from keywatch import errors, metrics
from keywatch_airflow.notice import Notice
from keywatch_airflow.notify import make_notifier
from keywatch_airflow.provider import get_provider_info

PROJECT = Path(__file__).parents[1]
TROUBLESHOOTING = (PROJECT / "docs/troubleshooting.md").read_text(encoding="utf-8")
MONITORING = (PROJECT / "docs/monitoring.md").read_text(encoding="utf-8")
README = (PROJECT / "README.md").read_text(encoding="utf-8")
BASES = (errors.KeywatchError, errors.PermanentError, errors.TransientError)
CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.KeywatchError) and value not in BASES
}
SECTIONS = {
    section.partition("`")[0]: section.partition("`\n")[2].split("\n## ")[0]
    for section in TROUBLESHOOTING.split("\n### `")[1:]
}
EXAMPLE = re.compile(r"^    (\w+Error): (.+)$", re.MULTILINE)
SOURCE = " ".join(
    re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
    for path in (PROJECT / "include/keywatch").rglob("*.py")
)


def test_every_error_has_its_section_and_no_other() -> None:
    """Each class that is raised as such has one section, and no section is of a class that is not there."""
    assert set(SECTIONS) == set(CLASSES)
    assert TROUBLESHOOTING.count("\n### `") == len(CLASSES)
    assert all(f"`{base.__name__}`" in TROUBLESHOOTING.split("\n## ")[0] for base in BASES)


@pytest.mark.parametrize("name", CLASSES)
def test_section_says_what_to_do_and_whether_a_retry_helps(name: str) -> None:
    """Each section has what to do, and says of retries what the class does."""
    section = SECTIONS[name]
    retried = "none" if issubclass(CLASSES[name], errors.PermanentError) else "by itself"

    assert section.count("**Do:** ") == 1
    assert section.count(f"**Retry:** {retried}") == section.count("**Retry:**") == 1


@pytest.mark.parametrize("name", CLASSES)
def test_example_is_a_message_of_the_code(name: str) -> None:
    """The example line is of the section's class, and at least three words in a row of it stand in the code."""
    [(class_name, message)] = EXAMPLE.findall(SECTIONS[name])
    words = message.split()

    assert class_name == name
    assert [at for at in range(len(words) - 2) if " ".join(words[at : at + 3]) in SOURCE]


def test_readme_names_errors_that_exist() -> None:
    """The README's table is of known classes, and leads to the page that has them all."""
    section = README.split("## When something goes wrong")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+Error)`", section))

    assert named
    assert named <= set(CLASSES)
    assert "(docs/troubleshooting.md)" in section


def test_every_metric_is_explained() -> None:
    """The table of metrics has each name, kind and tags as they are in the code, and no other."""
    rows = re.findall(r"^\| `(keywatch\.[\w.]+)` \| (\w+) \|([^|]*)\| [^|]+ \|$", MONITORING, re.MULTILINE)
    declared = [each for each in vars(metrics).values() if isinstance(each, metrics.Metric)]

    assert [(name, kind, tuple(re.findall(r"`(\w+)`", tags))) for name, kind, tags in rows] == [
        (each.name, each.kind.value, each.tags) for each in declared
    ]


def test_settings_of_notifications_are_those_of_the_provider() -> None:
    """Every setting of [keywatch] in the example is one that Airflow knows of."""
    [example] = re.findall(r"```ini\n\[keywatch\]\n(.*?)```", MONITORING, re.DOTALL)
    named = {line.partition(" = ")[0] for line in example.splitlines()}

    assert named == {"notifier", "notifier_arguments", "report_deadline_hours"}
    assert named <= set(get_provider_info()["config"]["keywatch"]["options"])


def test_notifier_of_the_example_can_be_made() -> None:
    """The example's notifier takes the example's arguments."""
    name, arguments = re.findall(r"^notifier(?:_arguments)? = (.+)$", MONITORING, re.MULTILINE)

    assert type(make_notifier(name, arguments)).__name__ == "SmtpNotifier"


def test_notifiers_in_the_table_are_there() -> None:
    """Those that come with Keywatch can be imported, and take the arguments that are shown."""
    rows = re.findall(r"^\| [^|]+ \| `(airflow[\w.]+)` \| ([^|]+) \|", MONITORING, re.MULTILINE)

    assert len(rows) == 4
    for name, cell in rows:
        if "slack" not in name:
            module, _, class_name = name.rpartition(".")
            kind = getattr(import_module(module), class_name)
            shown = json.loads(match[1]) if (match := re.search(r"`(\{.*\})`", cell)) else {}
            assert set(shown) <= set(inspect.signature(kind).parameters)


def test_templates_use_what_a_notice_has() -> None:
    """Every field of `keywatch` in a template is one of a notice, and every one of a notice is named."""
    used = set(re.findall(r"keywatch\.(\w+)(?: \| e)? }}", MONITORING))
    named = set(re.findall(r"`(\w+)`", MONITORING.split("for every event:")[1].split(". A template")[0]))

    assert used
    assert used <= set(Notice.__dataclass_fields__)
    assert named - {"failed", "late", "findings", "request"} == set(Notice.__dataclass_fields__)


@pytest.mark.parametrize(
    ("owner", "to"), [("platform@contoso.com", "platform@contoso.com"), ("", "cloud-security@contoso.com")]
)
def test_findings_go_to_their_owner(owner: str, to: str) -> None:
    """The arguments that are shown for findings send what is an owner's to that owner, and the rest to one address."""
    [arguments] = re.findall(r"<!-- to owners -->\n```json\n(.*?)```", MONITORING, re.DOTALL)
    notifier = make_notifier("airflow.providers.smtp.notifications.smtp.SmtpNotifier", arguments)
    notice = Notice("findings", "access_key_findings", "run", "/dags", "1 new finding", "a <user>", owner)

    notifier.render_template_fields(cast("Context", {"keywatch": notice}))

    rendered = {name: getattr(notifier, name) for name in json.loads(arguments)}
    assert rendered == {"to": to, "subject": "1 new finding", "html_content": "<pre>a &lt;user&gt;</pre>"}
