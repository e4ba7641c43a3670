"""S3 as the local cloud plays it, asked by stock boto3 and s3fs, and by hand."""

from __future__ import annotations

import base64
import hashlib
import io
import zlib
from dataclasses import replace
from typing import Any, Literal

import pytest
import requests
import s3fs
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud import Fault, FaultKind, LocalCloud
from tests.localcloud.azure import Azure
from tests.localcloud.conftest import BOTO, Aws, Credentials
from tests.localcloud.roles_anywhere import CreateSession, Identity, asked, credentials_of

ODD_KEY = "reports/a b/ü+c&=?~'().json"


@pytest.fixture
def session(cloud: LocalCloud, azure: Azure) -> Credentials:
    """Give a session of the audit role, got by a certificate."""
    return credentials_of(CreateSession(cloud, Identity.in_vault(azure), asked(cloud)).send())


@pytest.fixture(params=["path", "virtual"])
def s3(request: pytest.FixtureRequest, cloud: LocalCloud, session: Credentials) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Give a client that names the bucket in the path, and one that names it in the host."""
    return client(cloud, session, request.param)


def client(cloud: LocalCloud, credentials: Credentials, style: Literal["path", "virtual"] = "path") -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a client that tries once."""
    return BOTO.client(
        "s3",
        region_name="us-east-1",
        config=Config(
            proxies={"https": cloud.proxy_url}, retries={"total_max_attempts": 1}, s3={"addressing_style": style}
        ),
        verify=str(cloud.ca_bundle),
        aws_access_key_id=credentials.key_id,
        aws_secret_access_key=credentials.secret,
        aws_session_token=credentials.token,
    )


