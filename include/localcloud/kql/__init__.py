"""A strict part of the Kusto Query Language, enough to ask what a workspace holds.

    let since = ago(90d);
    union isfuzzy=true AWS_Access_Key_Report_CL, (Other_CL | where n_d > 1)
    | where Status_s in ("Active", "Inactive") and isnotempty(user_s) or TimeGenerated >= since
    | extend age = datetime_diff("day", now(), CreateDate_t), user = coalesce(column_ifexists("user_s", ""), user_g)
    | summarize arg_max(SnapshotTime_t, *) by RecordId_s
    | summarize keys = count(), newest = max(CreateDate_t) by user, day = startofday(TimeGenerated)
    | project-away day | project-rename owner = user | project owner, keys
    | sort by keys desc nulls last | top 5 by keys | take 3 | distinct owner | count

Operators and functions are those of Kusto, case-sensitive; anything else is refused with a message that says what
there is. Saved functions take no parameters; `let` names a value or a table. Strings are never null, as in Kusto: what
was not sent is an empty string.

What differs from Kusto: an expression needs a name wherever Kusto would make one up (but for `bin(column, ...)` and
aggregates of a column); `dcount` counts exactly; rows keep their order until they are sorted; moments have
microseconds, not ticks; a union of columns that differ in type is refused, where Kusto renames them; a text in a
`dynamic` column is not parsed, and dynamic values do not compare. Unverified: how `tostring` writes a real number.
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
