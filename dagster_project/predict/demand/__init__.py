"""Demand forecasting: units by category and week."""
