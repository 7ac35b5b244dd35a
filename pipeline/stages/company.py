"""Whether a letter grants to the company that `preflight.toml` names."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from typing import Final

from msgspec.structs import replace

from pipeline.model.measured import Letter

_NEARLY: Final = 0.8  # of two names, that is the same in both: from there on one may be the other, misread
# Of a name, what says of which form a company is. Only a name that says more than that is compared without it.
_FORM: Final = re.compile(
    r"(股份有限公司|有限责任公司|有限公司|公司|co(mpany)?(ltd|limited)|limited|ltd|inc(orporated)?|corp(oration)?|llc|gmbh)$"
)


def compared(letter: Letter, company: str) -> Letter:
    """The letter with whether it is granted to this company; unknown where the name is not found or nearly the same."""
    told = replace(letter, expected=company)
    if not letter.grantee:
        return told
    one, other = _plain(letter.grantee), _plain(company)
    if one == other:
        return replace(told, company=True)
    nearly = SequenceMatcher(None, one, other, autojunk=False).ratio() >= _NEARLY or one in other or other in one
    return told if nearly else replace(told, company=False)


def _plain(name: str) -> str:
    """Letters and digits alone, small, less the form of the company."""
    letters = "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if one.isalnum())
    return _FORM.sub("", letters) or letters
