"""What the tests of models stand on says what is broken."""

import json

from tests.integration.conftest import not_built


def test_a_broken_model_is_named(tmp_path):
    """One typing error in a model ends 25 tests in FileNotFoundError, and none says which model."""
    results = [
        {"unique_id": "model.h.orders", "status": "error", "message": "no column a"},
        {"unique_id": "model.h.customers", "status": "skipped", "message": None},
        {"unique_id": "test.h.orders_rules", "status": "fail", "message": "Got 1 result"},
        {"unique_id": "model.h.calls", "status": "success", "message": "OK"},
    ]
    assert not_built(tmp_path, "orders.yml line 3: no such key") == [
        "orders.yml line 3: no such key"
    ]
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}))
    assert not_built(tmp_path, "") == ["model.h.orders: no column a"]
