"""An office that stays: loads LibreOffice as a library and turns decks into PDFs until nobody asks any more.

Run as a script by `office_shared`, through the launcher, in a private folder; nothing here imports the package.

`python -I -S office_kit.py PROGRAM-FOLDER LIBRARY IDLE-SECONDS`

One request a line from the pipe `requests` in its folder, one answer a line on standard output, both JSON.
While it waits it says so every second, while it works it is silent: who watches it can tell a hang from rest.
The interface is LibreOffice's own for embedding, LibreOfficeKit.h (include/LibreOfficeKit in its source), whose
tables only ever grow at the end.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import sys
import time

PRESENTATION = 2  # LOK_DOCTYPE_PRESENTATION
# Places in the tables of functions, counted in pointers; 0 is their size.
_LOAD, _ERROR, _FREE_ERROR = 4, 3, 5
_CLOSE, _SAVE, _TYPE = 1, 2, 3

_TEXT = ctypes.c_char_p
_HANDLE = ctypes.c_void_p


def _table(thing: int) -> list[int]:
    """The functions of an object of the interface: the address it starts with points at them."""
    first = ctypes.cast(thing, ctypes.POINTER(ctypes.c_void_p))[0]
    if first is None:
        raise SystemExit("an empty object")
    return list(ctypes.cast(first, ctypes.POINTER(ctypes.c_size_t))[0:6])


def _url(name: str) -> bytes:
    return b"file://" + os.fsencode(os.path.join(os.getcwd(), name)).replace(b"%", b"%25").replace(b"#", b"%23")  # noqa: PTH109, PTH118  pathlib costs start-up


class Kit:
    """LibreOffice in this process."""

    def __init__(self, folder: str, library: str) -> None:
        loaded = ctypes.CDLL(library)
        hook = loaded.libreofficekit_hook_2
        hook.restype, hook.argtypes = _HANDLE, [_TEXT, _TEXT]
        kit = hook(os.fsencode(folder), _url("profile"))
        if not kit:
            raise SystemExit("LibreOffice did not start")
        self._kit: int = kit
        places = _table(kit)
        self._load = ctypes.CFUNCTYPE(_HANDLE, _HANDLE, _TEXT, _TEXT)(places[_LOAD])
        self._error = ctypes.CFUNCTYPE(_HANDLE, _HANDLE)(places[_ERROR])
        self._free_error = ctypes.CFUNCTYPE(None, _HANDLE)(places[_FREE_ERROR])

    def _said(self) -> str:
        raw = self._error(self._kit)
        if not raw:
            return ""
        said = ctypes.string_at(raw).decode("utf-8", "replace")
        self._free_error(raw)
        return said

    def convert(self, source: str, target: str, export: str) -> str:
        """Write `source` as the PDF `target`; returns what went wrong, or nothing."""
        document = self._load(self._kit, _url(source), b"Batch=true,EnableMacrosExecution=false,MacroSecurityLevel=3")
        if not document:
            return self._said() or "it does not open"
        places = _table(document)
        kind = ctypes.CFUNCTYPE(ctypes.c_int, _HANDLE)(places[_TYPE])(document)
        said = ""
        if kind != PRESENTATION:
            said = "it opens as something else than a presentation"
        else:
            save = ctypes.CFUNCTYPE(ctypes.c_int, _HANDLE, _TEXT, _TEXT, _TEXT)(places[_SAVE])
            if not save(document, _url(target), b"pdf", export.encode()):
                said = self._said() or "it cannot be exported"
        ctypes.CFUNCTYPE(None, _HANDLE)(places[_CLOSE])(document)
        return said


def main() -> None:
    """Entry point."""
    folder, library, idle = sys.argv[1], sys.argv[2], float(sys.argv[3])
    # LibreOffice may print; answers go out by a way of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(**told: object) -> None:
        answers.write(json.dumps(told) + "\n")
        answers.flush()

    requests = os.open("requests", os.O_RDONLY)
    kit = Kit(folder, library)
    answer(ready=True)
    held, ticks, last = b"", 0, time.monotonic()
    while time.monotonic() - last < idle:
        if not select.select([requests], [], [], 1.0)[0]:
            ticks += 1
            answer(waiting=ticks)
            continue
        block = os.read(requests, 65536)
        if not block:
            break
        *lines, held = (held + block).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            said = kit.convert(asked["source"], asked["target"], asked["export"])
            answer(id=asked["id"], said=said)
            last = time.monotonic()
    # Its threads would wait for a user who is not there.
    os._exit(0)


if __name__ == "__main__":
    main()
