"""From a delivered file to records of text: bytes, CSV dialect, header, parsing, conversion.

Nothing here knows types, rules or tables.
"""
