"""An empty Airflow home for this process. Import it before anything of Airflow's, which reads its home only once.

Subprocesses that tests start make homes of their own and inherit nothing of this one.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

if "airflow" in sys.modules:
    raise RuntimeError("Airflow was imported before its home was chosen: import tests.keywatch_airflow.home first.")

AIRFLOW_HOME: Final = Path(tempfile.mkdtemp(prefix="keywatch-airflow-home-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)

for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]
os.environ["AIRFLOW_HOME"] = str(AIRFLOW_HOME)
os.environ["AIRFLOW__AWS__SESSION_FACTORY"] = "keywatch_airflow.aws_session.SessionFactory"
