"""Rows' amounts added up by code, in lanes: the same bits whether they come at once or piece by piece.

Row number r of a table, counted from 0, goes to lane r mod 512. Each lane of a code is summed left to right over the
rows that have the code, then the code's lanes are, left to right. So the order of additions is fixed by the file alone,
and yet a processor can make many of them side by side.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from dsl.records import dataclass

LANES = 512
_CHUNK = 64 * LANES  # rows that stay in the processor's cache
_LANE = np.arange(_CHUNK + LANES) % LANES
_SAMPLE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Rows that stand one after the other, the first of them number ``first``. ``codes``: (n,) integers; ``counts``:
    how many rows have each. ``others``: the places of rows with another code than ``most``, which most rows have; None
    where there is no such code."""

    codes: npt.NDArray[Any]
    first: int
    counts: npt.NDArray[np.int64]
    most: int
    others: npt.NDArray[np.intp] | None

    @staticmethod
    def of(codes: npt.NDArray[Any], count: int, first: int = 0) -> "Coded":
        """``codes`` are below ``count``."""
        sample = codes[:: max(1, len(codes) // _SAMPLE)]
        most = int(np.argmax(np.bincount(sample, minlength=count)))
        differ = codes != most
        if 4 * np.count_nonzero(differ) > len(codes):
            counts = np.array([np.count_nonzero(codes == code) for code in range(count)], dtype=np.int64)
            return Coded(codes, first, counts, most, None)
        others = np.flatnonzero(differ)
        counts = np.bincount(codes[others], minlength=count).astype(np.int64, copy=False)
        counts[most] = len(codes) - len(others)
        return Coded(codes, first, counts, most, others)


class Lanes:
    """The sums of each code's lanes so far. None of them is ever minus zero, so that adding zero leaves it as it is."""

    def __init__(self, count: int) -> None:
        self._sums = np.zeros((count, LANES))

    def add(self, rows: Coded, values: npt.NDArray[np.float64]) -> None:
        """An amount of each row, after all rows that were added before."""
        if rows.others is not None:
            self.add_some(rows, values[rows.others], rows.others)
            self._add_most(rows, values, rows.others)
            return
        for start in range(0, len(values), _CHUNK):
            codes, lane = rows.codes[start : start + _CHUNK], (rows.first + start) % LANES
            self._add_each(codes, _LANE[lane : lane + len(codes)], values[start : start + _CHUNK])

    def add_some(self, rows: Coded, values: npt.NDArray[np.float64], places: npt.NDArray[np.intp]) -> None:
        """Amounts of the rows in these places alone, from the first to the last."""
        self._add_each(rows.codes[places], (places + rows.first) % LANES, values)

    def _add_each(self, codes: npt.NDArray[Any], lanes: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> None:
        np.add.at(self._sums.reshape(-1), codes * np.intp(LANES) + lanes, values)  # one after the other

    def _add_most(self, rows: Coded, values: npt.NDArray[np.float64], others: npt.NDArray[np.intp]) -> None:
        """The rows of the code that most have, as a matrix with a column for each lane, below the sums so far. NumPy
        adds its rows one after the other: it adds in pairs along the inner axis alone."""
        before = rows.first % LANES  # cells of the first row that belong to earlier rows
        size = min(_CHUNK, -(-(before + len(values)) // LANES) * LANES)
        matrix = np.zeros((1 + size // LANES, LANES))
        cells, sums = matrix[1:].reshape(-1), self._sums[rows.most]
        start = 0
        while start < len(values):
            stop = min(len(values), start + size - before)
            cells[before : before + stop - start] = values[start:stop]
            cells[before + stop - start :] = 0.0
            since, until = np.searchsorted(others, (start, stop))
            cells[others[since:until] + (before - start)] = 0.0
            matrix[0] = sums
            np.add.reduce(matrix, axis=0, out=sums)
            start, before = stop, 0

    @property
    def totals(self) -> npt.NDArray[np.float64]:
        """(count,) the sum of each code."""
        found: npt.NDArray[np.float64] = np.add.accumulate(self._sums, axis=1)[:, -1]
        return found
