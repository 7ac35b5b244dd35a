"""Outside programs are hostile: whatever one does, it ends in time, takes nothing along and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.errors import TimedOut, ToolFailed
from pipeline.model.ceilings import Ceiling, MiB
from pipeline.tools import isolation, process
from pipeline.tools.process import Completed, run

SMALL = Ceiling(wall=20, cpu=20, memory=1024 * MiB, file_size=MiB)

Tool = Callable[[str], list[str]]


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """A program with this Python text; it runs in `tmp_path`."""

    def make(text: str) -> list[str]:
        script = tmp_path / "tool.py"
        script.write_text(textwrap.dedent(text), "utf-8")
        return [sys.executable, "-I", "-S", str(script)]

    return make


def running(folder: Path) -> list[int]:
    """Processes that run the tool of this folder; one that ended and was not yet collected does not.

    By their command lines: inside a namespace a process has another number, and cannot learn the one that we know.
    """
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            words = (place / "cmdline").read_bytes().split(b"\0")
            state = (place / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
            if os.fsencode(folder / "tool.py") in words and b"-c" not in words and state not in "ZX":
                found.append(int(place.name))
    return found


def gone(folder: Path) -> bool:
    """Whether whoever runs the tool of this folder ends within the time the kernel may take to end it."""
    for _ in range(200):
        if not running(folder):
            return True
        time.sleep(0.01)
    return False


# --- what it takes ----------------------------------------------------------------------------------

_LARGE = """
    import sys
    from pathlib import Path
    from pipeline.model.ceilings import Ceiling, MiB
    from pipeline.tools.process import run

    ours = b"x" * (200 * MiB)
    limits = Ceiling(wall=20, cpu=20, memory=1024 * MiB, file_size=MiB)
    for text in ("pass", f"b'x' * {400 * MiB}"):
        print((run([sys.executable, "-c", text], cwd=Path(sys.argv[1]), ceiling=limits).peak_memory or 0) // MiB)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as the kernel of Linux counts")
def test_memory_of_the_starter_is_not_told_as_that_of_the_program(tmp_path: Path) -> None:
    ours = b"x" * (600 * MiB)  # nor is that of the starter's starter in the way of what can be told
    assert ours
    words = [sys.executable, "-c", textwrap.dedent(_LARGE), str(tmp_path)]
    small, large = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert int(small) == 0, "not to be told from the 200 MiB of its starter"
    assert 400 <= int(large) < 450


# --- what it says -----------------------------------------------------------------------------------


def test_code_output_complaints_and_memory_are_handed_back(tmp_path: Path, tool: Tool) -> None:
    lines: list[str] = []
    command = tool("import sys; print('one\\ntwo'); print('oh', file=sys.stderr); sys.exit(3)")
    done = run(command, cwd=tmp_path, ceiling=SMALL, on_line=lines.append)
    assert (done.code, done.stdout, done.stderr) == (3, "one\ntwo\n", "oh\n")
    assert lines == ["one", "two"]
    assert done.last_words() == "oh"
    assert done.peak_memory is None or done.peak_memory > MiB


def test_exit_code_0_with_nothing_made_is_told_as_it_is(tmp_path: Path, tool: Tool) -> None:
    done = run(tool("pass"), cwd=tmp_path, ceiling=SMALL)
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tool.py"]


def test_death_by_signal_is_a_negative_code(tmp_path: Path, tool: Tool) -> None:
    assert run(tool("import os; os.abort()"), cwd=tmp_path, ceiling=SMALL).code == -6


@pytest.mark.parametrize("pipe", ["stdout", "stderr"])
def test_a_flood_is_drained_and_only_its_end_kept(tmp_path: Path, tool: Tool, pipe: str) -> None:
    command = tool(f"""
        import sys
        block = (b"x" * 1023 + b"\\n") * 1024
        for _ in range(64):
            sys.{pipe}.buffer.write(block)
        sys.{pipe}.write("the end")
    """)
    done = run(command, cwd=tmp_path, ceiling=SMALL)
    kept: str = getattr(done, pipe)
    assert done.code == 0
    assert kept.endswith("\nthe end")
    assert len(kept) <= 64 * 1024


def test_a_line_without_end_comes_in_pieces(tmp_path: Path, tool: Tool) -> None:
    lines: list[str] = []
    run(tool("print('x' * 1_000_000, end='')"), cwd=tmp_path, ceiling=SMALL, on_line=lines.append)
    assert sum(map(len, lines)) == 1_000_000
    assert max(map(len, lines)) <= 4096


def test_output_that_is_no_text_does_no_harm(tmp_path: Path, tool: Tool) -> None:
    done = run(tool("import os; os.write(1, bytes(range(256)))"), cwd=tmp_path, ceiling=SMALL)
    assert done.code == 0
    assert "�" in done.stdout


# --- time -------------------------------------------------------------------------------------------


def test_a_program_that_hangs_is_stopped_at_the_wall(tmp_path: Path, tool: Tool) -> None:
    command = tool("import os, time; open('begun', 'w').close(); time.sleep(60)")
    with pytest.raises(TimedOut, match="time limit") as caught:
        run(command, cwd=tmp_path, ceiling=replace(SMALL, wall=0.4))
    assert caught.value.text.zh
    assert (tmp_path / "begun").exists()
    assert gone(tmp_path)


def test_a_program_that_falls_silent_is_stopped(tmp_path: Path, tool: Tool) -> None:
    command = tool("import time; print('begun', flush=True); time.sleep(60)")
    with pytest.raises(TimedOut, match="no progress"):
        run(command, cwd=tmp_path, ceiling=replace(SMALL, quiet=0.4))


def test_the_same_progress_again_and_again_is_silence(tmp_path: Path, tool: Tool) -> None:
    command = tool("""
        import time
        while True:
            print("out_time_us=5", flush=True)
            time.sleep(0.02)
    """)
    with pytest.raises(TimedOut, match="no progress"):
        run(command, cwd=tmp_path, ceiling=replace(SMALL, quiet=0.4), pulse=lambda line: line)


def test_a_program_that_gets_on_is_left_alone(tmp_path: Path, tool: Tool) -> None:
    command = tool("""
        import time
        for n in range(12):
            print(n, flush=True)
            time.sleep(0.1)
    """)
    assert run(command, cwd=tmp_path, ceiling=replace(SMALL, quiet=0.8)).code == 0


def test_processor_time_has_a_limit_of_its_own(tmp_path: Path, tool: Tool) -> None:
    done = run(tool("while True: pass"), cwd=tmp_path, ceiling=replace(SMALL, cpu=1))
    assert done.code < 0


def test_a_program_that_ignores_being_asked_is_killed(tmp_path: Path, tool: Tool) -> None:
    command = tool("""
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open("begun", "w").close()
        while True:
            time.sleep(1)
    """)
    with pytest.raises(TimedOut):
        run(command, cwd=tmp_path, ceiling=replace(SMALL, wall=0.4))
    assert (tmp_path / "begun").exists()
    assert gone(tmp_path)


# --- what it leaves behind --------------------------------------------------------------------------

ORPHAN = """
    import os, sys, time
    child = os.fork()
    if child == 0:
        {first}
        open("begun", "w").close()
        time.sleep(60)
        os._exit(0)
    while not os.path.exists("begun"):
        time.sleep(0.01)
    {then}
"""


@pytest.mark.parametrize("then", ["sys.exit(0)", "time.sleep(60)", "os.abort()"])
def test_what_a_program_started_ends_with_it(tmp_path: Path, tool: Tool, then: str) -> None:
    command = tool(ORPHAN.format(first="pass", then=then))
    try:
        run(command, cwd=tmp_path, ceiling=replace(SMALL, wall=0.6))
    except TimedOut:
        assert "sleep" in then
    assert (tmp_path / "begun").exists()
    assert gone(tmp_path)


def fled(tmp_path: Path, tool: Tool) -> bool:
    """Whether the child of a program that left its session and its parent lives on."""
    command = tool(ORPHAN.format(first="os.setsid()", then="sys.exit(0)"))
    with contextlib.suppress(ToolFailed):  # it holds our pipe open, and is not waited for beyond every limit
        run(command, cwd=tmp_path, ceiling=SMALL)
    assert (tmp_path / "begun").exists()
    return not gone(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces are Linux's")
def test_a_child_that_fled_the_session_ends_too(tmp_path: Path, tool: Tool) -> None:
    if not isolation.layers()["process namespace"]:
        pytest.skip("this kernel lets nobody make a process namespace")
    assert not fled(tmp_path, tool)


def test_where_there_are_no_namespaces_it_delays_nobody(
    tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = tmp_path / "launch.py"
    text = Path(process._LAUNCH).read_text("utf-8")
    assert text.count("contained = alone(contained=True)") == 1
    launcher.write_text(text.replace("contained = alone(contained=True)", "contained = alone()"), "utf-8")
    monkeypatch.setattr(process, "_LAUNCH", str(launcher))
    try:
        assert fled(tmp_path, tool)
    finally:
        for process_ in running(tmp_path):
            os.kill(process_, 9)


# --- what it may use --------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no working address-space limit")
def test_memory_beyond_the_ceiling_is_refused(tmp_path: Path, tool: Tool) -> None:
    done = run(tool("bytearray(2 << 30)"), cwd=tmp_path, ceiling=SMALL)
    assert done.code == 1
    assert "MemoryError" in done.stderr


def test_no_file_grows_beyond_the_ceiling(tmp_path: Path, tool: Tool) -> None:
    command = tool("""
        with open("big", "wb", buffering=0) as file:
            for _ in range(64):
                file.write(bytes(1 << 16))
    """)
    done = run(command, cwd=tmp_path, ceiling=SMALL)
    assert done.code != 0
    assert (tmp_path / "big").stat().st_size <= MiB


def test_no_core_file_is_written(tmp_path: Path, tool: Tool) -> None:
    done = run(tool("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"), cwd=tmp_path, ceiling=SMALL)
    assert done.stdout == "(0, 0)\n"


# --- what it may know -------------------------------------------------------------------------------


def told(done: Completed) -> dict[str, str]:
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_our_environment_is_not_handed_on(tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SECRET_KEY", "hunter2")
    monkeypatch.setenv("LD_PRELOAD_OF_OURS", "x")
    command = tool("import os; print('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))")
    done = run(command, cwd=tmp_path, ceiling=SMALL, env={"SAL_USE_VCLPLUGIN": "svp"})
    seen = told(done)
    assert "hunter2" not in done.stdout
    assert seen["HOME"] == seen["TMPDIR"] == str(tmp_path)
    assert seen["SAL_USE_VCLPLUGIN"] == "svp"
    assert set(seen) - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "SAL_USE_VCLPLUGIN"}


def test_there_is_nothing_to_read_on_standard_input(tmp_path: Path, tool: Tool) -> None:
    (tmp_path / "typed").write_text("ours")
    kept = os.dup(0)
    try:
        with (tmp_path / "typed").open() as typed:
            os.dup2(typed.fileno(), 0)
        done = run(tool("import sys; print(repr(sys.stdin.read()))"), cwd=tmp_path, ceiling=SMALL)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert done.stdout == "''\n"


def test_no_open_file_of_ours_is_handed_on(tmp_path: Path, tool: Tool) -> None:
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        command = tool("""
            import os
            for fd in range(3, 1024):
                try:
                    print(os.readlink(f"/proc/self/fd/{fd}"))
                except OSError:
                    continue
        """)
        assert "ours" not in run(command, cwd=tmp_path, ceiling=SMALL).stdout


def test_an_argument_is_never_read_by_a_shell(tmp_path: Path, tool: Tool) -> None:
    nasty = "$(touch made); `touch made` | * \n --"
    command = [*tool("import sys; print(ascii(sys.argv[1]))"), nasty]
    assert run(command, cwd=tmp_path, ceiling=SMALL).stdout == f"{nasty!a}\n"
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_there_is_no_network(tmp_path: Path, tool: Tool) -> None:
    if not isolation.layers()["no network"]:
        pytest.skip("this kernel has none of what takes the network away")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = tool(f"""
            import errno, socket
            for there in (("192.0.2.1", 80), ("127.0.0.1", {listening.getsockname()[1]})):
                try:
                    socket.create_connection(there, timeout=5)
                except OSError as error:
                    print(errno.errorcode[error.errno])
        """)
        refused = run(command, cwd=tmp_path, ceiling=SMALL).stdout.split()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody came
            listening.accept()
    # Nowhere to go, by a namespace; or by Landlock, which is asked first, or by the filter of calls.
    assert len(refused) == 2
    assert {*refused} <= {"ENETUNREACH", "EACCES", "EPERM"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_no_rights_can_be_gained(tmp_path: Path, tool: Tool) -> None:
    done = run(tool("print(open('/proc/self/status').read())"), cwd=tmp_path, ceiling=SMALL)
    assert "NoNewPrivs:\t1" in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_nothing_can_be_read_or_written_beside_its_folder(tmp_path: Path, tool: Tool) -> None:
    if not isolation.layers()["file fence"]:
        pytest.skip("this kernel has no Landlock")
    work, secret = tmp_path / "work", tmp_path / "secret"
    work.mkdir()
    secret.write_text("theirs")
    (tmp_path / "source").write_text("the source")
    (work / "in0").symlink_to(tmp_path / "source")
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "tool"
    script.write_text(
        f"#!{sys.executable}\n"
        + textwrap.dedent(f"""
        def attempt(what, path, mode):
            try:
                with open(path, mode) as file:
                    print(what, file.read() if mode == "r" else file.write("x"))
            except OSError as error:
                print(what, type(error).__name__)
        attempt("secret", {str(secret)!r}, "r")
        attempt("overwrite", {str(secret)!r}, "w")
        attempt("beside", {str(tmp_path / "new")!r}, "w")
        attempt("shadow", "/etc/shadow", "r")
        attempt("source", "in0", "r")
        attempt("change source", "in0", "r+")
        attempt("output", "out", "w")
        """),
        "utf-8",
    )
    script.chmod(0o755)
    done = run([str(script)], cwd=work, ceiling=SMALL)
    assert done.stdout.splitlines() == [
        "secret PermissionError",
        "overwrite PermissionError",
        "beside PermissionError",
        "shadow PermissionError",
        "source the source",
        "change source PermissionError",
        "output 1",
    ], done.stderr
    assert secret.read_text() == "theirs"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_nobody_outside_can_be_signalled_or_traced(tmp_path: Path, tool: Tool) -> None:
    if not isolation.layers()["process namespace"]:
        pytest.skip("this kernel lets nobody make a process namespace")
    command = tool(f"""
        import ctypes, os
        try:
            os.kill({os.getpid()}, 0)
            print("seen")
        except OSError as error:
            print(type(error).__name__)
        print(ctypes.CDLL(None).ptrace(16, {os.getpid()}, 0, 0))
    """)
    assert run(command, cwd=tmp_path, ceiling=SMALL).stdout == "ProcessLookupError\n-1\n"


# --- starting ---------------------------------------------------------------------------------------


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"nosuch could not be started.*No such file"):
        run([str(tmp_path / "nosuch")], cwd=tmp_path, ceiling=SMALL)


def test_a_file_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ToolFailed, match="text could not be started"):
        run([str(tmp_path / "text")], cwd=tmp_path, ceiling=SMALL)


def test_a_working_folder_that_is_not_there_is_told(tmp_path: Path, tool: Tool) -> None:
    with pytest.raises(ToolFailed, match="could not be started"):
        run(tool("pass"), cwd=tmp_path / "nosuch", ceiling=SMALL)


def test_a_program_may_end_with_127_for_reasons_of_its_own(tmp_path: Path, tool: Tool) -> None:
    assert run(tool("import sys; sys.exit(127)"), cwd=tmp_path, ceiling=SMALL).code == 127


# --- the caller -------------------------------------------------------------------------------------


class Enough(Exception):
    """What a caller raises when it has seen enough."""


def test_what_the_listener_raises_ends_the_program_and_is_raised(tmp_path: Path, tool: Tool) -> None:
    command = tool("""
        import time
        while True:
            print("more", flush=True)
            time.sleep(0.01)
    """)
    seen: list[str] = []

    def listen(line: str) -> None:
        if seen:
            raise Enough
        seen.append(line)

    with pytest.raises(Enough):
        run(command, cwd=tmp_path, ceiling=SMALL, on_line=listen)
    assert gone(tmp_path)


def test_what_lies_in_the_pipe_at_the_end_is_worked_on_for_as_long_as_it_takes(
    tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE", 0.1)
    blocks: list[bytes] = []

    def slowly(block: bytes) -> None:
        time.sleep(0.4)
        blocks.append(block)

    command = tool("import sys; sys.stdout.buffer.write(bytes(100_000))")
    run(command, cwd=tmp_path, ceiling=SMALL, sink=slowly)
    assert sum(map(len, blocks)) == 100_000


def test_bytes_can_be_poured_elsewhere(tmp_path: Path, tool: Tool) -> None:
    blocks: list[bytes] = []
    command = tool("import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096)")
    done = run(command, cwd=tmp_path, ceiling=SMALL, sink=blocks.append)
    assert b"".join(blocks) == bytes(range(256)) * 4096
    assert done.stdout == ""
