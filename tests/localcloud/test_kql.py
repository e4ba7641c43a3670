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

OF_NOTHING = {"key_figures", "no_report_for_26_hours", "no_azure_activity_for_26_hours"}
"""Queries that have something to say of empty tables."""

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
RECEIVED = ["2024-02-01T00:00:05Z", "2024-02-01T00:00:05Z", "2024-02-02T00:00:00Z", "2024-02-03T00:00:00Z"]


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
        return kql.Data.load(columns, rows, RECEIVED if rows is ROWS else None)

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
    ("i !between (2 .. 6)", ["a", "B"]),
    ("at_t between (datetime(2024-01-31) .. 1d)", ["a", "B"]),
    ("at_t !between (datetime(2024-01-31) .. 1d)", [""]),
    ("name_s =~ 'b'", ["B"]),
    ("name_s !~ 'b'", ["a", "c", ""]),
    ("name_s contains 'B'", ["B"]),
    ("name_s !startswith 'b'", ["a", "c", ""]),
    ("strcat(name_s, '-key') has 'b'", ["B"]),
    ("strcat(name_s, '-key') has 'ke'", []),
    ("strcat('key', name_s) has 'b'", []),
    ("strcat(name_s, '_key') has 'KEY'", ["a", "B", "c", ""]),
    ("strcat(name_s, 'é') has 'a'", ["a"]),
    ("strcat(name_s, '1 key') !has 'a'", ["a", "B", "c", ""]),
    ("i == toscalar(T | summarize max(i))", ["a"]),
    ("n_d > toscalar(Empty | project n_d)", []),
    ("name_s == toscalar(Empty | project name_s)", [""]),
    ("ingestion_time() > datetime(2024-02-01T12:00)", ["c", ""]),
    ("['name_s'] == 'a' or [\"i\"] == 2", ["a", ""]),
    ("isnull(array_length(more))", ["a", "B", "c", ""]),
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
    ("round(n_d + 0.65, 1)", [2.2, 2.7, None, 4.7]),
    ("round(n_d * -1.5)", [-2.0, -3.0, None, -6.0]),
    ("min_of(n_d, i)", [1.5, -7, None, 2]),
    ("max_of(i, 3, real(null))", [7, 3, 3, 3]),
    ("max_of(name_s, 'b')", ["b", "b", "c", "b"]),
    ("endofday(at_t, -1)", ["2024-01-30T23:59:59.999999Z", "2024-01-31T23:59:59.999999Z", None,
                            "2025-01-31T23:59:59.999999Z"]),
    ("dynamic([1, -2.5, 'a', \"\\u00e9\", null, true, {'x': []}])", [[1, -2.5, "a", "é", None, True, {"x": []}]] * 4),
    ("dynamic({'at': datetime(2024-02-01), 'in': 1d})", [{"at": "2024-02-01T00:00:00Z", "in": "1.00:00:00"}] * 4),
    ("pack_array(name_s, i, at_t)", [["a", 7, "2024-01-31T23:59:59Z"], ["B", -7, "2024-02-01T00:00:00Z"],
                                     ["c", None, None], ["", 2, "2025-02-01T12:30:00.500000Z"]]),
    ("array_length(pack_array(i, i))", [2] * 4),
    ("array_length(dynamic({'a': 1}))", [None] * 4),
    ("extract('[^/]*$', 0, strcat('a/b/', name_s))", ["a", "B", "c", ""]),
    ("extract('^(b)/(.)', 2, strcat(tolower(name_s), '/x'))", ["", "x", "", ""]),
    ("strcat_array(pack_array(i, name_s, n_d), '|')", ["7|a|1.5", "-7|B|2.0", "|c|", "2||4.0"]),
    ("strcat_array(dynamic(null), '|')", [""] * 4),
    ("tostring(pack_array(at_t))", ['["2024-01-31T23:59:59.0000000Z"]', '["2024-02-01T00:00:00.0000000Z"]', "[null]",
                                    '["2025-02-01T12:30:00.5000000Z"]']),
    ("tolong(dynamic([1]))", [None] * 4),
    ("tolong(dynamic(12))", [12] * 4),
    ("tobool(dynamic([1]))", [None] * 4),
    ("format_datetime(at_t, 'yyyy-MM-dd')", ["2024-01-31", "2024-02-01", "", "2025-02-01"]),
    ("format_datetime(at_t, 'y-M-d [H:m:s]')", ["24-1-31 [23:59:59]", "24-2-1 [0:0:0]", "", "25-2-1 [12:30:0]"]),
    ("format_datetime(at_t, 'yy/MM/dd, hh:mm:ss tt')", ["24/01/31, 11:59:59 PM", "24/02/01, 12:00:00 AM", "",
                                                        "25/02/01, 12:30:00 PM"]),
    ("format_datetime(at_t, 'HH_h.fff.FFF.fffffff.F')", ["23_11.000..0000000.", "00_12.000..0000000.", "",
                                                         "12_12.500.5.5000000.5"]),
    ("toscalar(T | count) + i", [11, -3, None, 6]),
    ("toscalar(T | summarize make_list(i) | project list_i)", [[7, -7, 2]] * 4),
    ("ingestion_time()", RECEIVED),
]  # fmt: skip

