"""Activation: who is to hear what, with their consent, and how it gets there.

``definitions`` reads the audiences (data, in ``audiences/``), ``membership`` builds the marts
``audiences`` and ``audience_changes``, ``exports`` writes files with addresses by the schemas in
``destinations/``, ``delivery`` sends changes to a webhook. Nothing here knows about orchestration.
"""
