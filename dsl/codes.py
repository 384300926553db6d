"""Every code that a diagnostic may bear, for ``softliq explain-error`` and the documentation."""

from dsl.codes_analysis import ANALYSING
from dsl.codes_check import CHECKING
from dsl.codes_read import READING, Code

CODES: dict[str, Code] = {c.code: c for c in (*READING, *CHECKING, *ANALYSING)}
