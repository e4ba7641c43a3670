"""The part of the Kusto Query Language that the local cloud answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud import LocalCloud, LocalCloudError, kql
from localcloud.store import UnknownTableError
from tests.localcloud.conftest import Collector

QUERIES_FOLDER = Path(__file__).resolve().parents[2] / "include" / "kql"

COLUMNS = {
    "name_s": "string",
    "n_d": "real",
    "i": "long",
    "on_b": "bool",
    "at_t": "datetime",
    "id_g": "guid",
    "more": "dynamic",
}
GUID = "8145d822-13a7-44ad-859c-36f31a84f6dd"
ROWS: list[dict[str, Any]] = [
    {"name_s": "a", "n_d": 1.5, "i": 7, "on_b": False, "at_t": "2024-01-31T23:59:59Z", "id_g": GUID},
    {"name_s": "B", "n_d": 2.0, "i": -7, "on_b": True, "at_t": "2024-02-01T00:00:00Z", "more": {"x": [1]}},
    {"name_s": "c", "n_d": None, "i": None, "at_t": None},
    {"name_s": None, "n_d": 4.0, "i": 2, "on_b": True, "at_t": "2025-02-01T12:30:00.5Z"},
]
OTHER = {"name_s": "string", "extra": "long"}


class Tables:
    """A catalog of two tables and some functions."""

    def __init__(self, functions: Mapping[str, str] | None = None) -> None:
        self._tables = {"T": (COLUMNS, ROWS), "Other": (OTHER, [{"name_s": "z", "extra": 1}]), "Empty": (COLUMNS, [])}
        self._functions = functions or {}

    def table(self, name: str) -> kql.Data:
        """Give a table."""
        if name not in self._tables:
            raise UnknownTableError(f"There is no table {name}")
        columns, rows = self._tables[name]
        return kql.Data.load(columns, rows)

    def function(self, name: str) -> str | None:
        """Give a saved function's text."""
        return self._functions.get(name)


def ask(text: str, **functions: str) -> list[dict[str, Any]]:
    """Run a query on the tables."""
    return kql.run(text, Tables(functions))


def names(text: str) -> list[str]:
    """Give the names of the rows that a query on T leaves."""
    return [row["name_s"] for row in ask(f"T | {text}")]


CONDITIONS = [
    ("n_d > 1.5 and on_b == true or name_s == 'c'", ["B", "c", ""]),
    ("name_s == 'a' or name_s == 'c' and n_d > 0", ["a"]),
    ("(name_s == 'a' or name_s == 'c') and n_d > 0", ["a"]),
    ("not(name_s == 'a')", ["B", "c", ""]),
    ("not(n_d > 1)", []),
    ("n_d != 2", ["a", "c", ""]),
    ("n_d == real(null)", []),
    ("isnull(n_d)", ["c"]),
    ("isnotnull(on_b)", ["a", "B", ""]),
    ("isnull(name_s)", []),
    ("isempty(name_s)", [""]),
    ("name_s == ''", [""]),
    ("n_d > 1 + 1 * 0.5", ["B", ""]),
    ("-i == 7", ["B"]),
    ("i in (7, 2)", ["a", ""]),
    ("name_s !in ('a', 'c')", ["B", ""]),
    ("i between (2 .. 7)", ["a", ""]),
    ("name_s =~ 'b'", ["B"]),
    ("name_s !~ 'b'", ["a", "c", ""]),
    ("name_s contains 'B'", ["B"]),
    ("name_s !startswith 'b'", ["a", "c", ""]),
    ("at_t >= datetime(2024-02-01) and at_t < datetime(2024-02-02T00:00:00Z)", ["B"]),
    ("at_t < ago(90d)", ["a", "B", ""]),
    ("at_t > now(-1h)", []),
    ("at_t - datetime(2024-01-31) < 24h", ["a"]),
    ("at_t + 1s == datetime(2024-02-01)", ["a"]),
    ("startofday(at_t) == datetime(2025-02-01)", [""]),
    ("id_g == '8145d822-13a7-44ad-859c-36f31a84f6dd'", ["a"]),
    ("isempty(id_g)", ["B", "c", ""]),
]

