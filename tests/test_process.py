"""The command as a process of its own: its streams, its exit code, interrupts, terminals."""

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.memory import keep_blocks
from tests.conftest import ROOT, Ran, Softliq

RUN = [sys.executable, "-c", "from cli.entry import main; main()"]
BUFFERED = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}


def at_most(size: int) -> Callable[[], None]:
    """What a process does before it runs: it can write so many bytes to a file, as to a disk that is nearly full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


# -- how it ends --------------------------------------------------------------------------------------


def test_all_that_is_printed_arrives_however_late_it_is_read(softliq: Softliq, tmp_path: Path) -> None:
    """More than a pipe holds, and the process ends without taking itself apart."""
    policy = tmp_path / "faulty.policy"
    policy.write_text('policy "P"\n' + "".join(f"entity e{i}:\n  x = y{i}\n" for i in range(600)), "utf-8")
    expected = softliq("check", policy)
    assert len(expected.out) > 1 << 16
    process = subprocess.Popen([*RUN, "check", policy], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=BUFFERED)
    with pytest.raises(subprocess.TimeoutExpired):  # it waits for somebody who reads
        process.wait(1)
    out, _ = process.communicate()
    assert (process.returncode, out) == (expected.code, expected.out)


@pytest.mark.parametrize("options", [(), ("--json",), ("--set", "buffer=9"), ("--memory", "1GB")])
def test_a_process_prints_and_returns_what_the_command_does(
    softliq: Softliq, blanked: Path, options: tuple[str, ...]
) -> None:
    command = ["eval", blanked / "my.policy", blanked / "snapshot", *options]
    done = subprocess.run([*RUN, *command], cwd=ROOT, capture_output=True, text=True, env=BUFFERED)
    assert Ran(done.returncode, done.stdout, done.stderr) == softliq(*command)


def test_what_is_to_be_done_at_the_end_is_done_and_what_it_prints_arrives() -> None:
    start = "import atexit; atexit.register(print, 'the end'); from cli.entry import main; main()"
    command = [sys.executable, "-c", start, "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=BUFFERED)
    assert (done.returncode, done.stdout.splitlines()[1:], done.stderr) == (0, ["the end"], "")


@pytest.mark.parametrize("watch", ["setprofile", "settrace"])
def test_who_watches_the_process_sees_its_end(watch: str) -> None:
    start = f"""import sys
sys.{watch}(lambda *_: None)
from cli.entry import main
try:
    main()
finally:
    print("seen")
"""
    done = subprocess.run([sys.executable, "-c", start, "check", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, "seen")


def test_only_the_command_changes_how_its_process_works() -> None:
    """Not who imports softliq: threads and memory are theirs."""
    shown = "print(sys.getswitchinterval(), gc.get_threshold(), os.environ.get('OPENBLAS_NUM_THREADS'))"
    script = f"import atexit, gc, os, sys; {shown}; import softliq, cli.app; {shown}; atexit.register(lambda: {shown})"
    start = f"{script}; from cli.entry import main; main()"
    known = {k: v for k, v in BUFFERED.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", start, "--version"], cwd=ROOT, capture_output=True, text=True, env=known
    )
    before, imported, _, after = done.stdout.splitlines()
    assert before == imported
    assert after == "0.0005 (200000, 20, 20) 1"


# -- memory that is kept ------------------------------------------------------------------------------

FAULTS = """
import ctypes, resource, sys
import numpy as np
from cli.memory import keep_blocks
if sys.argv[1] == "kept":
    keep_blocks()

def work():
    blocks = [np.empty(1 << 20, dtype=np.uint8) for _ in range(16)]
    for block in blocks:
        block[::4096] = 1

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="a C library without mallopt")
def test_blocks_that_are_let_go_are_kept_for_the_next() -> None:
    known = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    kept, as_ever = (
        int(subprocess.check_output([sys.executable, "-c", FAULTS, way], cwd=ROOT, env=known))
        for way in ("kept", "as ever")
    )
    assert kept < 1_000 < 10_000 < as_ever  # pages asked of the system, of 16 times 256, 20 times


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc and Linux")
def test_blocks_are_kept_in_large_pages() -> None:
    code = (
        "from cli.memory import keep_blocks; keep_blocks(); keep_blocks.cache_clear(); keep_blocks()\n"
        "parts = open('/proc/self/smaps').read().split('[heap]')[1:]\n"
        "flags = [part.split('VmFlags:')[1].split('\\n')[0].split() for part in parts]\n"
        "print([one.count('hg') for one in flags], len(bytearray(3 << 20)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["[0,", "1]", str(3 << 20)]  # the second time there is room left


@pytest.mark.parametrize("library", [object(), OSError()])
def test_a_c_library_that_keeps_memory_otherwise_is_left_alone(
    library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: None) -> object:
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    keep_blocks.__wrapped__()


# -- its streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "size"),
    [
        ("--version", 0),
        ("explain-error E020", 10),
        ("check nothing", 10),
        ("eval {mine}/my.policy {mine}/snapshot", 0),
        ("eval {mine}/my.policy {mine}/snapshot --json", 10),
    ],
)
def test_an_output_that_is_full_is_a_clear_error(mine: Path, command: str, size: int) -> None:
    with (mine / "out").open("w") as full:
        done = subprocess.run(
            [*RUN, *command.format(mine=mine).split()],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, preexec_fn=at_most(size), env=BUFFERED,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "error: cannot write standard output: file too large\n")