OF_ALL_KINDS = """datatable
    (s: string, l: long, r: double, at: date, b: boolean, in: time, g: guid, d: dynamic, ['n n']: int)"""

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
    ("T | summarize avg(n_d), avg(i), make_list(n_d), make_set(on_b), dcountif(name_s, i > 0), countif(on_b)",
     [{"avg_n_d": 2.5, "avg_i": 2 / 3, "list_n_d": [1.5, 2.0, 4.0], "set_on_b": [False, True], "dcountif_name_s": 2,
       "countif_on_b": 2}]),
    ("Empty | summarize make_list(i), make_set(name_s), dcountif(i, on_b)",
     [{"list_i": [], "set_name_s": [], "dcountif_i": 0}]),
    ("Empty | summarize a = avg(i) | where not(a >= 0) and isnotnull(a) | count", [{"Count": 1}]),
    ("Empty | summarize n_d = avg(i) | union (T | project n_d) | sort by n_d asc | project x = tostring(n_d)",
     [{"x": ""}, {"x": "NaN"}, {"x": "1.5"}, {"x": "2.0"}, {"x": "4.0"}]),
    ("datatable (l: dynamic) [dynamic(['a', 'b']), dynamic(['b', 'c'])] | summarize make_set(l)",
     [{"set_l": ["a", "b", "c"]}]),
    ("let Big = () { let least = 2; T | where n_d >= least; }; Big() | union Big, (Big()) | count", [{"Count": 6}]),
    ("let n = 1; let One = () { let n = 2; print x = n }; One | extend y = n", [{"x": 2, "y": 1}]),
    ("let Kept = materialize(T | take 2); Kept | union Kept | count", [{"Count": 4}]),
    ("let most = toscalar(T | summarize max(i)); print x = most", [{"x": 7}]),
    ("let ['a b'] = 2; T | project ['a b'] = ['a b'], ['x y'] = i | top 1 by ['x y'] | project-away ['a b']",
     [{"x y": 7}]),
    ("union isfuzzy=true ['Gone'], ['Other'] | count", [{"Count": 1}]),
    ("range x from 1 to 8 step 3", [{"x": 1}, {"x": 4}, {"x": 7}]),
    ("range x from 1 to 2 step 0.5", [{"x": 1.0}, {"x": 1.5}, {"x": 2.0}]),
    ("range x from 2 to 1 step 1 | count", [{"Count": 0}]),
    ("range t from datetime(2024-02-28) to datetime(2024-03-01) step 1d | project d = format_datetime(t, 'MM-dd')",
     [{"d": "02-28"}, {"d": "02-29"}, {"d": "03-01"}]),
    ("print a = 1 + 1, b = strcat('x', 'y')", [{"a": 2, "b": "xy"}]),
    (f"{OF_ALL_KINDS} ['x', -1, 2, datetime(2024-02-01), true, 1h, '{GUID}', dynamic([1]), int(null),]",
     [{"s": "x", "l": -1, "r": 2.0, "at": "2024-02-01T00:00:00Z", "b": True, "in": "01:00:00", "g": GUID, "d": [1],
       "n n": None}]),
    ("datatable (a: long) [] | count", [{"Count": 0}]),
    ("datatable (a: string) ['x'] | where a == 'x' | count", [{"Count": 1}]),
    ("T | summarize keys = count() by on_b | sort by keys desc | render columnchart with (kind=stacked, title='Keys')",
     [{"on_b": True, "keys": 2}, {"on_b": False, "keys": 1}, {"on_b": None, "keys": 1}]),
    ("print a = 1, b = 2 | render timechart with (series=a, b, title='x');", [{"a": 1, "b": 2}]),
    ("T | where ingestion_time() < now() | extend x = ingestion_time() | summarize max(x)",
     [{"max_x": "2024-02-03T00:00:00Z"}]),
    ("Other | union T | extend x = ingestion_time() | where isnull(x) | count", [{"Count": 1}]),
]  # fmt: skip