VALUES = [
    ("coalesce(name_s, 'none')", ["a", "B", "c", "none"]),
    ("coalesce(tostring(id_g), name_s)", [GUID, "B", "c", ""]),
    ("coalesce(n_d, 0)", [1.5, 2.0, 0, 4.0]),
    ("column_ifexists('name_s', 'none')", ["a", "B", "c", ""]),
    ("column_ifexists('user_g', 'none')", ["none"] * 4),
    ("tostring(column_ifexists('user_d', real(null)))", [""] * 4),
    ("tostring(i)", ["7", "-7", "", "2"]),
    ("tostring(on_b)", ["false", "true", "", "true"]),
    ("tostring(at_t)", ["2024-01-31T23:59:59.0000000Z", "2024-02-01T00:00:00.0000000Z", "",
                        "2025-02-01T12:30:00.5000000Z"]),
    ("tostring(more)", ["", '{"x":[1]}', "", ""]),
    ("toint(n_d)", [1, 2, None, 4]),
    ("toint(name_s)", [None, None, None, None]),
    ("tolong('12') + i", [19, 5, None, 14]),
    ("toreal('2.5')", [2.5] * 4),
    ("todatetime('2024-02-01')", ["2024-02-01T00:00:00Z"] * 4),
    ("tobool('True')", [True] * 4),
    ("i / 2", [3, -3, None, 1]),
    ("i / 2.0", [3.5, -3.5, None, 1.0]),
    ("i / 0", [None] * 4),
    ("iff(n_d > 1.5, 'old', 'new')", ["new", "old", "new", "old"]),
    ("case(i > 5, 'big', i > 0, 'small', 'none')", ["big", "none", "none", "small"]),
    ("bin(n_d, 1)", [1.0, 2.0, None, 4.0]),
    ("bin(at_t, 1h)", ["2024-01-31T23:00:00Z", "2024-02-01T00:00:00Z", None, "2025-02-01T12:00:00Z"]),
    ("startofday(at_t, -1)", ["2024-01-30T00:00:00Z", "2024-01-31T00:00:00Z", None, "2025-01-31T00:00:00Z"]),
    ("datetime_diff('day', at_t, datetime(2024-01-31T23:59:58Z))", [0, 1, None, 367]),
    ("datetime_diff('month', at_t, datetime(2024-02-29))", [-1, 0, None, 12]),
    ("datetime_diff('year', at_t, datetime(2023-12-31T23:59:59Z))", [1, 1, None, 2]),
    ("datetime_diff('week', datetime(2024-02-04), datetime(2024-02-03))", [1] * 4),
    ("datetime(2024-02-01) - at_t", ["00:00:01", "00:00:00", None, "-366.12:30:00.5000000"]),
    ("strcat(toupper(name_s), '-', i)", ["A-7", "B--7", "C-", "-2"]),
    ("strlen(tolower(name_s))", [1, 1, 1, 0]),
    ("round(n_d * 1.26, 1)", [1.9, 2.5, None, 5.0]),
]  # fmt: skip

