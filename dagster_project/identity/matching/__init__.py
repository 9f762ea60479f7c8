"""Record matching: which pairs of contacts and accounts are one person, before they are grouped."""