REFUSED = [
    ("T | extend x = extract('(', 0, name_s)", "regular expression"),
    ("T | extend x = extract('a', 1, name_s)", "regular expression"),
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
    ("T | where i has 1", "i is long; has compares text"),
    ("T | where i has_cs 1", "Comparison 'has_cs' is not played here; there are"),
    ("T | extend x = min_of(i)", "min_of takes 2 to 64 values, not 1"),
    ("T | extend x = max_of(more, more)", "max_of takes what has an order; more is dynamic"),
    ("T | extend x = array_length(i)", "array_length takes dynamic; i is long"),
    ("T | extend x = dynamic([1,)", "Expected a literal, found ')'"),
    ("T | extend x = dynamic([name_s])", "Expected a literal, found 'name_s'"),
    ("T | extend x = dynamic({a: 1})", "Expected a property's name as text, found 'a'"),
    ("T | extend x = format_datetime(at_t, 'yyy')", "'yyy' is no part of a format of format_datetime; there are d, dd"),
    ("T | extend x = format_datetime(at_t, 'ffffffff')", "'ffffffff' is no part of a format"),
    ("T | extend x = format_datetime(at_t, 'd;M')", "';' is no part of a format"),
    ("T | extend x = format_datetime(at_t, name_s)", "Expected a format as text, found 'name_s'"),
    ("T | extend x = format_datetime(i, 'y')", "format_datetime takes datetime; i is long"),
    ("T | extend x = toscalar(i)", "There is no table i"),
    ("T | extend x = toscalar(T | project-away name_s, n_d, i, on_b, at_t, id_g, more)", "toscalar takes a table with"),
    ("T | project i | extend x = ingestion_time()", "ingestion_time() is known of a table's rows until project"),
    ("T | summarize count() | extend x = ingestion_time()", "ingestion_time() is known of a table's rows until"),
    ("Other | extend x = ingestion_time(1)", "Expected ), found 1"),
    ("T | summarize percentile(i, 5)", "Aggregate percentile is not played here; there are count"),
    ("T | summarize avg(at_t)", "at_t is datetime, which has no avg"),
    ("T | extend x = parse_json(name_s)", "Function parse_json is not played here"),
    ("let F = (x: long) { print y = x }; F(1)", "A function that let names takes no parameters here"),
    ("let F = () { T | count", "Expected }, found 'the end of the query'"),
    ("let t = T; t() | count", "There is no function t()"),
    ("materialize(T | take 1) | count", "materialize(...) stands behind let name = alone"),
    ("T | ['where'] i > 1", "Expected an operator, found '['"),
    ("range x from 1 to 3", "Expected step, found"),
    ("range x from 1 to 3 step 0", "range takes a step above zero, not 0"),
    ("range x from 1 to 3 step 1h", "range goes from a moment to another by time spans, or by numbers, not as long"),
    ("range x from 1 to long(null) step 1", "range from 1 to None step 1: one of them is null"),
    ("range x from 1 to 9999999 step 1", "range would give 9999999 values; 1048576 are allowed"),
    ("range x from i to 2 step 1", "There is no column i; there are none"),
    ("print 1 + 1", "1 + 1 needs a name here"),
    ("datatable (a: string, b: long) ['x']", "datatable has 2 columns and 1 values"),
    ("datatable (a: long) ['x']", "'x' is no long, which a of datatable is"),
    ("datatable (a: int) [3000000000]", "3000000000 is no int, which a of datatable is"),
    ("datatable (a: long) [1.5]", "1.5 is no long, which a of datatable is"),
    ("datatable (a: long) [bool(null)]", "None is no long, which a of datatable is"),
    ("datatable (a: decimal) []", "Type decimal is not played here; there are string, int, long"),
    ("datatable (a: long, a: long) []", "A column is named twice among a, a"),
    ("T | render sankey", "Visualization sankey is not played here; there are areachart, barchart, columnchart"),
    ("T | render timechart | take 1", "render is the last operator of a query; found '|' behind it"),
    ("let drawn = T | render table; drawn", "render is the last operator of a query; found ';' behind it"),
    ("T | render timechart with (ymin=1)", "Property of render ymin is not played here; there are kind, series, title"),
    ("T | render timechart with (kind=round)", "Kind of render round is not played here"),
    ("T | render timechart with (series=x)", "There is no column x"),
    ("T | render timechart with (title=x)", "The title of render is a text"),
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


DAYS = """
let T = datatable (k: string, v: long, at: datetime) [
    'a', 1, datetime(2024-01-01T05:00), 'a', 2, datetime(2024-01-01T06:00), 'b', 3, datetime(2024-01-03),
    'a', 5, datetime(2024-01-04), 'b', 6, datetime(2023-12-31T23:59:59), 'c', 7, datetime(null),
    'c', 8, datetime(2100-01-01)];
T | make-series """
WINDOW = "on at from datetime(2024-01-01) to datetime(2024-01-04) step 1d"
AXIS = ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]

