"""How well a partition of records fits the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quality:
    """Pairwise and B-cubed scores, from 0 to 1; pairs are counts of unordered pairs of records."""

    precision: float
    recall: float
    f1: float
    b_cubed_precision: float
    b_cubed_recall: float
    b_cubed_f1: float
    found_pairs: int
    true_pairs: int


def quality(found: NDArray, truth: NDArray) -> Quality:
    """Compare labels of the same records, each of shape (n,).

    Pairwise: share of found pairs that are true, and of true pairs that were found. B-cubed
    (Bagga and Baldwin 1998): the same per record, averaged over records, so that large clusters
    do not outweigh small ones. Without any pair a score is 1.
    """
    found_id = np.unique(found, return_inverse=True)[1].astype(np.int64)
    truth_id = np.unique(truth, return_inverse=True)[1].astype(np.int64)
    both_id = np.unique(
        found_id * (int(truth_id.max(initial=0)) + 1) + truth_id, return_inverse=True
    )[1]
    size_found, size_truth, size_both = (np.bincount(ids) for ids in (found_id, truth_id, both_id))
    found_pairs, true_pairs, both_pairs = (
        int((sizes * (sizes - 1) // 2).sum()) for sizes in (size_found, size_truth, size_both)
    )
    precision = both_pairs / found_pairs if found_pairs else 1.0
    recall = both_pairs / true_pairs if true_pairs else 1.0
    shared = size_both[both_id]
    cubed_precision = float((shared / size_found[found_id]).mean()) if len(found_id) else 1.0
    cubed_recall = float((shared / size_truth[truth_id]).mean()) if len(found_id) else 1.0
    return Quality(
        precision,
        recall,
        _f1(precision, recall),
        cubed_precision,
        cubed_recall,
        _f1(cubed_precision, cubed_recall),
        found_pairs,
        true_pairs,
    )


def _f1(precision: float, recall: float) -> float:
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0
