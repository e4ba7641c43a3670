"""Step 5, the last: fail the run if anything is missing, and name it."""

from __future__ import annotations

from keywatch.errors import IncompleteReportError
from keywatch.pipeline.azure.manifests import PublishedActivity


def activity_verdict(published: PublishedActivity | None) -> str:
    """Return one line that sums up a complete run.

    Args:
        published: What `publish_activity` found; None if it, or the listing of subscriptions, did not succeed.

    Raises:
        IncompleteReportError: A subscription was not read, or a record not accepted; the message names it.
    """
    if published is None:
        raise IncompleteReportError(
            "Nothing was published. Open the log of the first red task of this run and do what it says; then clear "
            "that task with everything downstream."
        )
    counted = ", ".join(f"{count} {status}" for status, count in sorted(published["statuses"].items()))
    read = (
        f"{published['events']:,} events from {published['window_start'][:16]} to {published['window_end'][:16]} UTC, "
        f"{published['virtual_machines']:,} virtual machines ({counted})"
    )
    if published["complete"]:
        return f"Complete: {read}; {published['accepted']:,} records delivered."
    more = [f"... and {published['more_problems']} more, in Azure_Subscription_Audit_CL"] * bool(
        published["more_problems"]
    )
    summary = f"The report is incomplete: {read}; {published['accepted']:,} records delivered. What is missing:"
    raise IncompleteReportError("\n".join([summary, *published["problems"], *more]))
