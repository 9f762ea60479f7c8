"""Incremental resolution: which records a day's changes can affect, and the state that tells it."""
