"""In which order classes stand, so that those that are taken for one another stand together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arctl.sparse import Sparse

Links = list[dict[int, float]]


def similar_order(links: Sparse) -> NDArray[np.intp]:
    """Return an order (K,) of the classes that puts linked ones side by side; `links` are not negative.

    Average linkage, built by nearest-neighbour chains (F. Murtagh, The Computer Journal 26, 1983), on the links of
    both ways. Two clusters join at the ends that are linked most. Large clusters come first; those of one class, which
    are linked with none, last. Time grows with the links, not with K squared.
    """
    base = _neighbours(links.beside().both_ways())
    clusters = _clusters(base)
    clusters.sort(key=lambda members: (-len(members), min(members)))
    return np.array([k for members in clusters for k in members], dtype=np.intp)


def window(order: NDArray[np.intp], links: Sparse, *, around: int, size: int) -> tuple[int, int]:
    """Return places [first, last) in `order`: the `size` neighbours, `around` among them, that hold most of its links.

    Of equal windows the one that has the class nearest to its middle.
    """
    count = len(order)
    size = min(size, count)
    place = int(np.flatnonzero(order == around)[0])
    near = links.beside().both_ways()
    weight = np.zeros(count)
    of_class = near.rows == around
    weight[near.columns[of_class]] = near.values[of_class]
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    firsts = range(max(0, place - size + 1), min(place, count - size) + 1)
    middle = place - (size - 1) / 2
    first = max(firsts, key=lambda at: (round(total[at + size] - total[at], 9), -abs(at - middle)))
    return first, first + size


def _neighbours(links: Sparse) -> Links:
    found: Links = [{} for _ in range(links.size)]
    cells = zip(links.rows.tolist(), links.columns.tolist(), links.values.tolist(), strict=True)
    for row, column, value in cells:
        if value > 0:
            found[row][column] = value
    return found


def _clusters(base: Links) -> list[list[int]]:
    """Return the classes of each connected part, in the order in which its tree lists them."""
    links = [dict(near) for near in base]
    members: list[list[int]] = [[k] for k in range(len(base))]
    done: list[list[int]] = []
    for start in range(len(base)):
        chain = [start] if members[start] else []
        while chain:
            tip, before = chain[-1], chain[-2] if len(chain) > 1 else -1
            if not links[tip]:
                done.append(members[tip])
                members[tip] = []
                chain.pop()
                continue
            nearest = _nearest(links[tip], members, before)
            # Rounding could lead back into the chain; the two at its end are then as near as any.
            if nearest != before and nearest not in chain:
                chain.append(nearest)
                continue
            del chain[-2:]
            merged = _merge(links, members, tip, before, base=base)
            chain = chain or [merged]
    return done


def _nearest(near: dict[int, float], members: Sequence[list[int]], before: int) -> int:
    """Return the cluster with the highest mean link; of equals the one that the chain came from, then the lowest."""
    best, found = -1.0, -1
    for other, total in near.items():
        mean = total / len(members[other])
        if mean > best or (mean == best and found != before and (other == before or other < found)):
            best, found = mean, other
    return found


def _merge(links: Links, members: list[list[int]], one: int, other: int, *, base: Links) -> int:
    """Join two clusters into the one with more neighbours and return it; the sums of its links are those of both."""
    keep, gone = (one, other) if len(links[one]) >= len(links[other]) else (other, one)
    left, right = sorted((members[one], members[other]), key=min)
    members[keep], members[gone] = _joined(left, right, base), []
    for third, total in links[gone].items():
        del links[third][gone]
        if third != keep:
            links[keep][third] = links[third][keep] = links[keep].get(third, 0.0) + total
    links[gone] = {}
    return keep


def _joined(left: list[int], right: list[int], base: Links) -> list[int]:
    """Put two lists end to end at the ends that are linked most."""
    ways = (
        (base[left[-1]].get(right[0], 0.0), 3, False, False),
        (base[left[-1]].get(right[-1], 0.0), 2, False, True),
        (base[left[0]].get(right[0], 0.0), 1, True, False),
        (base[left[0]].get(right[-1], 0.0), 0, True, True),
    )
    _, _, turn_left, turn_right = max(ways)
    return (left[::-1] if turn_left else left) + (right[::-1] if turn_right else right)
