"""One pass over a file's bytes: its hash, and whether it can be text at all."""

import codecs
import gzip
import hashlib
import re
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from dsl.records import dataclass
from evaluator.hashes import file_hash
from evaluator.problems import Problem, Unreadable

GZIP = ".gz"
_BLOCK = 1 << 22
DIGITS = 16  # a run so long may hold sixteen digits, or fifteen and a point
_INSIDE = re.compile(rb'[^,\r\n"]"[^,\r\n"]')  # a quote that neither opens nor closes a value


@dataclass(frozen=True, slots=True)
class Scan:
    """``quotes``: a value may hold line breaks. ``suspect``: some line's quotes don't pair, so that one may be open.
    ``long``: some number may have more digits than a float64 tells apart."""

    sha256: str
    quotes: bool
    suspect: bool
    long: bool = False


def plain(path: Path) -> IO[bytes]:
    """The bytes of a file, of a compressed one as they were before."""
    return cast(IO[bytes], gzip.open(path)) if path.suffix == GZIP else path.open("rb")


def lines(path: Path) -> IO[str]:
    """The text of a CSV file in UTF-8, line ends as they stand."""
    if path.suffix == GZIP:
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def scan(path: Path, name: str) -> Scan:
    """Raises Unreadable for a file that can't be read, isn't UTF-8 or holds NUL bytes."""
    sha, quotes, line = hashlib.sha256(), _Quotes(), 1
    long, tail = False, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with plain(path) as file:
            while True:
                block = file.read(_BLOCK)
                sha.update(block)
                problem = _fault(name, block, decoder, line)
                if problem:
                    raise Unreadable(problem)
                quotes.count(block)
                long = long or _long(tail + block)
                tail = block[-DIGITS:]
                line += block.count(b"\n")
                if not block:
                    return Scan(_sha256(path, sha), quotes.any, quotes.suspect or quotes.open, long)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        help = "it may be cut short, or not compressed: write it again"
        raise Unreadable(Problem("not a gzip file, or a damaged one", name, help=help)) from None
    except OSError as error:
        raise Unreadable(cannot_read(name, error)) from None


def cannot_read(name: str, error: OSError) -> Problem:
    return Problem(f"the file can't be read: {(error.strerror or 'no reason given').lower()}", name)


def _sha256(path: Path, plain: Any) -> str:
    """The hash of the file as it stands, so that others can check it; ``plain`` is that of its text."""
    if path.suffix != GZIP:
        return str(plain.hexdigest())
    return file_hash(path)


def _long(block: bytes) -> bool:
    """Whether more than fifteen digits stand in a row, points left out."""
    characters = np.frombuffer(block, dtype=np.uint8)
    others = np.flatnonzero(((characters < ord("0")) | (characters > ord("9"))) & (characters != ord(".")))
    return bool((np.diff(others, prepend=-1, append=len(characters)) > DIGITS).any())


@dataclass(slots=True)
class _Quotes:
    """``open``: the quotes up to here are odd in number."""

    any: bool = False
    suspect: bool = False
    open: bool = False

    def count(self, block: bytes) -> None:
        if b'"' not in block and not self.open:
            return
        self.any = True
        characters = np.frombuffer(block, dtype=np.uint8)
        quotes = np.flatnonzero(characters == ord('"'))
        ends = np.flatnonzero((characters == ord("\n")) | (characters == ord("\r")))
        odd = (np.searchsorted(quotes, ends) + self.open) % 2
        self.suspect = self.suspect or bool(odd.any()) or _INSIDE.search(block) is not None
        self.open ^= bool(len(quotes) % 2)


def _fault(name: str, block: bytes, decoder: codecs.IncrementalDecoder, line: int) -> Problem | None:
    if line == 1 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Problem("the file is in UTF-16, not in UTF-8", name, help="save it as UTF-8 (`CSV UTF-8` in Excel)")
    if b"\0" in block:
        at = line + block[: block.index(b"\0")].count(b"\n")
        help = "a CSV file has none: it may be another format, or in UTF-16; save it as UTF-8"
        return Problem("a NUL byte in the file", name, at, help=help)
    before = decoder.getstate()[0]  # the start of a character whose end is in this block
    try:
        decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        at = line + (before + block)[: error.start].count(b"\n")
        help = "save it as UTF-8; it may be in Windows-1252 or Latin-1"
        return Problem("the file isn't in UTF-8", name, at, help=help)
    return None
