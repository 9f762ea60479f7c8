"""The core models: one dbt build, and the SQL that it compiled on many small companies."""
