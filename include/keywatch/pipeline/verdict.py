"""Step 5, the last: fail the run if anything is missing, and name it."""

from __future__ import annotations

from keywatch.errors import IncompleteReportError
from keywatch.pipeline.manifests import Published


def verdict(published: Published | None) -> str:
    """Return one line that sums up a complete run.

    Args:
        published: What `publish` found; None if it, or the listing of accounts, did not succeed.

    Raises:
        IncompleteReportError: An account was not read, or a record not accepted; the message names the accounts.
    """
    if published is None:
        raise IncompleteReportError(
            "No report was published. Open the log of the first red task of this run and do what it says; then clear "
            "that task with everything downstream."
        )
    counted = ", ".join(f"{count} {status}" for status, count in sorted(published["accounts"].items()))
    if published["complete"]:
        return f"Complete: accounts: {counted}; {_keys(published)}."
    where = "in AWS_Access_Key_Audit_CL" if published["delivered"] else "on the page"
    more = [f"... and {published['more_problems']} more, {where}"] * bool(published["more_problems"])
    summary = (
        f"The report is incomplete (accounts: {counted}; {_keys(published)}, {published['rejected']} rejected). "
        f"{_rest(published)}"
        "What is missing:"
    )
    raise IncompleteReportError("\n".join([summary, *published["problems"], *more]))


def _keys(published: Published) -> str:
    where = "delivered" if published["delivered"] else "on the page, and nowhere else, for the run has no destination"
    return f"{published['accepted']} keys {where}"


def _rest(published: Published) -> str:
    if not published["accepted"]:
        return ""
    return f"Everything else {'was delivered' if published['delivered'] else 'is on the page'}. "
