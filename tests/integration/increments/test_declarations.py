"""Every declaration against the whole, and without a part of it, which has to be missed."""

import pytest

from tests.integration.conftest import Project
from tests.integration.increments.declarations import Steps, opened
from tests.integration.increments.histories import History
from tests.soak import HISTORIES, SOAK

STEPS = 4


@pytest.mark.parametrize("seed", HISTORIES)
def test_a_declaration_gives_every_key(project: Project, seed: int):
    """A model forgets whom a change concerns, and their figures stay those of last week."""
    with opened(project) as con:
        steps = Steps(project, History(seed), con)
        for _ in range(STEPS):
            happened = steps.step()
            differing = {one.model: steps.differing(one) for one in steps.declared}
            assert not any(differing.values()), (happened, differing)


def test_a_call_whose_owner_changed(project: Project):
    """A call stays with the person whom it was taken for, until somebody else of theirs moves."""
    with opened(project) as con:
        history = History(0)
        steps = Steps(project, history, con)
        answered = con.execute(
            "SELECT min(call_id) FROM staging.stg_call_center__calls "
            "WHERE disposition = 'answered' AND list_contains(?, call_id)",
            [list(history.calls)],
        ).fetchone()
        assert answered
        assert answered[0]
        history.steps = {"another caller": lambda con: history.calls.update({answered[0]: "c9"})}
        steps.step()
        (touchpoints,) = (one for one in steps.declared if one.model == "touchpoints")
        assert steps.differing(touchpoints) == 0
        missed = [
            branch
            for number, branch in enumerate(touchpoints.branches)
            if steps.misses(touchpoints, number)
        ]
        assert len(missed) == 1
        assert "{changes of int_owners_resolved}" in missed[0]


@pytest.mark.timeout(0)
@pytest.mark.skipif(not SOAK, reason="make soak: it takes dozens of histories")
def test_each_declaration_is_missed(project: Project):
    """No history does what a declaration is there for: were it wrong, no test would say so."""
    idle: set[str] | None = None
    for seed in HISTORIES:
        with opened(project) as con:
            steps = Steps(project, History(seed), con)
            idle = {one.model for one in steps.declared} if idle is None else idle
            for _ in range(STEPS):
                steps.step()
                idle -= {
                    one.model
                    for one in steps.declared
                    if one.model in idle
                    and any(steps.misses(one, number) for number in range(len(one.branches)))
                }
        if not idle:
            break
    assert idle == set()
