"""Pairs to people: connected components, cut where they would hold two people."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
    bits: Floats,
    *,
    apart: tuple[Ints, Ints, Floats],
    largest: int,
    labels: Ints | None = None,
) -> Clustering:
    """Cluster along edges worth ``bits`` each, against contradictions and up to ``largest`` nodes.

    ``apart`` is (left, right, bits): pairs that speak against being one. Components without such
    a pair stay whole. In the others edges are followed from the strongest to the weakest (ties: by
    node number), and two clusters become one only when the edges between them outweigh what speaks
    against it; infinite bits always do. The result does not depend on the order of the input.
    ``labels``: :func:`components` of the same graph, when the caller already has them.
    """
    whole = components(size, left, right) if labels is None else labels
    suspect = np.bincount(whole, minlength=size) > largest
    together = whole[apart[0]] == whole[apart[1]]
    suspect[whole[apart[0][together]]] = True
    inside = suspect[whole[left]]
    if not inside.any():
        return Clustering(whole, np.empty(0, np.int64))
    candidates = np.flatnonzero(inside)
    candidates = candidates[np.lexsort((right[candidates], left[candidates], -bits[candidates]))]
    cares: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for signed, (ones, others, weights) in (
        (1.0, (left[candidates], right[candidates], bits[candidates])),
        (-1.0, tuple(column[together] for column in apart)),
    ):
        for a, b, weight in zip(ones.tolist(), others.tolist(), weights.tolist(), strict=True):
            cares[a].append((b, signed * weight))
            cares[b].append((a, signed * weight))
    nodes = np.flatnonzero(suspect[whole])
    members = {node: [node] for node in nodes.tolist()}
    home = {node: node for node in nodes.tolist()}
    cut = []
    for edge in candidates.tolist():
        into, gone = home[int(left[edge])], home[int(right[edge])]
        if into == gone:
            continue
        if len(members[into]) < len(members[gone]):
            into, gone = gone, into
        balance = sum(
            weight for node in members[gone] for other, weight in cares[node] if home[other] == into
        )
        if len(members[into]) + len(members[gone]) > largest or balance <= 0:
            cut.append(edge)
            continue
        for node in members[gone]:
            home[node] = into
        members[into] += members.pop(gone)
    result = whole.copy()
    for group in members.values():
        result[group] = min(group)
    return Clustering(result, np.array(sorted(cut), np.int64))
