# Keywatch in the official image of Airflow: the pins of constraints.txt take the place of the image's own.
FROM apache/airflow:3.3.2-python3.12 AS keywatch

COPY --chown=airflow:root . /opt/keywatch
RUN pip install --no-cache-dir --constraint /opt/keywatch/constraints.txt --editable '/opt/keywatch[celery]'

# The same with the local cloud, which plays AWS and Azure.
FROM keywatch AS local

WORKDIR /opt/keywatch
RUN pip install --no-cache-dir --constraint constraints.txt --group localcloud && mkdir -p .airflow/localcloud
WORKDIR /opt/airflow