@pytest.mark.parametrize("ending", ["full", "unread"])
def test_errors_that_nobody_can_read_leave_the_exit_code(blanked: Path, ending: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with (blanked / "errors").open("w") as full, os.fdopen(writer, "w") as unread:

        def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
            errors, ready = (full, at_most(0)) if ending == "full" else (unread, None)
            streams = {"stdout": subprocess.PIPE, "stderr": errors}
            return subprocess.run([*RUN, *command], cwd=ROOT, text=True, preexec_fn=ready, **streams)

        usage, unknown = run("eval"), run("eval", blanked / "my.policy", blanked / "snapshot")
    assert (usage.returncode, usage.stdout) == (2, "")
    assert (unknown.returncode, "account" in unknown.stdout) == (2 if ending == "full" else 141, True)


def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([*RUN, "--help"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_piped_output_has_no_colours_and_no_progress(mine: Path) -> None:
    command = [*RUN, "eval", mine / "my.policy", mine / "snapshot"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"FORCE_COLOR": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_output_of_few_characters_gets_escapes(mine: Path, options: tuple[str, ...]) -> None:
    accounts = mine / "snapshot" / "account.csv"
    accounts.write_text(f"{accounts.read_text()}\N{GRINNING FACE},n/a\n", "utf-8")
    command = [*RUN, "eval", mine / "my.policy", mine / "snapshot", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env=os.environ | ASCII)
    assert done.returncode == 5, done.stderr
    if options:
        assert json.loads(done.stdout)["unknown"]["list"][0]["key"] == "\N{GRINNING FACE}"
    else:
        assert b"account \\U0001f600" in done.stdout


@pytest.mark.parametrize(("closed", "arguments", "code"), [(1, ["gallery"], 0), (0, ["check", "-"], 2)])
def test_a_stream_that_is_closed_is_no_fault_of_ours(closed: int, arguments: list[str], code: int) -> None:
    shell = ["sh", "-c", f'exec "$@" {"<" if closed == 0 else ">"}&-', "sh"]
    done = subprocess.run([*shell, *RUN, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, "fault of softliq" in done.stderr) == (code, False), done.stderr


INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from cli.entry import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "cli.terminal.console", "dsl.check"])  # before and while a command runs
@pytest.mark.parametrize(("ignored", "code"), [(False, 130), (True, 0)])
def test_an_interrupt_ends_the_command_quietly_while_it_starts(
    mine: Path, module: str, ignored: bool, code: int
) -> None:
    command = [sys.executable, "-c", INTERRUPTED.format(module=module), "check", mine / "my.policy"]
    shell = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] if ignored else []
    done = subprocess.run([*shell, *command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")


def in_a_terminal(command: list[str], columns: int, **environment: str) -> str:
    """What a command shows on a terminal of that width, standard error too."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "CI")}
    process = subprocess.Popen(
        [*RUN, *command],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=known | {"TERM": "xterm-256color"} | environment,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait()
    return shown.decode("utf-8")


def test_a_narrow_terminal_folds_and_cuts_nothing_off(mine: Path) -> None:
    key = "".join(chr(ord("a") + i % 26) for i in range(100))
    for name in ("account", "position"):
        path = mine / "snapshot" / f"{name}.csv"
        path.write_text(path.read_text().replace("dave", key))
    with (mine / "my.policy").open("a") as file:
        file.write('check "nobody is shut" on account: health >= 90%\n')
    command = ["eval", str(mine / "my.policy"), str(mine / "snapshot")]
    shown = in_a_terminal(command, 40)
    assert "\x1b[1m" in shown
    colourless = in_a_terminal(command, 40, NO_COLOR="1")
    assert "\x1b[3" not in colourless
    told = colourless[colourless.index("nobody is shut") :]
    cells = [line.strip().split("  ")[0] for line in told.splitlines()]
    assert key in "".join(cell for cell in cells if cell in key)


def test_a_narrow_terminal_breaks_no_figure_in_two(mine: Path) -> None:
    shown = in_a_terminal(["eval", str(mine / "my.policy"), str(mine / "snapshot")], 30)
    assert "trim        1  20.00%       100,000      20,000      8.67" in shown
