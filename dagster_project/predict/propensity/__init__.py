"""Propensity scores: calibrated probabilities of leaving and of buying again."""
