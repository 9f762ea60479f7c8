"""A simulated company: extracts of all four systems, and the truth about them beside.

See ``rates`` for how often it errs and by which laws its customers behave, ``company`` for how it
is put together.
"""

from dagster_project.sample.company import COMMITTED, END_DATE, SAMPLE_DIR, write_company

__all__ = ["COMMITTED", "END_DATE", "SAMPLE_DIR", "write_company"]
