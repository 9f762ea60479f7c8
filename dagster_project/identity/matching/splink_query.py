"""Splink's query: the SQL with which it scores pairs by the reviewed model."""

import json
import logging
import re
from functools import lru_cache
from typing import Any

from dagster_project.warehouse import connect_file


def frequency_floors(model: dict[str, Any]) -> dict[str, float]:
    """Columns whose values weigh by how rare they are, with the share below which all are alike."""
    return {
        level["tf_adjustment_column"]: level["tf_minimum_u_value"]
        for comparison in model["comparisons"]
        for level in comparison["comparison_levels"]
        if "tf_adjustment_column" in level
    }


def splink_settings(model: dict[str, Any], probability: float) -> dict[str, Any]:
    """The model with this prior; it scores the pairs that it is given."""
    return {
        **model,
        "retain_intermediate_calculation_columns": True,
        "probability_two_random_records_match": probability,
        "blocking_rules_to_generate_predictions": [],
    }


@lru_cache(maxsize=16)
def splinks_query(model: str, probability: float, review: float, tables: tuple[str, ...]) -> str:
    """Splink's query of the pairs that reach ``review``, over ``tables`` and ``candidates``.

    Splink writes it on empty tables, and once for a process: that takes longer than the scores of a
    few thousand pairs.
    """
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    empty = connect_file(":memory:")
    try:
        for sql in tables:
            empty.execute(sql)
        empty.execute(
            "CREATE TABLE candidates (join_key_l BIGINT, join_key_r BIGINT, match_key VARCHAR)"
        )
        api = DuckDBAPI(connection=empty)
        reviewed = json.loads(model)
        linker = Linker(
            api.register("profiles"),
            splink_settings(reviewed, probability),
            log_level=None,
            # A second of checks of column names that the tests of this module make anyway.
            validate_settings=False,
        )
        for field in frequency_floors(reviewed):
            linker.table_management.register_term_frequency_lookup(
                api.register(f"frequency_{field}"), field
            )
        linker.table_management.register_blocked_pairs_for_predict(api.register("candidates"))
        found = linker.inference.predict(threshold_match_probability=review, warning_mode="never")
    finally:
        empty.close()
    # It reads the profiles of each side from a table of its own; here all are of some candidate.
    return re.sub(
        r"__splink__df_pruned_predict_input_[lr]_\w{9}", "profiles", found.sql_used_to_create
    )
