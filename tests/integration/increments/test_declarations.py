"""Every declaration against the whole, and every part of one for what it is there for."""

import pytest

from tests.integration.conftest import Project
from tests.integration.increments.declarations import Steps, opened
from tests.integration.increments.histories import History
from tests.soak import HISTORIES, SOAK

STEPS = 4
# A branch that gives no key: it says that rows of the model need none.
NO_KEY = "where not {any change of"


@pytest.mark.parametrize("seed", HISTORIES)
def test_a_declaration_gives_every_key(project: Project, seed: int):
    """A model forgets whom a change concerns, and their figures stay those of last week."""
    with opened(project) as con:
        steps = Steps(project, History(seed), con)
        for _ in range(STEPS):
            happened = steps.step()
            differing = {one.model: steps.differing(one) for one in steps.declared}
            assert not any(differing.values()), (happened, differing)


@pytest.mark.timeout(0)
@pytest.mark.skipif(not SOAK, reason="make soak: it takes dozens of histories")
def test_every_part_of_a_declaration_is_missed(project: Project):
    """The histories never do what a part of a declaration is there for: were it wrong, or left out,
    no test would say so."""
    idle: set[tuple[str, str]] | None = None
    for seed in HISTORIES:
        with opened(project) as con:
            steps = Steps(project, History(seed), con)
            if idle is None:
                idle = {(one.model, b) for one in steps.declared for b in one.branches}
                idle = {(model, branch) for model, branch in idle if NO_KEY not in branch}
            for _ in range(STEPS):
                steps.step()
                idle -= {
                    (one.model, branch)
                    for one in steps.declared
                    for number, branch in enumerate(one.branches)
                    if (one.model, branch) in idle and steps.misses(one, number)
                }
        if not idle:
            break
    assert idle == set()
