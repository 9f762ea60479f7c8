"""From text to typed values: load targets, casts, inference of formats, rules of a record."""