SERIES = [
    (f"{DAYS} count() {WINDOW}", [{"count_": [2, 0, 1], "at": AXIS}]),
    (f"{DAYS} n = count() default=-1, sum(v) {WINDOW} by k",
     [{"k": "a", "n": [2, -1, -1], "sum_v": [3, 0, 0], "at": AXIS},
      {"k": "b", "n": [-1, -1, 1], "sum_v": [0, 0, 3], "at": AXIS}]),
    (f"{DAYS} avg(v) default=real(null), dcount(k) {WINDOW} by big = v > 2",
     [{"big": False, "avg_v": [1.5, None, None], "dcount_k": [1, 0, 0], "at": AXIS},
      {"big": True, "avg_v": [None, None, 3.0], "dcount_k": [0, 0, 1], "at": AXIS}]),
    (f"{DAYS} max(v) on at from datetime(2024-01-01T06:00) to datetime(2024-01-04T00:00:01) step 36h",
     [{"max_v": [2, 5], "at": ["2024-01-01T06:00:00Z", "2024-01-02T18:00:00Z"]}]),
    (f"{DAYS} count() on day = bin(at, 1d) from datetime(2024-01-01) to datetime(2024-01-04) step 2d",
     [{"count_": [2, 1], "day": ["2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z"]}]),
    (f"{DAYS} count() on r = v * 1.0 from 0 to 7 step 2.5", [{"count_": [2, 1, 2], "r": [0.0, 2.5, 5.0]}]),
    (f"{DAYS} kind=nonempty count() {WINDOW} | project count_", [{"count_": [2, 0, 1]}]),
    ("Empty | make-series count() on i from 0 to 2 step 1", []),
    ("Empty | make-series kind=nonempty count(), avg(i) default=1.0 on i from 0 to 2 step 1",
     [{"count_": [0, 0], "avg_i": [1.0, 1.0], "i": [0, 1]}]),
]  # fmt: skip

