"""Customer lifetime value: how often, until when and for how much each customer buys."""
