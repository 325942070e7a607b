"""Numbers as text that is short and yet reads back to the same float32."""

from typing import Any

import numpy as np
from jaxtyping import Float


def shortest_repr(values: Float[np.ndarray, "..."]) -> Any:
    """Return nested lists of the floats whose text is the shortest that still names each float32.

    ``0.1`` as float32 is 0.10000000149011612 once it is a Python float; here it is 0.1 again.
    """
    return values.astype(np.float32).astype(np.str_).astype(np.float64).tolist()