SERIES_REFUSED = [
    ("make-series count() on at_t step 1d", "make-series takes on <column> from <start> to <end> step <step>: from is"),
    ("make-series count() on at_t from ago(1d) step 1d", "step <step>: to is missing"),
    ("make-series count() on at_t from ago(1d) to now()", "step <step>: step is missing"),
    ("make-series count() on i from now() to now(1d) step 1h", "i is long; make-series goes by steps of datetime on"),
    ("make-series count() on i from 0 to 5 step 2.5", "i is long; make-series goes by steps of real on it"),
    ("make-series count() on i from 0 to 5 step 1h", "make-series goes from a moment to another by time spans"),
    ("make-series count() on i from 0 to 5 step 0", "make-series takes a step above zero, not 0"),
    ("make-series count() on i from 5 to 5 step 1", "make-series from 5 to 5 has no bins"),
    ("make-series count() on i from 0 to 1048577 step 1", "make-series would give 1048577 values; 1048576 are allowed"),
    ("make-series count() on i from long(null) to 5 step 1", "one of them is null"),
    ("make-series count() on i from i to 5 step 1", "There is no column i; there are none"),
    ("make-series count() default='x' on i from 0 to 5 step 1", "'x' is string; make-series takes a number as default"),
    ("make-series max(at_t) on i from 0 to 5 step 1", "make-series takes aggregates that are one number; max_at_t is"),
    ("make-series arg_max(i, n_d) on n_d from 0 to 5 step 1", "that are one number; i is long, n_d is real"),
    ("make-series i = count() on i from 0 to 5 step 1", "A column is named twice among i, i"),
    ("make-series kind=empty count() on i from 0 to 5 step 1", "Kind of make-series empty is not played here"),
    (
        "make-series kind=nonempty count() on i from 0 to 5 step 1 by on_b",
        "make-series kind=nonempty is played without",
    ),
    ("make-graph i --> i", "Operator make-graph is not played here"),
]

TWO = "datatable (k: long, a: dynamic, b: dynamic) [{}] | mv-expand "
EXPANSIONS = [
    (TWO.format("1, dynamic([10, 'x']), dynamic([2.5]), 2, dynamic(['y']), dynamic([true, null])") + "a, b",
     [{"k": 1, "a": 10, "b": 2.5}, {"k": 1, "a": "x", "b": None}, {"k": 2, "a": "y", "b": True},
      {"k": 2, "a": None, "b": None}]),
    (TWO.format("1, dynamic([]), dynamic([5]), 2, dynamic([]), dynamic([]), 3, dynamic(null), dynamic([])") + "a, b",
     [{"k": 1, "a": None, "b": 5}, {"k": 3, "a": None, "b": None}]),
    (TWO.format("1, dynamic([1, 2]), dynamic([7])") + "c = a | project-away k",
     [{"a": [1, 2], "b": [7], "c": 1}, {"a": [1, 2], "b": [7], "c": 2}]),
    (TWO.format("1, dynamic({'x': 1, 'y': [2]}), dynamic(5)") + "a, b",
     [{"k": 1, "a": {"x": 1}, "b": 5}, {"k": 1, "a": {"y": [2]}, "b": None}]),
    (TWO.format("1, dynamic([1, 'x', true, 2.0, 2.5]), dynamic(['a', 1])")
     + "l = a to typeof(long), r = a to typeof(double), o = a to typeof(bool), s = b to typeof(string)"
     + "| project l, r, o, s",
     [{"l": 1, "r": 1.0, "o": None, "s": "a"}, {"l": None, "r": None, "o": None, "s": ""},
      {"l": None, "r": None, "o": True, "s": ""}, {"l": 2, "r": 2.0, "o": None, "s": ""},
      {"l": None, "r": 2.5, "o": None, "s": ""}]),
    (f"{DAYS} n = count() {WINDOW} | mv-expand at to typeof(date), n to typeof(int) | where at > datetime(2024-01-02)",
     [{"at": "2024-01-03T00:00:00Z", "n": 1}]),
    (f"{DAYS} n = count() {WINDOW} | mv-expand at, n | project x = todatetime(at) - 1d, y = tolong(n) + 1 | take 1",
     [{"x": "2023-12-31T00:00:00Z", "y": 3}]),
    ("print x = pack_array(1s, 1) | mv-expand y = x to typeof(timespan) | project y", [{"y": "00:00:01"}, {"y": None}]),
    ("T | take 1 | mv-expand x = pack_array(i, i) | extend t = ingestion_time() | project x, t | take 1",
     [{"x": 7, "t": RECEIVED[0]}]),
]  # fmt: skip

EXPANSIONS_REFUSED = [
    ("mv-expand name_s", "name_s is string; mv-expand takes dynamic"),
    ("mv-expand pack_array(i)", "pack_array(...) needs a name here"),
    ("mv-expand more to typeof(decimal)", "Type decimal is not played here; there are string, int, long, real, bool"),
    ("mv-expand more, more", "A column is named twice among more, more"),
    ("mv-expand kind=array more", "There is no column array"),
    ("mv-apply more", "Operator mv-apply is not played here"),
]

