"""Markov attribution: what each channel's removal would cost, from the journeys' transitions."""
