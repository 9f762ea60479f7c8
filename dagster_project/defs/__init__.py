"""Everything that knows about Dagster, thin: each asset calls one verb of the package beside it."""