def refusal(call: Any, **values: object) -> tuple[int, str]:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a call that is refused, and give HTTP status and code."""
    with pytest.raises(ClientError) as caught:
        call(**values)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def keys_of(s3: Any, bucket: str, **values: object) -> list[str]:  # noqa: ANN401 - boto3 makes its clients at run time
    """List a bucket's keys, all pages."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **values)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def test_object_comes_back(cloud: LocalCloud, s3: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """What was put is got, whole and in part, described and listed, until it is deleted."""
    where = {"Bucket": cloud.aws.bucket, "Key": ODD_KEY}
    s3.put_object(**where, Body=b"content", Metadata={"run": "one"}, ContentType="application/json")
    head = s3.head_object(**where)

    assert s3.get_object(**where)["Body"].read() == b"content"
    assert s3.get_object(**where, Range="bytes=1-3")["Body"].read() == b"ont"
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (7, "application/json", {"run": "one"})
    assert head["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'  # noqa: S324 - S3's own
    assert keys_of(s3, cloud.aws.bucket) == [ODD_KEY]

    s3.delete_object(**where)

    assert refusal(s3.head_object, **where) == (404, "404")
    assert refusal(s3.get_object, **where) == (404, "NoSuchKey")


def test_listing_has_pages_and_folders(cloud: LocalCloud, s3: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """A listing goes over pages, below a prefix, with what lies deeper as common prefixes."""
    names = [f"run/{number}/rows" for number in range(5)] + ["run/manifest"]
    for name in names:
        s3.put_object(Bucket=cloud.aws.bucket, Key=name, Body=b"x")
    page = s3.list_objects_v2(Bucket=cloud.aws.bucket, Prefix="run/", Delimiter="/")

    assert keys_of(s3, cloud.aws.bucket, PaginationConfig={"PageSize": 2}) == sorted(names)
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == [f"run/{number}/" for number in range(5)]
    assert [each["Key"] for each in page["Contents"]] == ["run/manifest"]


def test_several_objects_are_deleted_at_once(cloud: LocalCloud, s3: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """DeleteObjects deletes what it names."""
    for name in ("a", "b", ODD_KEY):
        s3.put_object(Bucket=cloud.aws.bucket, Key=name, Body=b"x")
    s3.delete_objects(Bucket=cloud.aws.bucket, Delete={"Objects": [{"Key": "a"}, {"Key": ODD_KEY}]})

    assert keys_of(s3, cloud.aws.bucket) == ["b"]


def test_large_object_comes_in_parts(cloud: LocalCloud, s3: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """A multipart upload makes one object of its parts, and an aborted one makes none."""
    bucket, part = cloud.aws.bucket, 5 * 2**20
    content = bytes(range(256)) * (part // 128)
    s3.upload_fileobj(
        io.BytesIO(content), bucket, "large", Config=TransferConfig(multipart_threshold=part, multipart_chunksize=part)
    )
    upload = s3.create_multipart_upload(Bucket=bucket, Key="aborted")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="aborted", UploadId=upload)

    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == content
    assert keys_of(s3, bucket) == ["large"]


def test_object_is_copied(cloud: LocalCloud, s3: Any) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    """A copy needs the source's permission as well, and is logged as what it is."""
    bucket = cloud.aws.bucket
    s3.put_object(Bucket=bucket, Key="source", Body=b"content")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})
    foreign = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": "elsewhere", "Key": "source"}}

    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"content"
    assert refusal(s3.copy_object, **foreign) == (403, "AccessDenied")
    assert [each.status for each in cloud.requests(action="CopyObject")] == [200, 403]


def test_s3fs_works(cloud: LocalCloud, session: Credentials) -> None:
    """What s3fs does, through aiobotocore, works: write, read, list, move, delete, and a file of several parts."""
    folder = f"{cloud.aws.bucket}/staging"
    files = s3fs.S3FileSystem(
        key=session.key_id,
        secret=session.secret,
        token=session.token,
        client_kwargs={"region_name": "us-east-1", "verify": str(cloud.ca_bundle)},
        config_kwargs={"proxies": {"https": cloud.proxy_url}},
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    large = b"x" * (6 * 2**20)
    files.pipe_file(f"{folder}/small.ndjson", b"row")
    with files.open(f"{folder}/large", "wb", block_size=5 * 2**20) as file:
        file.write(large)
    files.mv(f"{folder}/small.ndjson", f"{folder}/moved.ndjson")

    assert files.cat_file(f"{folder}/moved.ndjson") == b"row"
    assert files.cat_file(f"{folder}/large") == large
    assert sorted(files.ls(folder, detail=False)) == [f"{folder}/large", f"{folder}/moved.ndjson"]
    assert not files.exists(f"{folder}/small.ndjson")

    files.rm(folder, recursive=True)

    assert files.find(cloud.aws.bucket) == []


def test_auditors_key_works_too(cloud: LocalCloud, aws: Aws) -> None:
    """The auditor's own access key may use the bucket."""
    s3 = client(cloud, aws.auditor)
    s3.put_object(Bucket=cloud.aws.bucket, Key="k", Body=b"x")

    assert keys_of(s3, cloud.aws.bucket) == ["k"]


def test_reset_empties_the_bucket(cloud: LocalCloud, aws: Aws) -> None:
    """After a reset the bucket is there and empty."""
    client(cloud, aws.auditor).put_object(Bucket=cloud.aws.bucket, Key="k", Body=b"x")
    cloud.reset()

    assert keys_of(client(cloud, aws.auditor), cloud.aws.bucket) == []


def test_anonymous_request_is_refused(cloud: LocalCloud) -> None:
    """Nobody is let in without a signature."""
    s3 = BOTO.client(
        "s3",
        config=Config(signature_version=UNSIGNED, proxies={"https": cloud.proxy_url}),
        verify=str(cloud.ca_bundle),
    )

    assert refusal(s3.list_objects_v2, Bucket=cloud.aws.bucket) == (403, "AccessDenied")
    assert refusal(s3.put_object, Bucket=cloud.aws.bucket, Key="k", Body=b"x") == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"secret": "x" * 40}, (403, "SignatureDoesNotMatch")),
        ({"token": "other"}, (400, "InvalidToken")),
        ({"token": None}, (403, "InvalidAccessKeyId")),
        ({"key_id": "ASIA" + "A" * 16}, (403, "InvalidAccessKeyId")),
    ],
    ids=str,
)
def test_wrong_credentials_are_refused(
    cloud: LocalCloud, session: Credentials, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Another secret, another or no session token, and an unknown key are refused."""
    s3 = client(cloud, replace(session, **changes))

    assert refusal(s3.get_object, Bucket=cloud.aws.bucket, Key="k") == expected


def test_users_key_needs_no_token(cloud: LocalCloud, aws: Aws) -> None:
    """A session token with a user's access key is refused."""
    s3 = client(cloud, replace(aws.auditor, token="other"))

    assert refusal(s3.get_object, Bucket=cloud.aws.bucket, Key="k") == (400, "InvalidToken")


def test_ended_session_is_refused(cloud: LocalCloud, azure: Azure) -> None:
    """When a session has ended, its token has expired."""
    cloud.set_session_lifetime(0)
    ended = credentials_of(CreateSession(cloud, Identity.in_vault(azure), asked(cloud)).send())

    assert refusal(client(cloud, ended).get_object, Bucket=cloud.aws.bucket, Key="k") == (400, "ExpiredToken")


@pytest.mark.parametrize(
    ("operation", "values"),
    [
        ("list_buckets", {}),
        ("get_object", {"Bucket": "somebody-elses", "Key": "k"}),
        ("list_objects_v2", {"Bucket": "somebody-elses"}),
        ("create_bucket", {"Bucket": "new-bucket"}),
        ("delete_bucket", {"Bucket": "{bucket}"}),
        ("list_multipart_uploads", {"Bucket": "{bucket}"}),
    ],
)
def test_missing_permission_is_refused(
    cloud: LocalCloud, session: Credentials, operation: str, values: dict[str, str]
) -> None:
    """What no policy of the role allows is denied."""
    named = {name: value.replace("{bucket}", cloud.aws.bucket) for name, value in values.items()}

    assert refusal(getattr(client(cloud, session), operation), **named) == (403, "AccessDenied")


def test_session_policy_limits_s3(cloud: LocalCloud, azure: Azure) -> None:
    """A profile whose session policy allows reading alone gives a session that cannot write."""
    arn = f"arn:aws:s3:::{cloud.aws.bucket}"
    reading = {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": [arn, f"{arn}/*"]}
    cloud.change_profile(session_policy={"Version": "2012-10-17", "Statement": [reading]})
    s3 = client(cloud, credentials_of(CreateSession(cloud, Identity.in_vault(azure), asked(cloud)).send()))

    assert keys_of(s3, cloud.aws.bucket) == []
    assert refusal(s3.put_object, Bucket=cloud.aws.bucket, Key="k", Body=b"x") == (403, "AccessDenied")
    assert refusal(s3.delete_object, Bucket=cloud.aws.bucket, Key="k") == (403, "AccessDenied")


def test_other_accounts_are_kept_out(cloud: LocalCloud, aws: Aws) -> None:
    """The bucket lets nobody in from another account."""
    s3 = client(cloud, aws.assume(cloud.aws.account_ids[1]))

    assert refusal(s3.list_objects_v2, Bucket=cloud.aws.bucket) == (403, "AccessDenied")


def test_other_operations_are_not_played(cloud: LocalCloud, session: Credentials) -> None:
    """What is not played says so, for objects and buckets and in presigned URLs."""
    s3 = client(cloud, session)
    where = {"Bucket": cloud.aws.bucket, "Key": "k"}
    url = s3.generate_presigned_url("get_object", Params=where)
    answer = requests.get(url, proxies={"https": cloud.proxy_url}, verify=str(cloud.ca_bundle), timeout=30)

    assert refusal(s3.get_object_tagging, **where) == (501, "NotImplemented")
    assert refusal(s3.get_bucket_policy, Bucket=cloud.aws.bucket) == (501, "NotImplemented")
    assert answer.status_code == 501


def test_region_of_the_signature_is_checked(cloud: LocalCloud, session: Credentials) -> None:
    """A signature for another region is told which one is right."""
    answer = Put(cloud, session, region="eu-west-1").send()

    assert (answer.status_code, code_of(answer)) == (400, "AuthorizationHeaderMalformed")
    assert "<Region>us-east-1</Region>" in answer.text


class Signer(S3SigV4Auth):
    """botocore's signer, that signs the hash it is told instead of the body's."""

    declared: str | None = None

    def payload(self, request: AWSRequest) -> str:
        """Give that hash."""
        return self.declared or str(super().payload(request))


class Put:
    """A PutObject request, signed by botocore, that can be changed afterwards."""

    def __init__(self, cloud: LocalCloud, credentials: Credentials, region: str = "us-east-1", **headers: str) -> None:
        self.cloud = cloud
        self.url = f"https://s3.us-east-1.amazonaws.com/{cloud.aws.bucket}/k"
        self.body = b"content"
        signed = AWSRequest("PUT", self.url, data=self.body, headers=headers)
        keys = BotoCredentials(credentials.key_id, credentials.secret, credentials.token)
        signer = Signer(keys, "s3", region)
        signer.declared = headers.get("X-Amz-Content-SHA256")
        signer.add_auth(signed)
        self.headers = dict(signed.headers.items())

    def send(self, body: bytes | None = None, **headers: str) -> requests.Response:
        """Send it, with another body or other headers than were signed."""
        changed = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        with requests.Session() as session:
            session.trust_env = False
            return session.put(
                self.url,
                data=self.body if body is None else body,
                headers={name: value for name, value in changed.items() if value},
                proxies={"https": self.cloud.proxy_url},
                verify=str(self.cloud.ca_bundle),
                timeout=30,
            )


def code_of(answer: requests.Response) -> str:
    """Read the code of a refusal."""
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_request_that_was_changed_is_refused(cloud: LocalCloud, session: Credentials) -> None:
    """Another body, another signed header, and a header that is not signed are each refused."""
    put = Put(cloud, session)

    assert put.send().status_code == 200
    assert code_of(put.send(b"other")) == "XAmzContentSHA256Mismatch"
    assert code_of(put.send(X_Amz_Content_SHA256=hashlib.sha256(b"other").hexdigest())) == "SignatureDoesNotMatch"
    assert code_of(put.send(x_amz_acl="public-read")) == "AccessDenied"
    assert code_of(put.send(X_Amz_Content_SHA256="")) == "InvalidRequest"
    assert code_of(put.send(Authorization="AWS4-HMAC-SHA256 nonsense")) == "AuthorizationHeaderMalformed"


CRC_OF_CONTENT = base64.b64encode(zlib.crc32(b"content").to_bytes(4, "big")).decode()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-MD5": "mgNkuembtxDduiXJyGxlJA=="}, "BadDigest"),
        ({"x-amz-checksum-sha256": "mgNkuembtxDduiXJyGxlJA=="}, "BadDigest"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
        ({"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "NotImplemented"),
    ],
    ids=str,
)
def test_checksum_is_checked(cloud: LocalCloud, session: Credentials, headers: dict[str, str], code: str) -> None:
    """A body that is not what a checksum says is refused; chunks that are signed one by one are not played."""
    assert code_of(Put(cloud, session, **headers).send()) == code


def chunked(cloud: LocalCloud, session: Credentials, length: int = 7) -> Put:
    """Give a request that announces chunks and a trailer, as botocore sends a stream."""
    return Put(
        cloud,
        session,
        **{
            "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "Content-Encoding": "aws-chunked",
            "X-Amz-Trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": str(length),
        },
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (f"3\r\ncon\r\n4\r\ntent\r\n0\r\nx-amz-checksum-crc32:{CRC_OF_CONTENT}\r\n\r\n", ""),
        ("7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "BadDigest"),
        ("7\r\ncontent\r\n0\r\n\r\n", "MalformedTrailerError"),
        (f"6\r\nconten\r\n0\r\nx-amz-checksum-crc32:{CRC_OF_CONTENT}\r\n\r\n", "IncompleteBody"),
        ("7\r\ncontent\r\n", "IncompleteBody"),
        ("content", "IncompleteBody"),
    ],
    ids=range(6),
)
def test_chunks_are_checked(cloud: LocalCloud, session: Credentials, body: str, code: str) -> None:
    """A body in chunks is put together, and held against its length and the checksum in its trailer."""
    assert code_of(chunked(cloud, session).send(body.encode())) == code


def test_stream_is_sent_in_chunks(cloud: LocalCloud, session: Credentials) -> None:
    """What botocore sends for a stream, with a checksum behind it, is taken."""
    s3 = client(cloud, session)
    where = {"Bucket": cloud.aws.bucket, "Key": "k"}
    s3.put_object(**where, Body=io.BytesIO(b"content"), ChecksumAlgorithm="SHA256")

    assert s3.get_object(**where)["Body"].read() == b"content"


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_character_is_refused(cloud: LocalCloud, aws: Aws, data: st.DataObject) -> None:
    """Any one character of the Authorization header changed makes the request refused."""
    put = Put(cloud, aws.auditor)
    right = put.headers["Authorization"]
    position = data.draw(st.integers(0, len(right) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda each: each != right[position]))

    assert put.send(Authorization=right[:position] + other + right[position + 1 :]).status_code in {400, 403}


@given(key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_and_prefix_is_signed_for(cloud: LocalCloud, aws: Aws, key: str) -> None:
    """Whatever characters a key or a prefix is made of, botocore's signature for it fits."""
    s3 = client(cloud, aws.auditor)

    assert refusal(s3.head_object, Bucket=cloud.aws.bucket, Key=f"k{key}") == (404, "404")
    assert keys_of(s3, cloud.aws.bucket, Prefix=key) == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultKind.THROTTLE, action="GetObject"), (503, "SlowDown")),
        (Fault(FaultKind.DENY, action="GetObject"), (403, "AccessDenied")),
        (Fault(FaultKind.STATUS, action="GetObject", status=500), (500, "InternalError")),
    ],
    ids=str,
)
def test_faults_can_be_injected(cloud: LocalCloud, aws: Aws, fault: Fault, expected: tuple[int, str]) -> None:
    """Throttling, denial and failure are as S3 says them."""
    cloud.inject(fault)
    call = client(cloud, aws.auditor).get_object

    assert refusal(call, Bucket=cloud.aws.bucket, Key="k") == expected
    assert refusal(call, Bucket=cloud.aws.bucket, Key="k") == (404, "NoSuchKey")


def test_log_tells_operation_and_object(cloud: LocalCloud, aws: Aws) -> None:
    """The request log names operation, account, bucket and key."""
    client(cloud, aws.auditor).put_object(Bucket=cloud.aws.bucket, Key="a/b", Body=b"x")
    record = cloud.requests(action="PutObject")[0]

    assert (record.account, record.status, record.detail) == (cloud.aws.account_id, 200, f"{cloud.aws.bucket}/a/b")
