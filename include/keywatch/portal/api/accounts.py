"""`/accounts/me`: what a key owner may read and change of themselves, and nobody of anybody else."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from keywatch.errors import AccountChangedError
from keywatch.portal.accounts.keys import MOST_PER_PAGE
from keywatch.portal.accounts.model import Account
from keywatch.portal.api.access import Changer, Reader
from keywatch.portal.api.change import Change, read_change
from keywatch.portal.api.documented import CHANGE_BODY, ETAG, problems
from keywatch.portal.api.parts import TheParts
from keywatch.portal.api.query import only
from keywatch.portal.api.wire import AccountAnswer, KeysAnswer, account_answer, keys_answer

LONGEST_CURSOR: Final = 1024
"""Characters."""

ENTITY_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
"""RFC 9110, section 8.8.3."""

router = APIRouter(prefix="/accounts/me", tags=["accounts"])


async def if_match_of(
    request: Request,
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag of the account as it was read: it is changed only if it has it still.",
        ),
    ] = None,
) -> list[str]:
    """Return the lines of `If-Match`."""
    del if_match  # is there for the OpenAPI document: the first line
    return request.headers.getlist("if-match")


@router.get(
    "",
    operation_id="read_account",
    dependencies=[Depends(only())],
    responses={200: ETAG, **problems(400, 401, 403, 404, 422, 503)},
)
def read_account(reader: Reader, parts: TheParts, response: Response) -> AccountAnswer:
    """Return the caller's account."""
    return _answer(parts.accounts.find(reader.subject), response)


@router.get(
    "/keys",
    operation_id="list_keys",
    dependencies=[Depends(only("cursor", "limit"))],
    responses=problems(400, 401, 403, 404, 422, 503),
)
def list_keys(
    reader: Reader,
    parts: TheParts,
    cursor: Annotated[
        str | None, Query(max_length=LONGEST_CURSOR, description="`next` or `previous` of another page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PER_PAGE, description="The most keys of a page.")] = 50,
) -> KeysAnswer:
    """Return one page of the access keys that the caller answers for, the oldest first."""
    return keys_answer(parts.owners_keys.page(parts.accounts.find(reader.subject), cursor, limit))


@router.patch(
    "",
    operation_id="change_account",
    dependencies=[Depends(only())],
    responses={200: ETAG, **problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 503)},
    openapi_extra={"requestBody": CHANGE_BODY},
)
def change_account(
    changer: Changer,
    change: Annotated[Change, Depends(read_change)],
    parts: TheParts,
    response: Response,
    tags: Annotated[list[str], Depends(if_match_of)],
) -> AccountAnswer:
    """Change the caller's account by a JSON merge patch (RFC 7396), soon after a sign-in with a second factor."""
    account = parts.accounts.find(changer.subject)
    expected = _expected_version(tags, account)
    if not change.is_empty:
        account = parts.accounts.set_beneficiary(
            changer.subject, change.beneficiary, expected_version=expected, strength=changer.strength
        )
    return _answer(account, response)


def _expected_version(lines: list[str], account: Account) -> int | None:
    """Return the version that an account must still have when it is changed; None if any will do.

    Args:
        lines: Of `If-Match` (RFC 9110, section 13.1.1).
        account: As it is now.

    Raises:
        AccountChangedError: The account has none of the versions that are named.
    """
    if not lines or [line.strip() for line in lines] == ["*"]:
        return None
    if _entity_tag(account) not in ENTITY_TAG.findall(", ".join(lines)):
        raise AccountChangedError(
            "The account has been changed since it was read, or If-Match is not its ETag. Read it again, and send the "
            "ETag as it is."
        )
    return account.version


def _answer(account: Account, response: Response) -> AccountAnswer:
    response.headers["ETag"] = _entity_tag(account)
    return account_answer(account)


def _entity_tag(account: Account) -> str:
    return f'"{account.version}"'
