"""Inspection: explaining, reviewing, training and measuring a resolution that has ended.

Nothing here takes part in one.
"""