KEYED = """
let L = datatable (k: string, n: long, v: long) ['a', 1, 10, 'b', 1, 20, 'c', long(null), 30, '', 2, 40];
let R = datatable (n: long, k: string, w: string, m: long)
    [1, 'a', 'x', 1, 1, 'a', 'y', 2, long(null), 'c', 'z', 3, 2, '', 'e', 4];
let F = () { R | where m < 3 };
L """
PLAIN = ["a", "b", "c", ""]

JOINS = [
    ("lookup R on k, n | project k, v, w, m",
     [{"k": "a", "v": 10, "w": "x", "m": 1}, {"k": "a", "v": 10, "w": "y", "m": 2},
      {"k": "b", "v": 20, "w": "", "m": None}, {"k": "c", "v": 30, "w": "", "m": None},
      {"k": "", "v": 40, "w": "e", "m": 4}]),
    ("lookup kind=inner R on n, k | project k, w", [{"k": "a", "w": "x"}, {"k": "a", "w": "y"}, {"k": "", "w": "e"}]),
    ("lookup kind=leftouter F() on n, k | where m == 2 | count", [{"Count": 1}]),
    ("lookup (F | where m == 1 | project k, m) on k | project k, m",
     [{"k": "a", "m": 1}, {"k": "b", "m": None}, {"k": "c", "m": None}, {"k": "", "m": None}]),
    ("lookup kind=inner (datatable (k: string, x: bool) ['b', true]) on k", [{"k": "b", "n": 1, "v": 20, "x": True}]),
    ("join kind=inner (R | project-away n) on k | take 1", [{"k": "a", "n": 1, "v": 10, "k1": "a", "w": "x", "m": 1}]),
    ("join kind=leftouter (R | project k, n, w) on k, n | where v == 20",
     [{"k": "b", "n": 1, "v": 20, "k1": "", "n1": None, "w": ""}]),
    ("join kind=leftsemi R on k, n | project k", [{"k": "a"}, {"k": ""}]),
    ("join kind=leftanti R on k, n", [{"k": "b", "n": 1, "v": 20}, {"k": "c", "n": None, "v": 30}]),
    ("join kind=leftsemi R on k | count", [{"Count": 3}]),
]  # fmt: skip

JOINS_REFUSED = [
    ("lookup kind=fullouter R on k", "Kind of lookup fullouter is not played here; there are leftouter, inner"),
    ("lookup hint=x R on k", "Option of lookup hint is not played here; there are kind"),
    ("lookup R on x", "There is no column x; there are k, n, v"),
    ("lookup R on m", "There is no column m; there are k, n, v"),
    ("lookup R on v", "There is no column v; there are n, k, w, m"),
    ("lookup (R | project-rename v = m) on k, n", "lookup would give two columns of one name: v; project-rename or"),
    ("lookup R on k", "lookup would give two columns of one name: n"),
    (
        "lookup (R | extend n = toint(n)) on k, n",
        "n is long on the left and int on the right; a key is of one plain kind",
    ),
    (
        "extend k = dynamic([]) | lookup (R | extend k = dynamic([])) on k",
        "k is dynamic on the left and dynamic on the",
    ),
    ("lookup (R) with k", "Expected on, found 'with'"),
    (
        "join R on k",
        "join without kind= is innerunique, which is not played here; there are inner, leftouter, leftsemi",
    ),
    ("join kind=innerunique R on k", "Kind of join innerunique is not played here; there are inner"),
    ("extend k1 = 1 | join kind=inner (R | project k) on k", "join would give two columns of one name: k1"),
    ("join kind=inner (R | project k, k1 = w) on k", "join would give two columns of one name: k1"),
]


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


@pytest.mark.parametrize(("text", "expected"), SERIES)
def test_series_have_a_value_for_each_step(text: str, expected: list[dict[str, Any]]) -> None:
    """make-series aligns its bins to the start, excludes the end, and fills gaps with the default, which is zero."""
    assert expected == ask(text)


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS)
def test_expansion_gives_a_row_for_each_element(text: str, expected: list[dict[str, Any]]) -> None:
    """mv-expand repeats a row for the longest of its arrays, not at all if they are empty, and parses nothing."""
    assert expected == ask(text)


