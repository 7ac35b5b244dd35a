"""One canary for each library that changes under us: it calls what we rely on, and names the library when that changed.

Right values come from files whose numbers are known from how they are made, and from the formats' own definitions.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import os
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pipeline.tools import libraries
from samples._tools import ffmpeg

TOP = Path(__file__).parent.parent
Canary = Callable[[Path], None]
CANARIES: dict[str, Canary] = {}


def canary(name: str) -> Callable[[Canary], Canary]:
    """Registers the canary of the distribution `name`."""

    def keep(one: Canary) -> Canary:
        CANARIES[name] = one
        return one

    return keep


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Whatever goes wrong inside is said of this library and its version."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  a library that changed may raise anything
        pytest.fail(f"{name} {metadata.version(name)} is no longer what is relied on: {type(error).__name__}: {error}")


def sing(name: str, folder: Path) -> None:
    """The canary of one library; fails with its name where its version or its ways are not ours."""
    one = next((library for library in libraries.known() if library.name == name), None)
    if one is not None and not one.serves:
        pytest.fail(one.fault.en)
    with naming(name):
        CANARIES[name](folder)


@canary("av")
def _av(folder: Path) -> None:
    from pipeline.probe.av import open as opening
    from pipeline.probe.av.streams import ATTACHED_PICTURE, codec_of, disposition, exact, pixel_layout

    clip = folder / "clip.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=r=48000:d=2",
        "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", to=clip,
    )  # fmt: skip
    with opening.opened(clip, "mp4") as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (codec_of(picture), codec_of(sound)) == ("h264", "aac")
        assert (exact(picture.average_rate), type(exact(picture.average_rate))) == (25, Fraction)
        clock = exact(picture.time_base)
        assert clock
        assert exact(type(picture.average_rate)(0, 1)) is None
        assert sound.codec_context.sample_rate == 48000
        assert not disposition(picture) & ATTACHED_PICTURE
        assert container.duration * opening.MICROSECOND == 2
        packets = [p for p in opening.packets_of(container, [picture]) if p.size]
        assert len(packets) == 50
        assert packets[0].is_keyframe
        assert not packets[0].is_corrupt
        assert not packets[0].is_discard
        assert min(p.pts for p in packets if p.pts is not None) * clock == 0
        assert sum(p.duration or 0 for p in packets) * clock == 2
        assert len(bytes(packets[0])) == packets[0].size
    with opening.opened(clip, "mp4", opening.FULL) as container:
        frames = [f for p in opening.packets_of(container, [container.streams.video[0]]) for f in p.decode()]
        assert len(frames) == 50
        assert isinstance(frames[0], opening.FRAMES)
    assert pixel_layout("yuva444p10le") == (10, "4:4:4", True)
    tagged = folder / "tags.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-id3v2_version", "4", "-metadata", "title=abcd", to=tagged)
    said = tagged.read_bytes()
    assert said.count(b"\x03abcd") == 1
    tagged.write_bytes(said.replace(b"\x03abcd", b"\x03\xe9\xe8\xff\xfe"))  # says UTF-8 and is not
    with opening.opened(tagged, "mp3") as container:
        assert container.streams.audio[0].codec_context.name.startswith("mp3")
    (folder / "noise.mp4").write_bytes(struct.pack(">I4s4s", 12, b"ftyp", b"isom") + bytes(400))
    with pytest.raises(opening.Unreadable), opening.opened(folder / "noise.mp4", "mp4"):
        pass


@canary("pillow")
def _pillow(folder: Path) -> None:
    from PIL import Image, ImageCms, UnidentifiedImageError

    red = Image.new("RGB", (40, 30), (200, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red.save(folder / "red.jpg", exif=exif, icc_profile=profile, quality=95)
    with Image.open(folder / "red.jpg", formats=("JPEG",)) as picture:
        assert (picture.size, picture.mode, picture.format) == ((40, 30), "RGB", "JPEG")
        assert picture.getexif()[0x0112] == 6
        assert picture.info["icc_profile"] == profile
        assert picture.transpose(Image.Transpose.ROTATE_270).size == (30, 40)
        assert picture.resize((4, 3), Image.Resampling.LANCZOS, box=(0, 0, 40, 30)).size == (4, 3)
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"GIF89a"), formats=("JPEG",))
    assert "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).lower()
    with pytest.raises(OSError, match=r"(?i)truncated"):
        Image.open(io.BytesIO((folder / "red.jpg").read_bytes()[:-80])).load()


@canary("opencv-python-headless")
def _opencv(folder: Path) -> None:
    import cv2
    import numpy as np

    from pipeline.probe.face import models as face_models

    face_models.load()
    blank = np.zeros((face_models.SHORT.side, face_models.SHORT.side, 3), np.uint8)
    scores, points = face_models.detect(face_models.SHORT, blank, 0.0)
    assert len(scores) == 896  # anchors of BlazeFace: 16 x 16 x 2 + 8 x 8 x 6
    assert points.shape == (896, 8, 2)
    presence, mesh = face_models.mesh(np.zeros((face_models.MESH_SIDE, face_models.MESH_SIDE, 3), np.uint8))
    assert 0 <= presence <= 1
    assert mesh.shape == (468, 3)
    found = face_models.points(np.zeros((face_models.POINTS_SIDE, face_models.POINTS_SIDE, 3), np.uint8))
    assert found.places.shape == (478, 2)
    assert [seen.shape for seen in found.seen] == [(64, 32, 32), (128, 16, 16), (128, 8, 8)]
    told = face_models.expression(found.places)
    assert told.shape == (52,)
    assert ((told >= 0) & (told <= 1)).all()
    nobody = face_models.person(np.full((face_models.PERSON_SIDE, face_models.PERSON_SIDE, 3), 128, np.uint8))
    assert nobody.shape == (face_models.PERSON_CELLS, face_models.PERSON_CELLS)
    assert nobody.mean() < 0.5
    solid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1]], np.float64)
    camera = np.array([[500, 0, 250], [0, 500, 250], [0, 0, 1]], np.float64)
    turn, shift = np.array([0.1, -0.2, 0.3]), np.array([0.0, 0.0, 8.0])
    seen, _ = cv2.projectPoints(solid, turn, shift, camera, None)
    good, vector, _ = cv2.solvePnP(solid, seen, camera, None, np.zeros(3), shift.copy(), True, cv2.SOLVEPNP_ITERATIVE)
    assert good
    assert np.asarray(vector).ravel() == pytest.approx(turn, abs=1e-3)


@canary("pypdfium2")
def _pdfium(folder: Path) -> None:
    import pypdfium2
    import pypdfium2.raw as pdfium

    document = pypdfium2.PdfDocument.new()
    document.new_page(200, 100)
    document.save(folder / "one.pdf")
    again = pypdfium2.PdfDocument(folder / "one.pdf")
    assert len(again) == 1
    assert again[0].get_size() == (200, 100)
    bitmap = again[0].render(scale=2, may_draw_forms=False, rev_byteorder=True, prefer_bgrx=True)
    assert (bitmap.width, bitmap.height) == (400, 200)
    assert bitmap.to_pil().convert("RGB").getpixel((10, 10)) == (255, 255, 255)
    assert again[0].get_textpage().count_chars() == 0
    assert pdfium.FPDF_GetSecurityHandlerRevision(again) == -1
    assert pdfium.FPDFPage_CountObjects(again[0]) == 0
    (folder / "none.pdf").write_bytes(b"%PDF-1.7\n")
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(folder / "none.pdf")


@canary("numpy")
def _numpy(folder: Path) -> None:
    import numpy as np

    tone = np.sin(2 * np.pi * 50 * np.arange(1000) / 1000)
    assert int(np.abs(np.fft.rfft(tone)).argmax()) == 50
    assert np.lib.stride_tricks.sliding_window_view(np.arange(5), 3).shape == (3, 3)
    assert np.frombuffer(b"\x01\x00\x02\x00", "<i2").tolist() == [1, 2]


@canary("starlette")
def _starlette(folder: Path) -> None:
    import asyncio

    from pipeline.serve.app import application
    from pipeline.serve.door import Door
    from pipeline.serve.people import Anybody
    from pipeline.serve.sessions import Room

    door = Door(Anybody("t" * 32), frozenset({"127.0.0.1:1"}))
    app = application(Room(folder, max_size=1000), door, 1, "en")
    sent: list[dict[str, Any]] = []

    async def call() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        head = [(b"host", b"127.0.0.1:1")]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "headers": head}
        address = {"path": f"/{'t' * 32}/", "raw_path": b"", "query_string": b"", "root_path": "", "scheme": "http"}
        await app({**scope, **address, "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2)}, receive, send)

    asyncio.run(call())
    assert sent[0]["status"] == 200
    assert b"<html" in b"".join(message.get("body", b"") for message in sent)


@canary("fsspec")
def _fsspec(folder: Path) -> None:
    from pipeline.storage import remote

    (folder / "there").mkdir()
    (folder / "there" / "a.txt").write_bytes(b"abc")
    (folder / "here").mkdir()
    got = remote.fetch(f"local://{folder}/there/a.txt", folder / "here")
    assert got.read_bytes() == b"abc"
    memory, path = remote.system("memory://canary/x")
    with memory.open(path, "wb") as file:
        file.write(b"1")
    assert memory.info(path)["size"] == 1


@canary("distributed")
def _distributed(folder: Path) -> None:
    import distributed

    wanted = {"pure", "retries", "resources"}
    assert callable(distributed.Client.get_executor)  # which hands these on to submit
    assert wanted <= set(inspect.signature(distributed.Client.submit).parameters)
    assert "set_as_default" in inspect.signature(distributed.Client.__init__).parameters
    assert "n_workers" in inspect.signature(distributed.Client.scheduler_info).parameters


@canary("cos-python-sdk-v5")
def _cos(folder: Path) -> None:
    sdk: Any = importlib.import_module("qcloud_cos")
    config = sdk.CosConfig(Region="ap-guangzhou", SecretId="i", SecretKey="k", AllowRedirects=False)
    client = sdk.CosS3Client(config, retry=0)
    for name in ("put_object", "head_object", "create_multipart_upload", "upload_part", "list_parts"):
        assert callable(getattr(client, name))
    # Tencent's host name for a bucket: <bucket>.cos.<region>.myqcloud.com
    assert config.uri(bucket="b-1250000000", path="k").endswith("b-1250000000.cos.ap-guangzhou.myqcloud.com/k")


@canary("huaweicloudsdkmetastudio")
def _huawei(folder: Path) -> None:
    metastudio: Any = importlib.import_module("huaweicloudsdkmetastudio.v1")
    signer: Any = importlib.import_module("huaweicloudsdkcore.signer.signer")
    assert callable(signer.Signer)
    assert callable(metastudio.MetaStudioClient.create_digital_asset)
    assert "asset_name" in metastudio.CreateDigitalAssetRequestBody.openapi_types


@pytest.mark.parametrize("name", sorted(CANARIES))
def test_what_is_relied_on_is_there(name: str, tmp_path: Path) -> None:
    sing(name, tmp_path)


# --- the bounds -------------------------------------------------------------------------------------------


def _stated() -> dict[str, str]:
    """Every requirement of a user's installation in pyproject.toml: its name and its bounds."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    words = [*project["dependencies"], *(word for extra, some in extras.items() if extra != "dev" for word in some)]
    found = {}
    for word in words:
        name, _, rest = word.partition(";")[0].partition(">=")
        if name.startswith(project["name"]):  # an extra made of others
            continue
        found[name.partition("[")[0]] = f">={rest.strip()}"
    return found


