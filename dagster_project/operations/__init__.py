"""Operation of the pipeline: one run at a time, and what each build is of.

``lock`` keeps two runs apart, ``build_plan`` decides whether there is anything to build. When and
by whom a run is started stands in ``defs/``.
"""
