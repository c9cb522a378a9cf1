"""Power: the smallest difference that a number of examples can show."""

import math
from statistics import NormalDist

CHANGING = 0.2
"""Share of the answers that change between two models, as is usual after tuning."""


def smallest_shown(n: int, changing: float = CHANGING, level: float = 0.95, power: float = 0.8) -> float | None:
    """Return the smallest difference of two paired shares that is detected with this power.

    By the normal approximation to McNemar's test; ``None`` where not even all changes in one direction would do.
    """
    normal = NormalDist()
    sure, found = normal.inv_cdf((1 + level) / 2), 0.0
    for _ in range(50):
        spread = math.sqrt(max(changing - found**2, 0.0))
        found = (sure * math.sqrt(changing) + normal.inv_cdf(power) * spread) / math.sqrt(max(n, 1))
        if found > changing:
            return None
    return found
