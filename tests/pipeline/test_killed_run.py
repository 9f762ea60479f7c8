"""P7: a run that dies at any moment costs time, never data."""

import os
import random
import signal
import subprocess
import sys
import time

from dagster_project.settings import PROJECT_ROOT
from tests.pipeline.conftest import Company, land_sample

KILLS = 10 if os.environ.get("HOURGLASS_SOAK") else 1
COMPARED = {
    "orders": "order_id, ordered_at, status, is_sale, gross_revenue, refunded_amount, net_revenue",
    "order_lines": "* EXCLUDE (customer_id)",
    "touchpoints": "touchpoint_id, channel, touched_at",
    "cohort_retention": "*",
    "retention_monthly": "*",
    "attribution_channels": "*",
}


def test_killed_run_is_made_good_by_the_next(sample_company, tmp_path):
    """After a power cut somebody has to repair the warehouse by hand, or rows stand twice."""
    seed = int(os.environ.get("HOURGLASS_SEED", random.randrange(10**6)))
    sys.stdout.write(f"HOURGLASS_SEED={seed}\n")
    moments = random.Random(seed)
    company = Company(tmp_path / "data")
    land_sample(company.data_dir)
    for _ in range(KILLS):
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "dagster_project.cli", "run"),
                *("--data-dir", str(company.data_dir)),
            ],
            cwd=PROJECT_ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(5, 40))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    company.run()
    for mart, columns in COMPARED.items():
        sql = f"SELECT {columns} FROM {mart} ORDER BY ALL"
        assert company.query(sql) == sample_company.query(sql), mart
