"""A DAG of stock Amazon parts alone, which knows nothing of certificates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.amazon.aws.operators.s3 import S3CreateObjectOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import ObjectStoragePath, Param, dag, task

KEY = "s3://{{ params.bucket }}/stock/object"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"bucket": Param("", type="string")},
)
def stock_amazon() -> None:
    """Write an object, wait for it in a trigger, and read it as a file."""

    @task
    def read(params: Any = None) -> str:  # noqa: ANN401 - as in every DAG
        return ObjectStoragePath(f"s3://aws_default@{params['bucket']}/stock/object").read_text()

    write = S3CreateObjectOperator(task_id="write", s3_key=KEY, data="written", replace=True)
    wait = S3KeySensor(task_id="wait", bucket_key=KEY, deferrable=True, poke_interval=1)
    write >> wait >> read()


stock_amazon()
