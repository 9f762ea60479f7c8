"""Driver analysis: what goes together with value and with leaving."""
