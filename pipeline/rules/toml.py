"""TOML files: presets, orders, secrets. Small ones, parsed in bounded time."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from pipeline.model.facts import Text

MOST: Final = 1 << 18  # bytes; the largest preset that is shipped has an eighth of it
_DOTS: Final = 64  # between two signs of equality: the parser needs the square of the parts of a dotted name


class NoToml(ValueError):
    """Not a TOML file that is read here; the words come after its name, and may quote it."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def parsed(raw: bytes) -> dict[str, Any]:
    """The tables in these bytes. Raises NoToml."""
    if len(raw) > MOST:
        raise NoToml(Text(f"larger than {MOST >> 10} KiB", f"大于 {MOST >> 10} KiB"))
    try:
        text = raw.decode("utf-8")
        if any(stretch.count(".") > _DOTS for stretch in re.split(r"[=\n]", text)):
            raise NoToml(  # noqa: TRY301  the sentence is made where it is known
                Text(f"a name of more than {_DOTS} parts", f"名称超过 {_DOTS} 段")
            )
        return tomllib.loads(text)
    except UnicodeDecodeError:
        raise NoToml(Text("not valid TOML: not in UTF-8", "不是有效的 TOML：编码不是 UTF-8")) from None
    except RecursionError:
        raise NoToml(Text("not valid TOML: too deeply nested", "不是有效的 TOML：嵌套过深")) from None
    except NoToml:
        raise
    except ValueError as error:  # of the parser, or of a number with thousands of digits
        raise NoToml(Text(f"not valid TOML: {error}", f"不是有效的 TOML：{error}")) from None
