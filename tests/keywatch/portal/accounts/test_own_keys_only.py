"""An owner sees their keys only, whoever signs in as whom, in which order, and by which look-alike."""

from __future__ import annotations

import shutil
import string
import tempfile
import unicodedata
from pathlib import Path
from typing import Final

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from keywatch.errors import InvitationError, NoAccountError
from keywatch.portal.accounts.keys import OwnersKeys
from keywatch.portal.provider.model import Identity, Subject
from keywatch.report.engine import open_engine, sqlite_url
from tests.keywatch.portal.accounts.kept import ADMIN, ISSUER, MFA, Kept
from tests.keywatch.report.found import record, write

ADDRESSES: Final = ("kim@keywatch.example", "jos@keywatch.example", "kimi@keywatch.example")

ALIKE: Final = (
    *(form for address in ADDRESSES for form in (address, address.upper(), address.title())),
    "k\u0131m@keywatch.example",
    "\u212aim@keywatch.example",
    "K\u0130M@keywatch.example",
    "\uff4bim@keywatch.example",
    "k\u0456m@keywatch.example",
    "j\u043es@keywatch.example",
    "jo\u017f@keywatch.example",
    "jós@keywatch.example",
    unicodedata.normalize("NFD", "jós@keywatch.example"),
    "kim@keywatch.example ",
    "kim@keywatch\u3002example",
    "kim@kéywatch.example",
    "kim\u200b@keywatch.example",
)
"""Addresses that somebody may have at the provider, or that a key's owner may be called."""

SUBJECTS: Final = tuple(
    Subject(issuer, value) for issuer in (ISSUER, ISSUER.rstrip("/")) for value in ("a", "A", "\uff41")
)
SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

TEMPLATE: list[Path] = []


@pytest.fixture(scope="module", autouse=True)
def template(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Make a store with a key of each owner, to be copied."""
    file = Path(shutil.copy(empty_store, tmp_path_factory.mktemp("keys") / "template.db"))
    engine = open_engine(sqlite_url(file), writing=True)
    write(engine, [record(f"user{place}", Owner=name, OwnerSource="tag") for place, name in enumerate(ALIKE)])
    engine.dispose()
    TEMPLATE[:] = [file]


class Portal(RuleBasedStateMachine):
    """People are invited, sign in, are deleted and come again; a dictionary says who may see what.

    The dictionary knows addresses in small ASCII letters alone, and is right because it does nothing else.
    """

    codes = Bundle("codes")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="keywatch-accounts-"))
        self.kept = Kept(sqlite_url(Path(shutil.copy(TEMPLATE[0], self.folder / "report.db"))))
        self.keys = OwnersKeys(self.kept.url)
        self.bound: dict[str, Subject] = {}
        self.beneficiaries: dict[str, str] = {}
        self.open: dict[str, str] = {}
        self.issued: dict[str, str] = {}

    def teardown(self) -> None:
        """Remove the store."""
        self.keys.close()
        self.kept.store.close()
        shutil.rmtree(self.folder)

    @initialize(target=codes)
    def begin(self) -> str:
        """Have a code that nobody issued."""
        return "A" * 43

    @rule(target=codes, email=st.sampled_from(ADDRESSES), upper=st.booleans(), rebind=st.booleans())
    def invite(self, email: str, *, upper: bool, rebind: bool) -> str:
        """Invite somebody."""
        return self._invite(email, upper=upper, rebind=rebind)

    @rule(code=codes, who=st.sampled_from(SUBJECTS), email=st.sampled_from(ALIKE) | st.none())
    def accept_by_an_address(self, code: str, who: Subject, email: str | None) -> None:
        """Open a link as whoever, with an address that may look like the invited one."""
        self._accept(code, Identity(who, "Somebody", email, email_verified=True))

    @rule(code=codes, who=st.sampled_from(SUBJECTS), verified=st.booleans())
    def accept_as_invited(self, code: str, who: Subject, *, verified: bool) -> None:
        """Open a link with the address that it was sent to, were it used, revoked or another's by now."""
        self._accept(code, Identity(who, "Somebody", self.issued.get(code), verified))

    @rule(target=codes, email=st.sampled_from(ADDRESSES), who=st.sampled_from(SUBJECTS))
    def admit(self, email: str, who: Subject) -> str:
        """Invite somebody, who accepts at once, with their address in capitals."""
        code = self._invite(email, upper=False, rebind=True)
        self._accept(code, Identity(who, "Somebody", email.upper(), email_verified=True))
        return code

    @rule(email=st.sampled_from(ADDRESSES))
    def delete(self, email: str) -> None:
        """Delete an account."""
        try:
            self.kept.store.delete(email, ADMIN)
        except NoAccountError:
            assert email not in self.bound
        self.bound.pop(email, None)
        self.beneficiaries.pop(email, None)
        self.open = {each: of for each, of in self.open.items() if of != email}

    @rule(who=st.sampled_from(SUBJECTS), text=st.sampled_from(["one", "two"]))
    def change(self, who: Subject, text: str) -> None:
        """Change one's own beneficiary."""
        mine = [email for email, each in self.bound.items() if each == who]
        try:
            self.kept.store.set_beneficiary(who, text, strength=MFA)
        except NoAccountError:
            assert not mine
            return
        self.beneficiaries[mine[0]] = text

    def _invite(self, email: str, *, upper: bool, rebind: bool) -> str:
        try:
            code = self.kept.store.invite(email.upper() if upper else email, issued_by=ADMIN, rebind=rebind).code
        except InvitationError:
            assert email in self.bound
            assert not rebind
            return "B" * 43
        assert rebind or email not in self.bound
        self.open = {each: of for each, of in self.open.items() if of != email} | {code: email}
        self.issued[code] = email
        return code

    def _accept(self, code: str, identity: Identity) -> None:
        wanted, email, who = self.open.get(code), identity.email, identity.subject
        fits = identity.email_verified and email is not None and email.isascii() and email.translate(SMALL) == wanted
        elsewhere = any(each == who and address != wanted for address, each in self.bound.items())
        try:
            self.kept.store.accept(code, identity)
        except InvitationError:
            assert not fits or elsewhere
            return
        assert wanted is not None
        assert fits
        assert not elsewhere
        self.bound[wanted] = who
        del self.open[code]

    @invariant()
    def everybody_sees_their_own(self) -> None:
        """Who is bound sees the keys of their address; everybody else sees nothing."""
        for who in SUBJECTS:
            mine = [email for email, each in self.bound.items() if each == who]
            try:
                account = self.kept.store.find(who)
            except NoAccountError:
                assert not mine
                continue
            assert [account.email.translate(SMALL)] == mine
            assert account.beneficiary == self.beneficiaries.get(mine[0])
            expected = {name for name in ALIKE if name.translate(SMALL) == mine[0]}
            page = self.keys.page(account)
            assert {row.key.owner for row in page.rows} == expected
            assert page.total == len(page.rows)


TestPortal = Portal.TestCase
TestPortal.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