@pytest.mark.parametrize(("text", "expected"), JOINS)
def test_tables_beside_one_another_share_keys(text: str, expected: list[dict[str, Any]]) -> None:
    """Tables are put beside one another by all rows of the same keys, of which a null one is never the same."""
    assert expected == ask(f"{KEYED} | {text}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((f"T | {text}", message) for text, message in SERIES_REFUSED + EXPANSIONS_REFUSED),
        *((f"{KEYED} | {text}", message) for text, message in JOINS_REFUSED),
    ],
)
def test_operator_of_other_arguments_is_refused(text: str, message: str) -> None:
    """Arguments that an operator does not take here are refused on any table, rows or none."""
    for each in (text, f"let T = Empty; {text}"):
        with pytest.raises(kql.KqlError) as caught:
            ask(each)

        assert message in str(caught.value)


def test_scalar_of_a_table_is_computed_once() -> None:
    """A table is asked by toscalar once, however many rows it is used in."""

    class Counted(Tables):
        asked = 0

        def table(self, name: str) -> kql.Data:
            self.asked += name == "Other"
            return super().table(name)

    tables = Counted()
    rows = kql.run("T | extend x = toscalar(Other | project extra) | where x == toscalar(Other | count)", tables)

    assert (len(rows), tables.asked) == (4, 2)


def test_transformation_takes_no_other_table() -> None:
    """What looks at one row at a time names no table, neither by toscalar nor at its beginning."""
    source = kql.Data.load(COLUMNS, ROWS)
    for text, message in (
        ("source | extend x = toscalar(source)", "it takes no toscalar"),
        ("print x = 1", "A transformation begins with source, not with print"),
        ("source | lookup source on i", "Operator lookup is not played here; there are where"),
    ):
        with pytest.raises(kql.KqlError, match=message):
            kql.transform(text, source)


def examples() -> list[str]:
    """Give the queries in the documentation of the language."""
    blocks = (kql.__doc__ or "").split("\n\n")
    return [block for block in blocks if block.startswith("    ")]


@pytest.mark.parametrize("text", examples())
def test_documented_example_runs(text: str) -> None:
    """The language is documented by queries that run."""
    strings, moments = "Status_s user_s user_g RecordId_s account_number_s", "TimeGenerated CreateDate_t SnapshotTime_t"
    columns = dict.fromkeys(strings.split(), "string") | dict.fromkeys(moments.split(), "datetime") | {"n_d": "real"}

    class Keys(Tables):
        def table(self, name: str) -> kql.Data:
            del name
            return kql.Data.load(columns, [{"CreateDate_t": "2024-01-31T00:00:00Z"}], RECEIVED[:1])

    assert kql.run(text, Keys())


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


class Given(Tables):
    """A catalog of the tables that a test makes up."""

    def __init__(self, **tables: tuple[dict[str, str], list[dict[str, Any]]]) -> None:
        super().__init__()
        self._tables = tables


GROUPED = {"k": "string", "v": "long"}
grouped = st.lists(st.fixed_dictionaries({"k": st.sampled_from("ab"), "v": st.none() | st.integers(-20, 20)}))


@given(grouped, st.integers(-20, 20), st.integers(1, 40), st.integers(1, 9))
def test_series_are_the_summary_with_its_gaps_filled(
    rows: list[dict[str, Any]], start: int, length: int, step: int
) -> None:
    """make-series and mv-expand give what summarize gives for the bins of the range, and zero for the others."""
    end = start + length
    found = kql.run(
        f"T | make-series n = count(), s = sum(v) on v from {start} to {end} step {step} by k "
        "| mv-expand n to typeof(long), s to typeof(long), v to typeof(long)",
        Given(T=(GROUPED, rows)),
    )
    summary = kql.run(
        f"T | where v >= {start} and v < {end} "
        f"| summarize n = count(), s = sum(v) by k, v = {start} + (v - {start}) / {step} * {step}",
        Given(T=(GROUPED, rows)),
    )
    bins = {(row["k"], row["v"]): (row["n"], row["s"]) for row in summary}
    groups = {row["k"]: None for row in summary}

    assert [(row["k"], row["v"], row["n"], row["s"]) for row in found] == [
        (group, number, *bins.get((group, number), (0, 0))) for group in groups for number in range(start, end, step)
    ]


