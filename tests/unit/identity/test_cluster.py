"""If these fail, records of one person fall apart or strangers become one customer."""

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.identity.clustering.connected_components import cluster, components

NONE = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _partition(labels: np.ndarray) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for node, label in enumerate(labels.tolist()):
        groups.setdefault(label, set()).add(node)
    return {frozenset(group) for group in groups.values()}


def _graph(rng: np.random.Generator) -> tuple[int, np.ndarray, np.ndarray]:
    size = int(rng.integers(1, 40))
    edges = int(rng.integers(0, 2 * size))
    return size, rng.integers(0, size, edges), rng.integers(0, size, edges)


def test_components_equal_networkx_on_random_graphs() -> None:
    """Two records that a chain of links joins get two ids."""
    rng = np.random.default_rng(20261122)
    for _ in range(2_000):
        size, left, right = _graph(rng)
        graph = nx.Graph()
        graph.add_nodes_from(range(size))
        graph.add_edges_from(zip(left.tolist(), right.tolist(), strict=True))
        expected = {frozenset(part) for part in nx.connected_components(graph)}
        assert _partition(components(size, left, right)) == expected
        weight = rng.random(len(left))
        found = cluster(size, left, right, weight, apart=NONE, largest=1000)
        assert _partition(found.labels) == expected
        assert len(found.cut) == 0


def test_no_graph_and_no_edges() -> None:
    """A company on its first, empty day stops the run."""
    assert components(0, *NONE[:2]).tolist() == []
    assert components(3, *NONE[:2]).tolist() == [0, 1, 2]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_contradictions_and_size_hold_and_order_plays_no_part(seed: int, largest: int) -> None:
    """Two people whom their records contradict become one, or the order of files decides who is."""
    rng = np.random.default_rng(seed)
    size, left, right = _graph(rng)
    weight = rng.integers(1, 4, len(left)) / 4
    pairs = rng.integers(0, size, (int(rng.integers(0, 6)), 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    apart = (pairs[:, 0], pairs[:, 1], np.full(len(pairs), np.inf))
    found = cluster(size, left, right, weight, apart=apart, largest=largest)
    for a, b in pairs.tolist():
        assert found.labels[a] != found.labels[b]
    assert max(np.bincount(found.labels)) <= largest
    whole = _partition(components(size, left, right))
    for part in _partition(found.labels):
        assert any(part <= component for component in whole)
    order = rng.permutation(len(left))
    again = cluster(
        size,
        left[order],
        right[order],
        weight[order],
        apart=(apart[1], apart[0], apart[2]),
        largest=largest,
    )
    assert (again.labels == found.labels).all()


def test_the_weakest_link_is_cut() -> None:
    """A shared phone wins over a national id when both cannot hold."""
    left, right = np.array([0, 1, 2]), np.array([1, 2, 3])
    weight = np.array([0.9, 0.5, 0.9])
    found = cluster(
        4, left, right, weight, apart=(np.array([0]), np.array([3]), np.array([np.inf])), largest=10
    )
    assert _partition(found.labels) == {frozenset({0, 1}), frozenset({2, 3})}
    assert found.cut.tolist() == [1]
