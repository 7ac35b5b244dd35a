"""A program that we start has no rights: it tries, with all layers on and where namespaces are refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.ceilings import ASK
from pipeline.tools import launch
from pipeline.tools.isolation import layers
from pipeline.tools.process import run
from tests import ROOT
from tests.tools import container, tries

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the layers are Linux's")

SECRET = "hunter2-in-the-environment"  # noqa: S105  made up
WITHOUT_NAMESPACES = ("libc.unshare(user | spaces) == 0", "False")
WITHOUT_FENCE = ("    fence.shut()\n", "")
WITHOUT_FILTER = ("    deny()\n", "")


@pytest.fixture
def given(tmp_path: Path) -> Iterator[tries.Given]:
    """Everything a program could want, there to be had; as whoever starts this test can show."""
    theirs = tmp_path / "theirs"
    (theirs / ".ssh").mkdir(parents=True)
    (theirs / ".ssh" / "id_ed25519").write_text("a key")
    (tmp_path / "beside").write_text("another's")
    (tmp_path / "work").mkdir()
    path, abstract = str(tmp_path / "socket"), f"preflight-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as stream,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as named,
    ):
        udp.bind(("127.0.0.1", 0))
        stream.bind(path)
        datagrams.bind(path + ".datagrams")
        named.bind("\0" + abstract)
        stream.listen(8)
        named.listen(8)
        yield tries.Given(
            starter=os.getpid(),
            secret=SECRET,
            tcp=tcp.getsockname()[1],
            udp=udp.getsockname()[1],
            path=path,
            abstract=abstract,
            files=["/etc/shadow", str(theirs / ".ssh" / "id_ed25519"), str(tmp_path / "beside")],
            folders=["/var/tmp", str(tmp_path), str(theirs)],
            calls=True,
        )


def launcher(tmp_path: Path, *changes: tuple[str, str]) -> str:
    """The launcher without some of its layers."""
    text = Path(launch.__file__).read_text("utf-8")
    for wall, none in changes:
        assert text.count(wall) == 1
        text = text.replace(wall, none)
    folder = tmp_path / "launcher"  # of its own: what is in it can be read
    folder.mkdir()
    (folder / "launch.py").write_text(text, "utf-8")
    return str(folder / "launch.py")


def got(tmp_path: Path, given: tries.Given, way: str, *changes: tuple[str, str]) -> dict[str, str]:
    """What a program got; only what it got. Its starter holds a secret, and is what it aims at."""
    work = tmp_path / "work"
    shutil.copy(tries.__file__, work)
    done = subprocess.run(
        [sys.executable, "-m", container.__name__, way, launcher(tmp_path, *changes), str(work), json.dumps(given)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "CLOUD_SECRET_KEY": SECRET},
        check=False,
    )
    if "no user namespace" in done.stderr:
        pytest.skip("this kernel lets nobody make a user namespace to stand for a container")
    assert done.stdout, done.stderr
    return {name: what for name, what in json.loads(done.stdout).items() if what}


def test_whoever_starts_it_could_do_most_of_it(given: tries.Given) -> None:
    """Else what follows would show nothing."""
    words = [sys.executable, "-I", "-S", tries.__file__, json.dumps({**given, "calls": False})]
    plain = subprocess.run(words, capture_output=True, check=True, env={"CLOUD_SECRET_KEY": SECRET})
    can = {name for name, what in json.loads(plain.stdout).items() if what}
    assert {"own environment", "environments", "signal", "tcp", "udp", "abstract socket"} <= can
    assert {"socket in the file system", "datagrams to it", "datagrams by a pair"} <= can
    assert {f"read {file}" for file in given["files"][1:]} | {
        f"write in {folder}" for folder in given["folders"]
    } <= can


@pytest.mark.parametrize("way", ["as it is", "container"])
def test_a_program_gets_nothing(tmp_path: Path, given: tries.Given, way: str) -> None:
    if not layers()["file fence"]:
        pytest.skip("this kernel has no Landlock")
    assert got(tmp_path, given, way) == {}
    assert not (tmp_path / "work" / "node").exists()


@pytest.mark.parametrize("way", ["as it is", "container"])
def test_without_namespaces_it_gets_nothing_either(tmp_path: Path, given: tries.Given, way: str) -> None:
    if not layers()["file fence"]:
        pytest.skip("this kernel has no Landlock")
    found = got(tmp_path, given, way, WITHOUT_NAMESPACES)
    # Where its user may make namespaces, it may: with nothing in them that it could not have before.
    assert found.keys() <= ({"user namespace"} if way == "as it is" else set())


@pytest.mark.parametrize("way", ["as it is", "container"])
@pytest.mark.parametrize("missing", [WITHOUT_FENCE, WITHOUT_FILTER], ids=["fence", "filter"])
def test_secrets_are_kept_without_namespaces_and_one_layer_more(
    tmp_path: Path, given: tries.Given, way: str, missing: tuple[str, str]
) -> None:
    found = got(tmp_path, given, way, WITHOUT_NAMESPACES, missing)
    assert SECRET not in str(found)
    secrets = {"own environment", "environment of the starter", "memory of the starter", "open files of the starter"}
    assert not found.keys() & {*secrets, "ptrace", "chroot", "mknod", "mount", "setuid", "setgroups"}


# --- the filter -------------------------------------------------------------------------------------

HEADERS = {"x86_64": "*/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
ALLOWED, REFUSED, UNKNOWN = 0x7FFF0000, 0x00050000 | 13, 0x00050000 | 38  # linux/seccomp.h; EACCES, ENOSYS


def answer(program: bytes, number: int, audit: int, first: int = 0, second: int = 0) -> int:
    """What a filter says to a system call, by the rules of linux/filter.h for the instructions that it uses."""
    data = struct.pack("<iIQQQQQQQ", number, audit, 0, first, second, 0, 0, 0, 0)
    lines = list(struct.iter_unpack("=HBBI", program))
    at = value = 0
    while True:
        code, yes, no, operand = lines[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                value &= operand
            case 0x15:
                at += yes if value == operand else no
            case 0x35:
                at += yes if value >= operand else no
            case 0x06:
                return operand
            case _:
                raise AssertionError(code)


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def numbers(machine: str) -> dict[str, int]:
    """The numbers of system calls, from the headers of the kernel."""
    found = list(Path("/usr/include").glob(HEADERS[machine]))
    if not found:
        pytest.skip("the headers of the kernel are not installed (linux-libc-dev)")
    text = found[0].read_text("utf-8")
    return {name: int(number) for name, number in re.findall(r"#define __NR_(?:3264_)?(\w+)\s+(\d+)", text)}


def test_the_filter_refuses_these_calls_and_no_others(machine: str, numbers: dict[str, int]) -> None:
    program = launch._filter(launch._MACHINES[machine])
    refused = {n for n, number in numbers.items() if answer(program, number, AUDIT[machine]) != ALLOWED}
    assert refused == {
        *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "add_key", "request_key", "keyctl"),
        *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
        *("connect", "socket", "socketpair"),
    }


def test_sockets_are_those_of_an_office_alone(machine: str, numbers: dict[str, int]) -> None:
    program = launch._filter(launch._MACHINES[machine])
    for name in ("socket", "socketpair"):
        for family in range(46):
            for kind in range(1, 11):
                for flags in (0, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC):
                    said = answer(program, numbers[name], AUDIT[machine], family, kind | flags)
                    assert said == (ALLOWED if (family, kind) == (1, 1) else REFUSED)


def test_nothing_is_typed_into_a_terminal(machine: str, numbers: dict[str, int]) -> None:
    program = launch._filter(launch._MACHINES[machine])
    for what, said in ((0x5412, REFUSED), (0x541C, REFUSED), (0x5413, ALLOWED), (0x5401, ALLOWED)):
        assert answer(program, numbers["ioctl"], AUDIT[machine], 0, what) == said


def test_calls_of_other_kinds_are_unknown(machine: str) -> None:
    program = launch._filter(launch._MACHINES[machine])
    assert answer(program, 0, 0x40000003) == UNKNOWN  # i386
    assert answer(program, 0x40000000 | 41, AUDIT[machine]) == UNKNOWN  # x32


# --- what belongs to others -------------------------------------------------------------------------

OTHER = 12_345


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder that only its owner and root can look into, with a file that only they can read."""
    if os.geteuid() != 0:
        pytest.skip("only root reads what belongs to others")
    folder = tmp_path / "others"
    folder.mkdir()
    (folder / "clip").write_text("a clip")
    for path, mode in ((folder / "clip", 0o600), (folder, 0o700)):
        path.chmod(mode)
        os.chown(path, OTHER, OTHER)
    return folder


def test_root_hands_a_program_what_belongs_to_others(tmp_path: Path, others: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "in0").symlink_to(others / "clip")
    done = run(["/bin/cat", "in0", str(others / "clip")], cwd=work, ceiling=ASK)
    assert done.stdout == "a clip"
    assert str(others / "clip") in done.stderr, "and no more than that"
    assert (others / "clip").read_text() == "a clip"


def test_root_starts_a_program_that_lies_where_others_keep_it(tmp_path: Path, others: Path) -> None:
    shutil.copy("/bin/cat", others / "cat")
    (tmp_path / "in0").write_text("read")
    assert run([str(others / "cat"), "in0"], cwd=tmp_path, ceiling=ASK).stdout == "read"