PIPELINES = [
    ("T | extend n_d = n_d * 2, m = n_d | project m, n_d | take 1", [{"m": 1.5, "n_d": 3.0}]),
    ("T | project-away n_d, i, on_b, at_t, id_g, more | take 1", [{"name_s": "a"}]),
    ("T | project who = name_s, i | project-rename owner = who | take 1", [{"owner": "a", "i": 7}]),
    ("T | sort by n_d asc | project n_d", [{"n_d": None}, {"n_d": 1.5}, {"n_d": 2.0}, {"n_d": 4.0}]),
    ("T | sort by n_d | project n_d", [{"n_d": 4.0}, {"n_d": 2.0}, {"n_d": 1.5}, {"n_d": None}]),
    ("T | sort by n_d asc nulls last | take 1 | project n_d", [{"n_d": 1.5}]),
    ("T | sort by n_d desc nulls first | take 1 | project n_d", [{"n_d": None}]),
    ("T | sort by on_b desc, i asc | project i", [{"i": -7}, {"i": 2}, {"i": 7}, {"i": None}]),
    ("T | top 1 by n_d | project n_d", [{"n_d": 4.0}]),
    ("T | top 2 by n_d asc nulls last | project n_d", [{"n_d": 1.5}, {"n_d": 2.0}]),
    ("T | summarize n = count(), big = countif(n_d >= 2), last = max(at_t) by on_b | where on_b",
     [{"on_b": True, "n": 2, "big": 2, "last": "2025-02-01T12:30:00.500000Z"}]),
    ("T | summarize count() by day = startofday(at_t) | where isnotnull(day) | count", [{"Count": 3}]),
    ("T | summarize count() by bin(at_t, 366d) | count", [{"Count": 3}]),
    ("T | summarize min(n_d), sum(n_d), dcount(name_s)", [{"min_n_d": 1.5, "sum_n_d": 7.5, "dcount_name_s": 4}]),
    ("Empty | summarize count(), max(n_d), max(name_s)", [{"count_": 0, "max_n_d": None, "max_name_s": ""}]),
    ("Empty | summarize count() by name_s", []),
    ("T | summarize arg_max(n_d, name_s, i) by on_b | where on_b", [{"on_b": True, "n_d": 4.0, "name_s": "", "i": 2}]),
    ("T | summarize arg_min(n_d, *) | project name_s", [{"name_s": "a"}]),
    ("T | summarize by on_b | count", [{"Count": 3}]),
    ("T | distinct on_b, more | count", [{"Count": 4}]),
    ("T | filter i > 0 | limit 1 | project i", [{"i": 7}]),
    ("let least = 1 + 1; let big = T | where n_d >= least; big | count;", [{"Count": 2}]),
    ("let since = ago(1d); let none = (T | where at_t > since); none | count", [{"Count": 0}]),
    ("// what is asked\nT // which table\n| count", [{"Count": 4}]),
    ("union T, Other | summarize count() by extra", [{"extra": None, "count_": 4}, {"extra": 1, "count_": 1}]),
    ("Other | union (T | take 1) | project name_s", [{"name_s": "z"}, {"name_s": "a"}]),
    ("union isfuzzy=true Gone, (Absent | where (x == 1)), Other | count", [{"Count": 1}]),
    ("union isfuzzy=true (Absent | count), (Other | take 1) | count", [{"Count": 1}]),
    ("Newest() | count", [{"Count": 1}]),
    ("Newest | count", [{"Count": 1}]),
    ("Nested() | project name_s", [{"name_s": "a"}]),
    ("let n = 1; Newest() | where i > n | count", [{"Count": 1}]),
]  # fmt: skip

