"""Which operation a request to S3 is, and which permission that needs.

Sources: S3 API reference, and "Required permissions for Amazon S3 API operations" of the S3 user guide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote

from localcloud.http1 import Request

HOST: Final = re.compile(r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?s3(?:\.us-east-1)?\.amazonaws\.com")
COPY: Final = "x-amz-copy-source"


class Level(Enum):
    """What a request is about."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


OPERATIONS: Final[dict[tuple[str, Level, str], tuple[str, str]]] = {
    ("GET", Level.SERVICE, ""): ("ListBuckets", "s3:ListAllMyBuckets"),
    ("GET", Level.BUCKET, "list-type"): ("ListObjectsV2", "s3:ListBucket"),
    ("GET", Level.BUCKET, "location"): ("GetBucketLocation", "s3:GetBucketLocation"),
    ("GET", Level.BUCKET, "uploads"): ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("GET", Level.BUCKET, ""): ("ListObjects", "s3:ListBucket"),
    ("HEAD", Level.BUCKET, ""): ("HeadBucket", "s3:ListBucket"),
    ("POST", Level.BUCKET, "delete"): ("DeleteObjects", "s3:DeleteObject"),
    ("PUT", Level.BUCKET, ""): ("CreateBucket", "s3:CreateBucket"),
    ("DELETE", Level.BUCKET, ""): ("DeleteBucket", "s3:DeleteBucket"),
    ("GET", Level.OBJECT, "uploadId"): ("ListParts", "s3:ListMultipartUploadParts"),
    ("GET", Level.OBJECT, ""): ("GetObject", "s3:GetObject"),
    ("HEAD", Level.OBJECT, ""): ("HeadObject", "s3:GetObject"),
    ("PUT", Level.OBJECT, "uploadId"): ("UploadPart", "s3:PutObject"),
    ("PUT", Level.OBJECT, ""): ("PutObject", "s3:PutObject"),
    ("POST", Level.OBJECT, "uploads"): ("CreateMultipartUpload", "s3:PutObject"),
    ("POST", Level.OBJECT, "uploadId"): ("CompleteMultipartUpload", "s3:PutObject"),
    ("DELETE", Level.OBJECT, "uploadId"): ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
    ("DELETE", Level.OBJECT, ""): ("DeleteObject", "s3:DeleteObject"),
}
"""By method, level and the word in the query that tells operations apart: what is played."""
COPIES: Final = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
"""What an operation is called whose data come from another object."""
SELECTING: Final = ("list-type", "location", "uploads", "delete", "uploadId")
PARAMETERS: Final = frozenset(
    {
        *SELECTING,
        *("prefix", "delimiter", "encoding-type", "max-keys", "marker", "continuation-token", "start-after"),
        *("fetch-owner", "partNumber", "part-number-marker", "max-parts", "max-uploads", "key-marker"),
        *("upload-id-marker", "x-id", "versionId"),
    }
)
"""What a query may hold; any other word asks for what is not played, such as an ACL or a presigned URL's rights."""


@dataclass(frozen=True)
class Operation:
    """What a request asks for.

    Attributes:
        name: such as PutObject; None if it is not played.
        permission: such as s3:PutObject.
        bucket: the bucket's name, or nothing.
        path: the object's key as it was sent, percent-encoded; or nothing.
    """

    name: str | None
    permission: str
    bucket: str
    path: str

    @classmethod
    def read(cls, host: str, request: Request) -> Operation:
        """Read a request, whether host or path names the bucket."""
        named = HOST.fullmatch(host)
        bucket, path = (named["bucket"] or "" if named else ""), request.path.removeprefix("/")
        if not bucket:
            bucket, _, path = path.partition("/")
        level = Level.OBJECT if path else Level.BUCKET if bucket else Level.SERVICE
        query = request.query
        word = next((each for each in SELECTING if each in query), "")
        known = OPERATIONS.get((request.method, level, word)) if PARAMETERS.issuperset(query) else None
        name, permission = known or (None, "")
        if COPY in request.headers:
            name = COPIES.get(name or "")
        return cls(name, permission, bucket, path)

    @property
    def resource(self) -> str:
        """The ARN that the permission is needed for; of the deletion of several objects, all of the bucket's."""
        if self.name == "ListBuckets":
            return "*"
        if self.name == "DeleteObjects":
            return f"arn:aws:s3:::{self.bucket}/*"
        return f"arn:aws:s3:::{self.bucket}" + (f"/{unquote(self.path)}" if self.path else "")

    def needs(self, request: Request) -> list[tuple[str, str]]:
        """List permissions and resources, of a copy those for its source as well."""
        needed = [(self.permission, self.resource)]
        if COPY in request.headers:
            source = unquote(request.headers[COPY]).partition("?")[0].removeprefix("/")
            needed.append(("s3:GetObject", f"arn:aws:s3:::{source}"))
        return needed
