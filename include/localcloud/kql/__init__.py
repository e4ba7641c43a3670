"""A strict part of the Kusto Query Language, enough to ask what a workspace holds.

    let since = ago(90d);
    union isfuzzy=true AWS_Access_Key_Report_CL, (Other_CL | where n_d > 1)
    | where Status_s in ("Active", "Inactive") and isnotempty(user_s) or TimeGenerated >= since
    | where TimeGenerated between (since .. 30d) and ['user_s'] !has "test"
    | extend age = datetime_diff("day", now(), CreateDate_t), user = coalesce(column_ifexists("user_s", ""), user_g)
    | extend stored = ingestion_time(), month = format_datetime(CreateDate_t, "yyyy-MM")
    | summarize arg_max(SnapshotTime_t, *) by RecordId_s
    | summarize keys = count(), avg(age), months = make_set(month) by user, day = startofday(TimeGenerated)
    | project-away day | project-rename owner = user | project owner, keys, months = strcat_array(months, ", ")
    | sort by keys desc nulls last | top 5 by keys | take 3 | distinct owner | count

    let Keys = () { AWS_Access_Key_Report_CL | where isnotnull(CreateDate_t) };
    let Users = materialize(Keys() | summarize users = dcountif(user_s, n_d > 0) by account_number_s);
    let oldest = toscalar(Keys() | summarize min(CreateDate_t));
    Keys
    | lookup kind=leftouter Users on account_number_s
    | join kind=leftanti (datatable (user_s: string, left: datetime) ["root", datetime(2024-01-31)]) on user_s
    | make-series kind=nonempty created = count() default=0 on CreateDate_t from oldest to now() step 1d
    | mv-expand created to typeof(long), day = CreateDate_t to typeof(datetime)
    | render timechart with (title="Keys created")

    range n from 1 to 3 step 1 | extend list = dynamic([1, {"two": null}]), size = array_length(pack_array(n, "a"))

    print end = endofday(now()), least = min_of(1, 2)

Operators and functions are those of Kusto, case-sensitive; anything else is refused with a message that says what
there is. Functions, saved or of `let`, take no parameters; `let` names a value, a table or a function. Strings are
never null, as in Kusto: what was not sent is an empty string. A query runs as it is read, so that what it names is
computed once.

What differs from Kusto: an expression needs a name wherever Kusto would make one up (but for `bin(column, ...)` and
aggregates of a column); `dcount` counts exactly; rows keep their order until they are sorted; moments have
microseconds, not ticks; a union of columns that differ in type is refused, where Kusto renames them, as are columns of
`lookup` and `join` whose names collide; a text in a `dynamic` column is not parsed, and dynamic values do not compare;
`make-series` takes from, to and step, and aggregates that are one number; `range` gives at most 2^20 values; the
format of `format_datetime` is a literal; `ingestion_time()` is refused where the rows are no longer a table's, and
`render` is checked against the charts of Azure Monitor.

Unverified: how `tostring` writes a real number; that null keys of `lookup` and `join` match nothing, as `==` says;
that `make-series` has no row for a group whose rows are all outside of its range, and null where a bin's rows have
nothing to aggregate; what `mv-expand` makes of a dynamic value that is neither array nor object (one row), and
`to typeof(...)` of an element of another type (null, but whole numbers become real ones, and back); what
`strcat_array` makes of null elements and of what is no array (empty strings); a text with delimiters behind `has`.
"""

from localcloud.kql.data import Catalog, Data, KqlError
from localcloud.kql.lexer import tokens
from localcloud.kql.query import ROW_OPERATORS, run, transform

__all__ = ["ROW_OPERATORS", "Catalog", "Data", "KqlError", "check", "run", "transform"]


def check(kql: str) -> None:
    """Refuse a text that is not made of KQL's words, whatever tables there are.

    Raises:
        KqlError: it is not.
    """
    list(tokens(kql))