def test_the_bounds_are_those_of_the_project_and_have_two_ends() -> None:
    known = {library.name: library.bounds for library in libraries.known()}
    stated = _stated()
    assert {name: bounds for name, bounds in stated.items() if name in known} == known
    assert set(stated) - set(known) <= {"audioop-lts"}  # for Python 3.13 and newer
    assert all("<" in bounds for bounds in stated.values())


@pytest.mark.parametrize(
    ("version", "bounds", "right"),
    [
        ("15.0.0", ">=15,<20", True),
        ("14.4.0", ">=15,<20", False),
        ("19.0.2", ">=15,<20", True),
        ("20.0.0", ">=15,<20", False),
        ("20.0.0rc1", ">=15,<20", False),
        ("5.0.0.93", ">=4.12,<6", True),
        ("4.9.0.80", ">=4.12,<6", False),
        ("2026.9.0", ">=2024.6,<2028", True),
        ("1.0.2", ">=1.0.2,<2", True),
        ("13", ">=12,<14", True),
        ("14.0", ">=12,<14", False),
    ],
)
def test_versions_are_compared_as_packaging_does(version: str, bounds: str, right: bool) -> None:
    from packaging.specifiers import SpecifierSet

    assert SpecifierSet(bounds).contains(version.partition("rc")[0]) is right  # the witness
    assert libraries.within(version, bounds) is right


