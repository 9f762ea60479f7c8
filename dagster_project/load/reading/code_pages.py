"""Code pages: which encoding of one byte per letter a text is in, by the letters of languages.

Code pages differ in what the upper 128 bytes mean. Of those that can be, the one is taken in which
the letters beyond ASCII are likeliest for some language: a Polish list of names read as Western
European has superscripts in the middle of words. Letters are listed by language in about their
order of frequency; that order is all that is used of it.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

# By language: letters beyond ASCII, the frequent first, and the code pages that it was written in.
# The first page is taken of those that read alike.
_WESTERN = ("cp1252", "cp850", "mac_roman")
_CENTRAL = ("cp1250", "iso8859_2", "cp852")
_BALTIC = ("cp1257", "iso8859_13")
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
LANGUAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "German": ("üäößéè", _WESTERN),
    "French": ("éèàêçôîïâûëùœ", _WESTERN),
    "Spanish": ("óíáéñúü", _WESTERN),
    "Portuguese": ("ãçéáíóêâúõôà", _WESTERN),
    "Italian": ("èàòùìé", _WESTERN),
    "Dutch": ("ëéïèöüç", _WESTERN),
    "Scandinavian": ("åäöøæéü", _WESTERN),
    "Icelandic": ("áíðéóþæöúý", _WESTERN),
    # Customers of many countries in one list.
    "Western European": ("éáüöäíóñçèßãåøêæàúôâëïîùûõòìœ", _WESTERN),
    "Polish": ("łąęóżśćńź", _CENTRAL),
    "Czech": ("íáéýěčřžšůúňóďť", _CENTRAL),
    "Slovak": ("áíéčýžšúľôťóňäďĺŕ", _CENTRAL),
    "Hungarian": ("áéöóőüíúű", _CENTRAL),
    "Romanian": ("ăâîşţșț", ("cp1250", "iso8859_2", "cp852", "iso8859_16")),
    "Croatian": ("čšžćđ", _CENTRAL),
    "Central European": ("áéíłščžąęóýěřżćńśúůőöüűäôňďťľşţăâîđźĺŕ", _CENTRAL),
    "Turkish": ("ıüşğçöİâî", ("cp1254", "cp857")),
    "Greek": ("αοιετσνηυρπκμλςωγδχθφβάόίέήύώξζψΐϊϋΰ", ("cp1253", "cp737")),
    "Lithuanian": ("ėąšųįžčūę", _BALTIC),
    "Latvian": ("āīēšņūļžģķčō", _BALTIC),
    "Estonian": ("äõüöšž", _BALTIC),
    "Russian": ("оаеинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", _CYRILLIC),
    "Ukrainian": ("оанивіертслкдмупязьбгйчхжєшюїцщфґ", ("cp1251", "koi8_u", "cp1125")),
    "Bulgarian": ("аиоетнрсвлкдпмзгяъубчщцжшйхюьф", ("cp1251", "iso8859_5")),
    "Serbian": ("аиоенрстујвкдмлпзгбшчцхњжљћђџф", ("cp1251", "iso8859_5")),
    "Hebrew": ("יולאהרבתמשנדקחעפכםגצזןטסךףץ", ("cp1255",)),
    "Arabic": ("اليمنرتبدعسهوفحكقةجصشطىئخأضذغثءزظإؤآ", ("cp1256",)),
}
# Signs that stand in lists and prices of any language.
_SIGNS = "€£§©®°«»„“”‘’–—…№·×\xa0"
# What another letter, a sign, and anything else weighs, beside the letters of the language.
_OTHER_LETTER, _SIGN, _OTHER = 0.002, 0.004, 0.00005
# An uppercase letter behind a lowercase one: KOI8 and Windows have their cases the other way round.
_CASE_WEIGHT = 3.0
# A word with letters of two scripts.
_MIXED_WEIGHT = 8.0
_OTHER_SCRIPTS = re.compile(r"[\u0370-\u06ff]")
_LATIN = re.compile(r"[A-Za-z]")
# A language that the source names by its country counts as so many letters.
_PRIOR = 3.0
REGION_LANGUAGES = {
    **{"DE": "German", "AT": "German", "CH": "German", "FR": "French", "BE": "French"},
    **{"ES": "Spanish", "MX": "Spanish", "AR": "Spanish", "PT": "Portuguese", "BR": "Portuguese"},
    **{"IT": "Italian", "NL": "Dutch", "SE": "Scandinavian", "NO": "Scandinavian"},
    **{"DK": "Scandinavian", "FI": "Scandinavian", "IS": "Icelandic", "PL": "Polish"},
    **{"CZ": "Czech", "SK": "Slovak", "HU": "Hungarian", "RO": "Romanian", "HR": "Croatian"},
    **{"SI": "Croatian", "TR": "Turkish", "GR": "Greek", "CY": "Greek", "LT": "Lithuanian"},
    **{"LV": "Latvian", "EE": "Estonian", "RU": "Russian", "BY": "Russian", "KZ": "Russian"},
    **{"UA": "Ukrainian", "BG": "Bulgarian", "RS": "Serbian", "IL": "Hebrew", "EG": "Arabic"},
    **{"SA": "Arabic", "AE": "Arabic"},
}
_ONE_LETTER = 1.0
# Below it a person should look.
SURE = 0.9
# As much of a text as is weighed.
_WEIGHED = 1 << 16


@dataclass(frozen=True)
class Guess:
    """An encoding, how sure it is (0 to 1) against the next that reads otherwise, and that one.

    ``fit``: the share of the letters beyond ASCII that the language has.
    """

    encoding: str
    language: str
    confidence: float
    fit: float
    next_best: str | None = None
    is_shown: bool = False

    @classmethod
    def shown(cls, encoding: str) -> "Guess":
        """An encoding that the bytes themselves show."""
        return cls(encoding, "", 1.0, 1.0, is_shown=True)

    @property
    def is_doubtful(self) -> bool:
        return self.confidence < SURE


def guess_code_page(sample: bytes, region: str | None = None) -> Guess | None:
    """The likeliest code page of bytes that are no UTF-8; None when no page has all of them.

    ``region``: the country of the source, whose language is likelier.
    """
    every = re.findall(rb"[^\x00-@\[-`{-\x7f]*[\x80-\xff][^\x00-@\[-`{-\x7f]*", sample)
    # A letter that stands alone is of no word: an alphabet is in every language that has its signs.
    of_words = [word for word in every if len(word) > 1]
    words = b" ".join(of_words or every)[:_WEIGHED]
    found: list[tuple[float, int, str, str, float, str]] = []
    decoded: dict[str, str] = {}
    for place, (language, (letters, pages)) in enumerate(LANGUAGES.items()):
        weights = _weights(letters)
        for rank, page in enumerate(pages):
            if page not in decoded:
                decoded[page] = _decoded(words, page)
            text = decoded[page]
            if not text:
                continue
            score, fit = _score(text, weights)
            score += _PRIOR * (REGION_LANGUAGES.get(region or "") == language)
            # Pages that read alike are equal but for their order.
            found.append((score - rank * 0.5, -place, page, language, fit, text))
    if not found:
        return None
    best = max(found)
    others = [other for other in found if other[5] != best[5]]
    rival = max(others, default=None)
    distance = best[0] - rival[0] if rival else 99.0
    if not of_words or (region is None and sum(byte > 0x7F for byte in words) == 1):
        # One letter proves nothing, nor do any that stand alone.
        distance = min(distance, _ONE_LETTER)
    return Guess(
        best[2],
        best[3],
        1 / (1 + math.exp(-min(distance, 99.0))),
        best[4],
        rival[2] if rival else None,
    )


def _decoded(words: bytes, page: str) -> str:
    try:
        text = words.decode(page)
    except UnicodeDecodeError:
        return ""
    # Controls of the upper half are in no text.
    return "" if re.search(r"[\x80-\x9f]", text) else text


def _weights(letters: str) -> dict[str, float]:
    rest = 1 - _OTHER_LETTER
    total = sum(1 / (rank + 2) for rank in range(len(letters)))
    return {letter: rest / (rank + 2) / total for rank, letter in enumerate(letters)}


def _score(text: str, weights: dict[str, float]) -> tuple[float, float]:
    """(log likelihood of the letters beyond ASCII, share of them that the language has).

    Letters within a word of two scripts are not the language's.
    """
    words = text.split()
    mixed = [word for word in words if _OTHER_SCRIPTS.search(word) and _LATIN.search(word)]
    strange = sum(sign > "\x7f" for word in mixed for sign in word)
    score, known, letters = 0.0, 0, 0
    for sign, count in Counter(sign for sign in text if sign > "\x7f").items():
        lower = sign if sign in weights else sign.lower()
        if lower in weights:
            weight = weights[lower]
            known += count
            letters += count
        elif sign.isalpha():
            weight = _OTHER_LETTER / 50
            letters += count
        else:
            weight = _SIGN / len(_SIGNS) if sign in _SIGNS else _OTHER
            letters += count * (sign not in _SIGNS)
        score += count * math.log(weight)
    odd = sum(
        1
        for word in words
        for before, after in pairwise(word)
        if before.islower() and after.isupper() and (before > "\x7f" or after > "\x7f")
    )
    score -= _CASE_WEIGHT * odd + _MIXED_WEIGHT * len(mixed)
    return score, max(0, known - strange) / letters if letters else 0.0
