"""Pairs to people: connected components, cut where they would hold two people."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Clustering:
    """``labels``: the smallest member of each node's cluster, shape (n,).

    ``cut``: indices of the edges that were not followed, because they would have joined what
    contradicts itself or made a cluster too large.
    """

    labels: Ints
    cut: Ints


def components(size: int, left: Ints, right: Ints) -> Ints:
    """Connected components of an undirected graph, as the smallest node of each, shape (size,)."""
    if size == 0:
        return np.empty(0, np.int64)
    ones = np.ones(len(left), np.int8)
    graph = coo_array((ones, (left, right)), shape=(size, size))
    _, numbers = connected_components(graph, directed=False)
    smallest = np.full(int(numbers.max()) + 1, size, np.int64)
    np.minimum.at(smallest, numbers, np.arange(size))
    return smallest[numbers]


def cluster(
    size: int,
    left: Ints,
    right: Ints,
    weight: NDArray[np.float64],
    *,
    apart: tuple[Ints, Ints],
    largest: int,
    labels: Ints | None = None,
) -> Clustering:
    """Cluster so that no pair of ``apart`` shares a cluster and none exceeds ``largest`` nodes.

    Components without such a pair stay whole. In the others edges are followed from the strongest
    to the weakest (ties: by node number) and left out where they would break the rule, which is
    what a person would do by hand, and does not depend on the order of the input.
    ``labels``: :func:`components` of the same graph, when the caller already has them.
    """
    whole = components(size, left, right) if labels is None else labels
    counts = np.bincount(whole, minlength=size)
    suspect = counts > largest
    together = whole[apart[0]] == whole[apart[1]]
    suspect[whole[apart[0][together]]] = True
    inside = suspect[whole[left]]
    if not inside.any():
        return Clustering(whole, np.empty(0, np.int64))
    result = whole.copy()
    nodes = np.flatnonzero(suspect[whole])
    result[nodes] = nodes
    candidates = np.flatnonzero(inside)
    order = np.lexsort((right[candidates], left[candidates], -weight[candidates]))
    candidates = candidates[order]
    enemies: dict[int, set[int]] = defaultdict(set)
    for a, b in zip(apart[0][together].tolist(), apart[1][together].tolist(), strict=True):
        enemies[a].add(b)
        enemies[b].add(a)
    members = {node: [node] for node in nodes.tolist()}
    home = {node: node for node in nodes.tolist()}
    cut = []
    for edge, a, b in zip(
        candidates.tolist(), left[candidates].tolist(), right[candidates].tolist(), strict=True
    ):
        into, gone = home[a], home[b]
        if into == gone:
            continue
        if len(members[into]) < len(members[gone]):
            into, gone = gone, into
        if len(members[into]) + len(members[gone]) > largest or any(
            home[enemy] == into for node in members[gone] for enemy in enemies.get(node, ())
        ):
            cut.append(edge)
            continue
        for node in members[gone]:
            home[node] = into
        members[into] += members.pop(gone)
    for group in members.values():
        result[group] = min(group)
    return Clustering(result, np.array(sorted(cut), np.int64))