REFUSED = [
    ("T | where has_any(name_s)", "Function has_any is not played here; there are isnull"),
    ("T | where name_s", "name_s is string; a condition takes bool"),
    ("T | where name_s == 5", "name_s is string, which does not compare with 5"),
    ("T | where at_t > 5", "at_t is datetime, which does not compare with 5"),
    ("T | where more == 'x'", "more is dynamic, which does not compare with 'x'"),
    ("T | where i contains 1", "i is long; contains compares text"),
    ("T | where name_s + 'x' == 'ax'", "name_s is string, 'x' is string: no + for these"),
    ("T | where -name_s == 'a'", "name_s is string, which has no negative"),
    ("T | where n_d > 1 or name_s", "name_s is string; or takes bool"),
    ("T | where isempty()", "isempty takes any, not 0 arguments"),
    ("T | where ago(5) < at_t", "ago takes timespan; 5 is long"),
    ("T | where datetime_diff('age', at_t, at_t) > 1", "Part of a date age is not played here; there are month"),
    ("T | where column_ifexists(name_s, '') == ''", "Expected a column's name as text, found 'name_s'"),
    ("T | extend x = coalesce(name_s, i)", "coalesce chooses between values of one kind, not of long, string"),
    ("T | extend x = iff(i, 1, 2)", "i is long; iff takes a condition"),
    ("T | extend i + 1", "i + 1 needs a name here"),
    ("T | project i, i", "A column is named twice among i, i"),
    ("T | project-away x", "There is no column x; there are name_s"),
    ("T | project-keep i", "Operator project-keep is not played here; there are where"),
    ("T | project-rename i = n_d", "project-rename would leave two columns of one name"),
    ("T | summarize sum(name_s)", "name_s is string, which has no sum"),
    ("T | summarize arg_max(i + 1, *)", "Expected a name for what is not a column"),
    ("T | sort by more", "more is dynamic, which has no order"),
    ("T | sort by i nulls", "Expected first or last"),
    ("T | top 5", "Expected by, found"),
    ("T | render timechart", "Operator render is not played here"),
    ("union T, (Other | project name_s = extra)", "name_s is string in one table of the union and long in another"),
    ("union kind=inner T, Other", "Option of union kind is not played here; there are isfuzzy"),
    ("union isfuzzy=maybe T, Other", "Expected true or false, found 'maybe'"),
    ("union isfuzzy=true (Gone | take 1", "Expected ), found 'the end of the query'"),
    ("Gone() | count", "There is no function Gone()"),
    ("T() | count", "There is no function T()"),
    ("Endless() | count", "Endless() calls itself, or too many others"),
    ("let x = 1", "Expected ;, found"),
    ("let 5 = 1; T", "Expected let name = ..., found 5"),
    ("let x = nothing + 1; T", "There is no table nothing"),
    ("T | where at_t > datetime(2024-13-01)", "datetime(2024-13-01) is not ISO 8601"),
    ("T | where name_s == 'open", "Cannot read the query from"),
    ("T | where (i == 1", "Expected ), found 'the end of the query'"),
    ("T | where i == 1 name_s", "Expected |, found 'name_s'"),
]

FUNCTIONS = {
    "Newest": "let n = 100; T | summarize arg_max(at_t, *) | where i < n",
    "Nested": "T | where name_s == 'a' | union (Newest() | where false)",
    "Endless": "Endless() | count",
}


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_condition_keeps_the_rows_that_kusto_would(condition: str, expected: list[str]) -> None:
    """A condition keeps a row only if it is true there: neither false nor null."""
    assert expected == names(f"where {condition}")


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_expression_has_the_value_that_kusto_gives(expression: str, expected: list[Any]) -> None:
    """An expression is computed row by row; nulls make it null unless it is about them."""
    assert expected == [row["x"] for row in ask(f"T | extend x = {expression}")]


@pytest.mark.parametrize(("text", "expected"), PIPELINES)
def test_pipeline_gives_the_rows_that_kusto_would(text: str, expected: list[dict[str, Any]]) -> None:
    """Operators pass tables on, in order, with `let`, unions and saved functions at their beginning."""
    assert expected == ask(text, **FUNCTIONS)


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_is_not_played_is_refused(text: str, message: str) -> None:
    """Anything else is refused, and the message tells what there is."""
    with pytest.raises((kql.KqlError, UnknownTableError)) as caught:
        ask(text, **FUNCTIONS)

    assert message in str(caught.value)


def test_unknown_table_of_a_union_is_an_error_unless_it_is_fuzzy() -> None:
    """A union passes over tables that do not exist only if it is told to, and only if one does."""
    for text in ("union Gone, Other", "union isfuzzy=false Gone, Other", "union isfuzzy=true Gone, Absent"):
        with pytest.raises(UnknownTableError, match="There is no table Gone"):
            ask(text)


def test_all_of_a_query_has_one_time() -> None:
    """now() is the same moment wherever a query asks for it."""
    (row,) = ask("let start = now(); Other | extend same = start == now(), since = now() - ago(2h)")

    assert (row["same"], row["since"]) == (True, "02:00:00")


moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, moments)
def test_days_between_moments_are_days_between_their_dates(one: datetime, other: datetime) -> None:
    """datetime_diff of days counts the midnights between two moments."""
    text = f"Other | project d = datetime_diff('day', datetime({one.isoformat()}), datetime({other.isoformat()}))"

    assert ask(text) == [{"d": (one.date() - other.date()).days}]


@given(st.lists(st.one_of(st.none(), st.integers(-9, 9))), st.sampled_from(["asc", "desc"]))
def test_sorting_keeps_every_row_in_order(values: list[int | None], direction: str) -> None:
    """Sorting loses no row, orders what has a value, and puts nulls where Kusto puts them by default."""

    class OneColumn(Tables):
        def table(self, name: str) -> kql.Data:
            del name
            return kql.Data.load({"v": "long"}, [{"v": value} for value in values])

    found = [row["v"] for row in kql.run(f"T | sort by v {direction}", OneColumn())]
    present = sorted((value for value in values if value is not None), reverse=direction == "desc")
    nulls = [None] * (len(values) - len(present))

    assert found == (nulls + present if direction == "asc" else present + nulls)


def posted(collector: Collector, rows: Iterable[dict[str, Any]]) -> None:
    """Send rows of the report as the Data Collector has them, to the workspace without declared tables."""
    response = collector.send(list(rows), log_type="AWS_Access_Key_Report", workspace=collector.cloud.second_workspace)
    assert response.status_code == 200


def test_saved_function_hides_the_types_that_were_inferred(cloud: LocalCloud, collector: Collector) -> None:
    """The project's own function and query run on a classic table, each row once, with names of any looks."""
    now = datetime.now(UTC)
    base = {"RecordId": "r1", "KeyAgeDays": 100, "SnapshotTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    older = base | {"SnapshotTime": f"{now - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}", "KeyAgeDays": 99}
    posted(collector, [base | {"user": "alice"}, older | {"user": "alice"}, base | {"user": GUID, "RecordId": "r2"}])
    functions = QUERIES_FOLDER / "functions" / "AccessKeys.kql"
    cloud.save_function("AccessKeys", functions.read_text(encoding="utf-8"), cloud.second_workspace)

    rows = cloud.query("AccessKeys() | sort by RecordId_s asc", cloud.second_workspace)
    assert [(row["RecordId_s"], row["user_s"], row["KeyAgeDays_d"]) for row in rows] == [
        ("r1", "alice", 100.0),
        ("r2", GUID, 100.0),
    ]


def test_saved_function_belongs_to_its_workspace_until_a_reset(cloud: LocalCloud) -> None:
    """A function is known in the workspace that it was saved in, and a reset forgets it."""
    cloud.save_function("Keys", "AWS_Access_Key_Report_CL | count")
    assert cloud.query("Keys()") == [{"Count": 0}]
    with pytest.raises(LocalCloudError, match=r"There is no function Keys\(\)"):
        cloud.query("Keys()", cloud.second_workspace)
    cloud.reset()

    with pytest.raises(LocalCloudError, match=r"There is no function Keys\(\)"):
        cloud.query("Keys()")


@pytest.mark.parametrize(("name", "text"), [("a b", "T"), ("1a", "T"), ("a", "T | where x == #")])
def test_saved_function_has_a_name_and_a_text(cloud: LocalCloud, name: str, text: str) -> None:
    """A function of another name, or of a text that is no KQL, is not saved."""
    with pytest.raises(LocalCloudError):
        cloud.save_function(name, text)


@pytest.mark.parametrize("file", sorted(QUERIES_FOLDER.glob("*.kql")), ids=lambda file: file.stem)
def test_query_of_the_project_runs_on_the_declared_tables(cloud: LocalCloud, file: Path) -> None:
    """Every query that the project ships runs as it is, once its functions are saved."""
    for function in (QUERIES_FOLDER / "functions").glob("*.kql"):
        cloud.save_function(function.stem, function.read_text(encoding="utf-8"))

    assert cloud.query(file.read_text(encoding="utf-8")) == []
