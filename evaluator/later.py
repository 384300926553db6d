"""NumPy and pyarrow, each loaded when something of it is first asked for; the names of array types load nothing.

What looks at a few rows needs neither, and they take as long to load as all else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Codes", "Flags", "Floats", "Later", "Places", "Values", "np", "pa"]

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Values = npt.NDArray[Any]
    Flags = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]
    Places = npt.NDArray[np.intp]
else:
    Values = Flags = Floats = Codes = Places = Any


class Later:
    """A module that is loaded when something of it is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._name), name)
        setattr(self, name, found)  # the next time it is there
        return found


if not TYPE_CHECKING:
    np, pa = Later("numpy"), Later("pyarrow")
