"""Privacy: erasure, what is held about a person, how long, and the record of processing.

``erasure`` is the verb, with its steps in ``landing``, ``warehouse_copy``, ``versions`` and
``leftovers``; ``suppression`` keeps erased people out of new deliveries. Nothing here knows about
orchestration.
"""
