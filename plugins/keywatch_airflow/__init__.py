"""What plugs into Airflow: connections in, library objects out. Counts go where Airflow's own go."""

from keywatch.metrics import use
from keywatch_airflow.stats import AirflowSink

use(AirflowSink())
