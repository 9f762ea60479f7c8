"""Clustering: matched pairs to people, and the records that describe nobody attached to them."""