@pytest.fixture
def ahead(tmp_path: Path) -> Path:
    """A folder in which every library pretends to be of the first version beyond its bounds."""
    for library in libraries.known():
        beyond = library.bounds.rpartition("<")[2]
        folder = tmp_path / f"{library.name.replace('-', '_')}-{beyond}.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library.name}\nVersion: {beyond}.0\n", "utf-8")
    return tmp_path


def test_a_library_one_version_ahead_is_named(ahead: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ahead)}
    preflight = [sys.executable, "-m", "pipeline"]
    doctor = subprocess.run(
        [*preflight, "doctor", "--json"], env=environment, cwd=TOP, capture_output=True, text=True, check=False
    )
    assert doctor.returncode == 3
    told = {tool["name"]: tool for tool in json.loads(doctor.stdout)["tools"]}
    refused = subprocess.run(
        [*preflight, "presets", "list"], env=environment, cwd=TOP, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 3
    assert "Traceback" not in refused.stderr
    for library in libraries.known():
        beyond = f"{library.bounds.rpartition('<')[2]}.0"
        assert told[library.name]["state"] == "missing"
        for said in (told[library.name]["advice"], refused.stderr):
            assert f"{library.name} is {beyond}; this works with {library.bounds}" in said
            assert f"pip install '{library.name}{library.bounds}'" in said


def test_a_canary_names_a_library_one_version_ahead(
    ahead: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ahead))
    libraries._installed.cache_clear()
    try:
        for name in {library.name for library in libraries.known()} & set(CANARIES):
            with pytest.raises(pytest.fail.Exception, match=f"{name} is"):
                sing(name, tmp_path)
    finally:
        libraries._installed.cache_clear()


def test_a_canary_names_a_library_whose_ways_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    def opens(*_: object, **words: object) -> None:
        raise TypeError(f"open() got an unexpected keyword argument {next(iter(words))!r}")

    monkeypatch.setattr(av, "open", opens)
    with pytest.raises(pytest.fail.Exception, match=f"av {av.__version__} is no longer what is relied on"):
        sing("av", tmp_path)
