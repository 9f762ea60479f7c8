"""Pairs to people: connected components, cut where they would hold two people."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

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


def spread_cannot_links(
    must: list[tuple[int, int]], cannot: list[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Cannot-links with what follows from must-links: if a is b, and b is not c, a is not c.

    Between nodes that must-links join, only the given ones stay.
    """
    group: dict[int, set[int]] = {}
    for a, b in must:
        joined = group.get(a, {a}) | group.get(b, {b})
        for node in joined:
            group[node] = joined
    found = {(min(pair), max(pair)) for pair in cannot}
    for a, b in cannot:
        ones, others = group.get(a, {a}), group.get(b, {b})
        if ones is not others:
            found |= {(min(pair), max(pair)) for pair in product(ones, others)}
    return found


def join_clusters(labels: Ints, must: list[tuple[int, int]], cannot: set[tuple[int, int]]) -> Ints:
    """``labels`` with the whole clusters of each must-link made one, whatever their size.

    A must-link between clusters that a cannot-link keeps apart joins nothing. The order of the
    links decides nothing but which of several must-links gives way.
    """
    if not must:
        return labels
    home = {int(labels[node]): int(labels[node]) for pair in must for node in pair}
    apart: dict[int, set[int]] = defaultdict(set)
    for a, b in cannot:
        one, other = int(labels[a]), int(labels[b])
        apart[one].add(other)
        apart[other].add(one)
    members = {label: {label} for label in home}
    for a, b in sorted(must):
        into, gone = sorted((home[int(labels[a])], home[int(labels[b])]))
        if into == gone or any(apart[label] & members[gone] for label in members[into]):
            continue
        for label in members[gone]:
            home[label] = into
        members[into] |= members.pop(gone)
    result = labels.copy()
    for label, into in home.items():
        if label != into:
            result[labels == label] = into
    return result