@given(grouped, st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(-20, 20), st.integers())))
def test_lookup_is_the_join_of_a_dictionary(
    rows: list[dict[str, Any]], others: list[tuple[str, int | None, int]]
) -> None:
    """By lookup a row is there once for each row of the same keys, or once with null, which inner leaves out."""
    tables = Given(T=(GROUPED, rows), R=(GROUPED | {"w": "long"}, [{"k": key, "v": v, "w": w} for key, v, w in others]))
    matches: dict[tuple[str, int], list[int | None]] = {}
    for key, v, w in others:
        if v is not None:
            matches.setdefault((key, v), []).append(w)
    joined = [(row["k"], row["v"], matches.get((row["k"], row["v"]), [])) for row in rows]

    assert [tuple(row.values()) for row in kql.run("T | lookup R on k, v", tables)] == [
        (key, v, w) for key, v, found in joined for w in found or [None]
    ]
    assert [tuple(row.values()) for row in kql.run("T | lookup kind=inner R on k, v", tables)] == [
        (key, v, w) for key, v, found in joined for w in found
    ]
    for kind, kept in (("leftsemi", True), ("leftanti", False)):
        assert [tuple(row.values()) for row in kql.run(f"T | join kind={kind} R on k, v", tables)] == [
            (key, v) for key, v, found in joined if bool(found) is kept
        ]


@given(moments)
def test_formatted_moment_is_read_back(moment: datetime) -> None:
    """What format_datetime writes in full, Python reads as the same moment."""
    (row,) = ask(f"print x = format_datetime(datetime({moment.isoformat()}), 'yyyy-MM-dd HH:mm:ss.ffffff')")

    assert datetime.fromisoformat(row["x"]).replace(tzinfo=UTC) == moment


def posted(collector: Collector, rows: Iterable[dict[str, Any]]) -> None:
    """Send rows of the report as the Data Collector has them, to the workspace without declared tables."""
    response = collector.send(list(rows), log_type="AWS_Access_Key_Report", workspace=collector.cloud.second_workspace)
    assert response.status_code == 200


def test_saved_function_hides_the_types_that_were_inferred(cloud: LocalCloud, collector: Collector) -> None:
    """The project's own function and query run on a classic table, each row once, with names of any looks."""
    now = datetime.now(UTC)
    arn = "arn:aws:iam::111122223333:user/team/"
    base = {"RecordId": "r1", "UserArn": f"{arn}alice", "SnapshotTime": f"{now:%Y-%m-%dT%H:%M:%SZ}", "KeyAgeDays": 100}
    older = base | {"SnapshotTime": f"{now - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}", "KeyAgeDays": 99}
    name = GUID.replace("-", "").upper()
    looks_like_a_guid = {"user": name, "UserArn": f"{arn}{name}", "RecordId": "r2"}
    posted(collector, [base | {"user": "alice"}, older | {"user": "alice"}, base | looks_like_a_guid])
    rows = cloud.query("AccessKeys() | sort by RecordId_s asc", cloud.second_workspace)
    assert [(row["RecordId_s"], row["user_s"], row["KeyAgeDays_d"]) for row in rows] == [
        ("r1", "alice", 100.0),
        ("r2", name, 100.0),
    ]


def test_rows_know_when_they_were_stored(cloud: LocalCloud, collector: Collector) -> None:
    """ingestion_time() is the moment of the request that brought a row, whatever TimeGenerated it has."""
    begun = datetime.now(UTC)
    posted(collector, [{"RecordId": "r1", "SnapshotTime": "2020-01-01T00:00:00Z"}, {"RecordId": "r2"}])
    posted(collector, [{"RecordId": "r1"}])
    text = "AWS_Access_Key_Report_CL | extend at = ingestion_time() | summarize at = max(at) by RecordId_s"
    rows = cloud.query(f"{text} | sort by at asc", cloud.second_workspace)
    first, second = (datetime.fromisoformat(row["at"]) for row in rows)

    assert [row["RecordId_s"] for row in rows] == ["r2", "r1"]
    assert begun <= first <= second <= datetime.now(UTC)


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

    assert (cloud.query(file.read_text(encoding="utf-8")) == []) is (file.stem not in OF_NOTHING)
