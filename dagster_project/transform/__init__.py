"""dbt: how it is called, what it parsed, and where its own connection to the warehouse leads.

``project`` holds paths, environment and manifest, ``dbt_server`` is what a run's calls are forked
from, ``connection`` is the plugin that dbt loads, ``thresholds`` the numbers that models and report
share. The models stand in ``dbt/``; what their tests found is read in ``quality/dbt_results.py``.
"""
