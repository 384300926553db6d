"""What is wrong in a policy, as data. Only the command line turns it into text for people."""

from dataclasses import field
from enum import StrEnum

from dsl.records import dataclass
from dsl.source import Source, Span


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A place and what to say beside it; the first label of a diagnostic is where the fault is."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: a stable code, a message in lower case without a full stop, places, and help."""

    code: str
    message: str
    labels: tuple[Label, ...]
    help: str | None = None
    severity: Severity = Severity.ERROR


class PolicyError(Exception):
    """A policy that can't be used, with every fault that was found in it."""

    def __init__(self, diagnostics: list["Diagnostic"]) -> None:
        self.diagnostics = diagnostics
        super().__init__("; ".join(d.message for d in diagnostics if d.severity is Severity.ERROR))


@dataclass(slots=True)
class Diagnostics:
    """The faults found so far. Passes append; none raises."""

    found: list[Diagnostic] = field(default_factory=list)
    _seen: set[Diagnostic] = field(default_factory=set, repr=False, compare=False)

    def error(self, code: str, message: str, *labels: Label | Span, help: str | None = None) -> None:
        self._add(code, message, labels, help, Severity.ERROR)

    def warn(self, code: str, message: str, *labels: Label | Span, help: str | None = None) -> None:
        self._add(code, message, labels, help, Severity.WARNING)

    def _add(
        self, code: str, message: str, labels: tuple[Label | Span, ...], help: str | None, severity: Severity
    ) -> None:
        made = tuple(x if isinstance(x, Label) else Label(x) for x in labels)
        diagnostic = Diagnostic(code, message, made, help, severity)
        if diagnostic not in self._seen:
            self._seen.add(diagnostic)
            self.found.append(diagnostic)

    @property
    def errors(self) -> int:
        """How many errors were found so far, warnings left out."""
        return sum(d.severity is Severity.ERROR for d in self.found)

    @property
    def failed(self) -> bool:
        return self.errors > 0

    def in_order(self) -> list[Diagnostic]:
        """Errors, then warnings; of each the files in the order in which faults were met in them, top to bottom."""
        files: dict[Source, int] = {}
        for diagnostic in self.found:
            for label in diagnostic.labels[:1]:
                files.setdefault(label.span.source, len(files))

        def place(diagnostic: Diagnostic) -> tuple[bool, int, int]:
            file, start = -1, 0
            for label in diagnostic.labels[:1]:
                file, start = files[label.span.source], label.span.start
            return diagnostic.severity is Severity.WARNING, file, start

        return sorted(self.found, key=place)
