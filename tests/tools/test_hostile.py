"""Files that point elsewhere: nothing listens to them. No connection is opened and no other file is read.

A server on loopback counts who calls. Namespaces would hide it from what we start, so every probe runs without
them too: what is refused must be refused by the reader, not only by the wall around it.
"""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.job import Job
from pipeline.model.results import Status
from pipeline.probe import probe
from pipeline.stages import prepare as preparing
from pipeline.stages.check import check
from pipeline.tools import launch, process
from tests.tools import pointing

Sample = Callable[[str], Path]
SECRET = b"SECRET-7f3a-of-another-person"


@dataclass
class Canary:
    """Listens on TCP and UDP, answers nothing, remembers every call."""

    tcp: socket.socket
    udp: socket.socket
    calls: list[bytes] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)  # first lines of what came over TCP

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.tcp.getsockname()[1]}"

    def listen(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            connection.settimeout(0.2)
            self.calls.append(b"tcp")
            with connection, contextlib.suppress(OSError):
                self.asked.append(connection.recv(256).split(b"\r\n")[0])

    def hear(self) -> None:
        while True:
            try:
                self.calls.append(self.udp.recv(64))
            except OSError:
                return


@contextlib.contextmanager
def listening() -> Iterator[Canary]:
    """A canary on loopback for as long as this lasts."""
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(tcp.getsockname())
    made = Canary(tcp, udp)
    threads = [threading.Thread(target=target, daemon=True) for target in (made.listen, made.hear)]
    for thread in threads:
        thread.start()
    yield made
    for one in (tcp, udp):
        with_shutdown(one)
    for thread in threads:
        thread.join(5)


@pytest.fixture
def canary() -> Iterator[Canary]:
    with listening() as made:
        yield made


def with_shutdown(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        one.close()


# --- what points elsewhere --------------------------------------------------------------------------

HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{url}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
    "<Period><BaseURL>{url}</BaseURL><AdaptationSet mimeType='video/mp4'><Representation id='1' bandwidth='1'>"
    "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="640" height="360">'
    '<image xlink:href="{url}" width="640" height="360"/><style>@import url({url});</style>'
    '<script href="{url}"/></svg>'
)
XXE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{url}">]>'
TEXTS = {
    "hls": HLS,
    "hls-master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": DASH,
    "smil": '<smil><head/><body><video src="{url}"/></body></smil>',
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "ram": "{url}\n",
    "rtsp-sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "svg": SVG,
    "svg-xxe": XXE + "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><text>&e;</text></svg>",
    "ssml": "<speak version='1.0'><audio src='{url}'/>hello there</speak>",
    "ssml-xxe": XXE + "<speak>&e;</speak>",
    "ass": "[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: {url}\n"
    "[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,D,,0,0,0,,x\n",
    "srt": "1\n00:00:00,000 --> 00:00:01,000\n<img src='{url}'><font face='{url}'>x</font>\n",
    "mvg": "push graphic-context\nimage over 0,0 0,0 '{url}'\npop graphic-context\n",
    "html": "<html><img src='{url}'><script src='{url}'></script></html>",
}
CLOTHES = (
    "mp4",
    "avi",
    "mkv",
    "mp3",
    "wav",
    "ts",
    "jpg",
    "png",
    "svg",
    "pptx",
    "ppt",
    "pdf",
    "srt",
    "ass",
    "txt",
    "xml",
)


def urls(canary: Canary, secret: Path) -> tuple[str, ...]:
    return f"http://{canary.at}/x.ts", f"tcp://{canary.at}", f"udp://{canary.at}", secret.as_uri(), str(secret)


def texts(folder: Path, wanted: tuple[str, ...]) -> Iterator[Path]:
    """Every kind of pointer to every place in every clothes that are not its own."""
    for kind, text in TEXTS.items():
        for number, url in enumerate(wanted):
            for extension in CLOTHES[(number + len(kind)) % 4 :: 4]:
                path = folder / f"{kind}-{number}.{extension}"
                path.write_text(text.replace("{url}", url), "utf-8")
                yield path


def package(parts: dict[str, str | bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return held.getvalue()


def deck(good: Path, target: Path, url: str, kind: str) -> Path:
    """A good deck whose first slide gets a relationship of this kind that leads outside."""
    parts: dict[str, str | bytes] = {}
    with zipfile.ZipFile(good) as archive:
        for name in archive.namelist():
            parts[name] = archive.read(name)
    place = "ppt/slides/_rels/slide1.xml.rels"
    relation = (
        f'<Relationship Id="rIdOut" TargetMode="External" Target="{url}" '
        f'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"/></Relationships>'
    )
    held = parts[place]
    assert isinstance(held, bytes)
    parts[place] = held.replace(b"</Relationships>", relation.encode())
    slide = parts["ppt/slides/slide1.xml"]
    assert isinstance(slide, bytes)
    picture = (
        '<p:pic><p:nvPicPr><p:cNvPr id="99" name="x"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr>'
        '<p:blipFill><a:blip xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
        'r:link="rIdOut"/><a:stretch><a:fillRect/></a:stretch></p:blipFill>'
        '<p:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="900000" cy="900000"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr></p:pic></p:spTree>'
    )
    parts["ppt/slides/slide1.xml"] = slide.replace(b"</p:spTree>", picture.encode())
    target.write_bytes(package(parts))
    return target


def odp(good: Path, target: Path, url: str) -> Path:
    """A good deck of OpenDocument with a picture and a film that lie outside."""
    parts: dict[str, str | bytes] = {}
    with zipfile.ZipFile(good) as archive:
        for name in archive.namelist():
            parts[name] = archive.read(name)
    frame = '<draw:frame svg:width="3cm" svg:height="3cm" svg:x="1cm" svg:y="1cm">{}</draw:frame>'
    link = f'xlink:href="{url}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"'
    drawn = frame.format(f"<draw:image {link}/>") + frame.format(f"<draw:plugin {link}/>")
    content = parts["content.xml"]
    assert isinstance(content, bytes)
    changed = content.replace(b"</draw:page>", drawn.encode() + b"</draw:page>", 1)
    assert changed != content
    parts["content.xml"] = changed
    target.write_bytes(package(parts))
    return target


def pdf(target: Path, url: str) -> Path:
    """One page; on opening it launches, submits, plays a script and goes to a link, and it embeds an outside file."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /OpenAction 4 0 R /AA << /WC 5 0 R >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 640 360] /AA << /O 6 0 R >> /Annots [7 0 R] >>",
        f"<< /S /Launch /F ({url}) /Next 5 0 R >>",
        f"<< /S /JavaScript /JS (app.launchURL\\('{url}'\\);) >>",
        f"<< /S /SubmitForm /F << /FS /URL /F ({url}) >> >>",
        f"<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI ({url}) >> >>",
    ]
    data, places = b"%PDF-1.7\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    head = f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    tail = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    target.write_bytes(data + (head + tail).encode())
    return target


def xmp(good: Path, target: Path, url: str) -> Path:
    """A JPEG whose XMP packet refers outside and holds an entity."""
    packet = (
        b"http://ns.adobe.com/xap/1.0/\0"
        + (
            XXE.replace("{url}", url) + f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a href='{url}'>&e;</a></x:xmpmeta>"
        ).encode()
    )
    data = good.read_bytes()
    segment = b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet
    target.write_bytes(data[:2] + segment + data[2:])
    return target


# --- nobody calls -----------------------------------------------------------------------------------


@pytest.fixture(params=["fenced", "bare"])
def walls(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """With every layer, and with none but the limits around what we start."""
    if request.param == "bare":
        without_walls(tmp_path, monkeypatch)
    return str(request.param)


def without_walls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are started with no fence and no namespace of their own."""
    text = Path(launch.__file__).read_text("utf-8")
    bare = text
    for wall, none in (("= alone(contained=True)", "= False"), ("    fence.shut()\n", ""), ("    deny()\n", "")):
        assert text.count(wall) == 1
        bare = bare.replace(wall, none)
    launcher = tmp_path / "bare.py"
    launcher.write_text(bare, "utf-8")
    monkeypatch.setattr(process, "_LAUNCH", str(launcher))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "theirs" / "secret.txt"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


def everything(sample: Sample, folder: Path, wanted: tuple[str, ...]) -> list[Path]:
    folder.mkdir()
    made = list(texts(folder, wanted))
    for number, url in enumerate(wanted):
        kinds = ("image", "oleObject", "video", "hyperlink", "slideLayout")
        made.append(deck(sample("decks/good.pptx"), folder / f"{kinds[number]}.pptx", url, kinds[number]))
        if number in (0, 3):  # an office takes its time: the network and a file are enough
            made.append(odp(sample("decks/good.odp"), folder / f"linked-{number}.odp", url))
        made.append(pdf(folder / f"acts-{number}.pdf", url))
        made.append(xmp(sample("images/good.jpeg"), folder / f"xmp-{number}.jpg", url))
        if number in (0, 3, 4):  # both kinds of pointer
            made.append(pointing.mov(sample("video/good.mov"), folder / f"samples-{number}.mov", url))
    made.append(pointing.ppt(sample("decks/good.ppt"), folder / "linked-object.ppt", wanted[0]))
    made.append(pointing.mkv(sample("video/h264.mkv"), folder / "fonts.mkv", TEXTS["ass"].replace("{url}", wanted[0])))
    return made


def told(one: Any) -> str:
    return repr(one)


def test_reading_them_calls_nobody_and_shows_nobody_elses_bytes(
    tmp_path: Path, sample: Sample, canary: Canary, secret: Path
) -> None:
    probes = everything(sample, tmp_path / "in", urls(canary, secret))
    assert len(probes) > 300
    for path in probes:
        report = check(Job(path=str(path), stem="x", preset="metastudio/asset-library"))
        assert SECRET.decode() not in told(report), path
        assert report.error is None or report.error.trace is None, f"{path}: {report.error}"
    assert canary.calls == []


PRESETS = dict.fromkeys((".pptx", ".ppt", ".odp"), "convert/slides-to-pages") | dict.fromkeys(
    (".mov", ".mkv"), "convert/h264-1080p"
)


@pytest.mark.every(2)
@pytest.mark.slow
def test_converting_them_does_neither(tmp_path: Path, sample: Sample, canary: Canary, secret: Path, walls: str) -> None:
    """Those that can be made into something: decks, documents, pictures, and what only looks like sound or film."""
    probes = everything(sample, tmp_path / "in", urls(canary, secret))
    chosen = [
        p
        for p in probes
        if p.suffix in {".pptx", ".odp", ".pdf", ".jpg", ".mov"}
        or p.name.startswith(("hls-0", "concat-4", "linked-object", "fonts"))
    ]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    made = 0
    out = tmp_path / "out"  # one for all: an office works for one
    for number, path in enumerate(chosen):
        preset = PRESETS.get(path.suffix, "metastudio/asset-library")
        job = Job(path=str(path), stem=str(number), preset=preset, out=str(out))
        outcome = preparing.prepare(check(job), lambda _: None)
        for output in [*out.glob(f"{number}.*"), *(out / str(number)).rglob("*")]:
            if output.is_file():
                made += 1
                data = output.read_bytes()
                inside = data if not zipfile.is_zipfile(output) else package_text(output)
                assert SECRET not in inside or data == path.read_bytes(), output
        assert outcome.error is None or outcome.error.trace is None, f"{path}: {outcome.error}"
    assert made > 0, "something was converted"
    assert canary.calls == []
    for path, data in before.items():
        assert path.read_bytes() == data, path


def test_a_film_shows_nothing_of_another_film_it_points_to(tmp_path: Path, sample: Sample) -> None:
    theirs = tmp_path / "theirs.mov"
    theirs.write_bytes(sample("video/good.mov").read_bytes())
    for number, place in enumerate((theirs.as_uri(), str(theirs))):
        mine = pointing.mov(theirs, tmp_path / f"mine-{number}.mov", place)
        job = Job(path=str(mine), stem="x", preset="convert/h264-1080p", out=str(tmp_path / f"out-{number}"))
        outcome = preparing.prepare(check(job), lambda _: None)
        assert outcome.status is Status.BLOCKED, "what cannot be decoded is known before anything is made"
        assert not [p for p in Path(job.out).rglob("*") if p.is_file() and not p.name.startswith(".")]


def test_a_linked_object_in_a_deck_is_told(tmp_path: Path, sample: Sample) -> None:
    good, made = sample("decks/good.ppt"), tmp_path / "linked.ppt"
    pointing.ppt(good, made, "http://127.0.0.1:9/x")
    before, after = probe(good).slides, probe(made).slides
    assert before is not None
    assert after is not None
    assert (after.pages, after.external_links) == (before.pages, (before.external_links or 0) + 1)


def package_text(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def test_the_canary_can_be_heard(canary: Canary) -> None:
    """Else the tests above could not fail."""
    host, port = canary.at.split(":")
    with socket.create_connection((host, int(port)), timeout=5):
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"udp", (host, int(port)))
    for _ in range(200):
        if len(canary.calls) == 2:
            break
        threading.Event().wait(0.01)
    assert sorted(canary.calls) == [b"tcp", b"udp"]


@pytest.mark.slow
def test_a_plain_ffmpeg_would_have_called(tmp_path: Path, canary: Canary) -> None:
    """The probes work: without our lists the same program follows one of them."""
    from pipeline.tools.programs import ffmpeg

    (tmp_path / "clip.m3u8").write_text(HLS.replace("{url}", f"http://{canary.at}/x.ts"))
    words = [ffmpeg(), "-nostdin", "-v", "error", "-protocol_whitelist", "file,http,tcp", "-i", "clip.m3u8"]
    subprocess.run([*words, "-f", "null", "-"], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert canary.calls
