"""What Signature Version 4 and its X.509 variant sign (IAM user guide, "Create a signed AWS API request").

Written from that description, not with botocore, so that the two can disagree.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, urlsplit

from localcloud.http1 import Request

SKEW = timedelta(minutes=15)
"""How far a request's date may be off; for IAM Roles Anywhere unverified."""
AUTHORIZATION = re.compile(
    r"(?P<algorithm>AWS4-[A-Z0-9-]+) Credential=(?P<who>[A-Za-z0-9]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/"
    r"(?P<service>[a-z0-9-]+)/aws4_request, ?SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]+)"
)
SPACES = re.compile(r" +")


@dataclass(frozen=True)
class Signed:
    """What a request's Authorization header says.

    Attributes:
        algorithm: such as AWS4-HMAC-SHA256.
        who: an access key id, or a certificate's serial number.
        day: YYYYMMDD.
        region: such as us-east-1.
        service: such as s3.
        headers: names of the signed headers.
        signature: as hex digits.
    """

    algorithm: str
    who: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str

    @classmethod
    def read(cls, request: Request) -> Signed | None:
        """Read the header; None if it is not there or not complete."""
        found = AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if found is None:
            return None
        values = found.groupdict()
        return cls(headers=tuple(values.pop("signed").split(";")), **values)

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    def covers(self, request: Request, *needed: str) -> bool:
        """Tell whether the signed headers are in order: sorted, all there, and among them all that must be."""
        amazon = {name for name in request.headers if name.startswith("x-amz-")}
        listed = set(self.headers)
        in_order = list(self.headers) == sorted(listed)
        return in_order and listed <= set(request.headers) and {*needed, "host"} | amazon <= listed

    def date(self, request: Request) -> datetime | None:
        """Give the request's date; None if it is not readable or of another day than the scope."""
        text = request.headers.get("x-amz-date", "")
        try:
            moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        return moment if text == moment.strftime("%Y%m%dT%H%M%SZ") and text.startswith(self.day) else None

    def string_to_sign(self, request: Request, payload_hash: str) -> str:
        """Write what is signed."""
        canonical = hashlib.sha256(self._canonical(request, payload_hash).encode("latin-1")).hexdigest()
        return "\n".join((self.algorithm, request.headers["x-amz-date"], self.scope, canonical))

    def _canonical(self, request: Request, payload_hash: str) -> str:
        lines = (f"{name}:{SPACES.sub(' ', request.headers[name].strip())}\n" for name in self.headers)
        return "\n".join(
            (
                request.method,
                _encoded(request.path, "/"),
                canonical_query(request.target),
                "".join(lines),
                ";".join(self.headers),
                payload_hash,
            )
        )


def canonical_query(target: str) -> str:
    """Sort a target's query by name and value, each percent-encoded anew."""
    parts = (each.partition("=") for each in urlsplit(target).query.split("&") if each)
    return "&".join(
        f"{name}={value}" for name, value in sorted((_encoded(name), _encoded(value)) for name, _, value in parts)
    )


def hmac_signature(secret: str, signed: Signed, string_to_sign: str) -> str:
    """Sign with a secret access key, by the key derived for the scope."""
    key = f"AWS4{secret}".encode()
    for part in (signed.day, signed.region, signed.service, "aws4_request", string_to_sign):
        key = hmac.new(key, part.encode("latin-1"), hashlib.sha256).digest()
    return key.hex()


def _encoded(text: str, kept: str = "") -> str:
    return quote(unquote(text), safe=f"{kept}~")
