"""Decks that point to somewhere else in every way their format has and LibreOffice reads."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

_A = "http://schemas.openxmlformats.org/drawingml/2006"
_P = "http://schemas.openxmlformats.org/presentationml/2006"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MEDIA = "http://schemas.microsoft.com/office/2007/relationships/media"
_P14 = "http://schemas.microsoft.com/office/powerpoint/2010/main"
_MEDIA_EXTENSION = "{DAA4B4D4-6D71-4841-9C94-3DE7FCFB9230}"  # PowerPoint 2010's way to name a film
KINDS = ("image", "oleObject", "video", "audio", "chart", "slideLayout", "hyperlink")


def _edited(good: Path, target: Path, edits: Mapping[str, tuple[str, str]]) -> Path:
    """A copy of the package; in each part that `edits` names, the second text is put before the first one."""
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        assert edits.keys() <= set(old.namelist())
        for name in old.namelist():
            data = old.read(name)
            if name in edits:
                place, text = (each.encode() for each in edits[name])
                assert place in data, (name, place)
                data = data.replace(place, text + place, 1)
            new.writestr(old.getinfo(name), data)  # stored where it was stored
    return target


def _relation(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" TargetMode="External" Target="{target}" Type="{kind}"/>'


def _picture(number: int, plays: str = "") -> str:
    return (
        f'<p:pic><p:nvPicPr><p:cNvPr id="{number}" name="x{number}"><a:hlinkClick xmlns:r="{_R}" r:id="hyperlink"/>'
        f"</p:cNvPr><p:cNvPicPr/><p:nvPr>{plays}</p:nvPr></p:nvPicPr><p:blipFill>"
        f'<a:blip xmlns:r="{_R}" r:link="image"/><a:stretch><a:fillRect/></a:stretch></p:blipFill><p:spPr><a:xfrm>'
        '<a:off x="0" y="0"/><a:ext cx="900000" cy="900000"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
        "</p:spPr></p:pic>"
    )


def _frame(number: int, uri: str, inner: str) -> str:
    return (
        f'<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="{number}" name="o{number}"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><p:xfrm><a:off x="0" y="0"/><a:ext cx="900000" cy="900000"/></p:xfrm><a:graphic>'
        f'<a:graphicData uri="{uri}">{inner}</a:graphicData></a:graphic></p:graphicFrame>'
    )


def pptx(good: Path, target: Path, base: str) -> Path:
    """Linked picture, OLE object that updates itself, film, sound, chart, layout, template, all below `base`."""
    links = "".join(_relation(kind, f"{_R}/{kind}", f"{base}/{kind}") for kind in KINDS)
    links += _relation("media", _MEDIA, f"{base}/media")
    media = f'<p14:media xmlns:p14="{_P14}" xmlns:r="{_R}" r:link="media"/>'
    film = f'<a:videoFile xmlns:r="{_R}" r:link="video"/><p:extLst><p:ext uri="{_MEDIA_EXTENSION}">'
    ole = (
        f'<p:oleObj xmlns:r="{_R}" spid="_x0000_s1" name="Doc" r:id="oleObject" imgW="9" imgH="9" '
        f'progId="Word.Document.12"><p:link updateAutomatic="1"/>{_picture(80)}</p:oleObj>'
    )
    chart = f'<c:chart xmlns:c="{_A}/chart" xmlns:r="{_R}" r:id="chart"/>'
    shapes = (
        _picture(90)
        + _picture(91, f"{film}{media}</p:ext></p:extLst>")
        + _picture(92, f'<a:audioFile xmlns:r="{_R}" r:link="audio"/>')
        + _frame(93, f"{_P}/ole", ole)
        + _frame(94, f"{_A}/chart", chart)
    )
    template = _relation("template", f"{_R}/attachedTemplate", f"{base}/template")
    return _edited(
        good,
        target,
        {
            "ppt/slides/_rels/slide1.xml.rels": ("</Relationships>", links),
            "ppt/slides/slide1.xml": ("</p:spTree>", shapes),
            "ppt/_rels/presentation.xml.rels": ("</Relationships>", template),
        },
    )


def odp(good: Path, target: Path, base: str) -> Path:
    """Linked picture, film, objects, frame, applet, font, fill, script, template and next document, below `base`."""

    def link(name: str) -> str:
        return f'xlink:href="{base}/{name}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"'

    things = ("image", "plugin", "object", "object-ole", "floating-frame", "applet")
    frame = '<draw:frame svg:width="3cm" svg:height="3cm" svg:x="1cm" svg:y="1cm">'
    drawn = "".join(f"{frame}<draw:{thing} {link(thing)}/></draw:frame>" for thing in things)
    meta = f"<meta:template {link('template')}/><meta:auto-reload {link('reload')} meta:delay='PT0S'/>"
    face = f"<svg:font-face-src><svg:font-face-uri {link('font')}/></svg:font-face-src>"
    fill = f'<draw:fill-image draw:name="Away" {link("fill")}/>'
    half = _edited(
        good,
        target.with_suffix(".half"),
        {
            "content.xml": ("</draw:page>", drawn),
            "meta.xml": ("</office:meta>", meta),
            "styles.xml": ("</office:styles>", fill),
        },
    )
    end = "</office:font-face-decls>"
    font = f'<style:font-face style:name="Away" svg:font-family="Away">{face}</style:font-face>'
    return _edited(half, target, {"content.xml": (end, font)})


def same(name: str, data: bytes) -> tuple[str, bytes]:
    """The part as it is."""
    return name, data


def rewritten(source: Path, target: Path, edit: Callable[[str, bytes], tuple[str, bytes]] = same) -> Path:
    """A package zipped anew, with each part passed through `edit`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(*edit(name, old.read(name)))
    return target
