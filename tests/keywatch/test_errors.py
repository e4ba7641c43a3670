"""The tree of errors."""

from __future__ import annotations

import inspect
import re

from keywatch import errors
from keywatch.errors import AccessDeniedError, KeywatchError, PermanentError, TransientError, UnreachableError

CLASSES = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
}


def test_errors_know_whether_a_retry_can_help() -> None:
    """Every error is permanent or transient, and none is both."""
    leaves = [kind for kind in CLASSES.values() if kind not in (KeywatchError, PermanentError, TransientError)]

    assert leaves
    assert [kind for kind in leaves if issubclass(kind, PermanentError) == issubclass(kind, TransientError)] == []
    assert {KeywatchError} == {kind.__base__ for kind in (PermanentError, TransientError)}


def test_errors_are_all_in_the_drawn_tree() -> None:
    """The tree in the module's docstring shows every error, below the right one of the two branches."""
    permanent, _, transient = str(errors.__doc__).partition("TransientError")
    drawn = {
        PermanentError: set(re.findall(r"\w+Error", permanent)) - {"KeywatchError", "PermanentError"},
        TransientError: set(re.findall(r"\w+Error", transient)),
    }

    for branch, names in drawn.items():
        assert {name for name, kind in CLASSES.items() if issubclass(kind, branch) and kind is not branch} == names


def test_transient_error_says_what_the_next_try_should_know() -> None:
    """How long to wait, and whether it may be done already, travel with the error."""
    error = UnreachableError("away", retry_after=3, perhaps_done=True)

    assert (str(error), error.retry_after, error.perhaps_done) == ("away", 3, True)


def test_access_denied_error_names_whom_if_known() -> None:
    """The message reads well with and without the principal."""
    assert "denies iam:ListUsers. Allow" in str(AccessDeniedError("1" * 12, "iam:ListUsers"))
    assert "denies iam:ListUsers to arn:x. Allow" in str(AccessDeniedError("1" * 12, "iam:ListUsers", "arn:x"))
