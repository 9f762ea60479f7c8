"""Report sections: one module per part, each with ``MARTS`` and ``build(context) -> Section``.

A section asks whole marts with one or two queries, shapes the answer into blocks, and says so when
its source was not delivered. ``MARTS`` names every mart that it reads. Which page a section stands
on is in ``pages``.
"""
