"""How long tests that could go on for ever go on, and the seed that repeats one of them."""

import os
import random
import sys

# make soak sets it; no HOURGLASS_ in front, because settings refuse such names that they lack.
SOAK = os.environ.get("SOAK") == "1"

# Seeds of the random companies that marts are compared on.
COMPANIES = range(50 if SOAK else 3)

# Seeds of the histories on which increments are compared with whole builds.
HISTORIES = range(100 if SOAK else 3)


def seeded() -> random.Random:
    """A generator whose seed is printed; ``SEED=... make test`` repeats what it did."""
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    sys.stdout.write(f"SEED={seed}\n")
    return random.Random(seed)
