"""The patient's own words of a text: without quotes, reactions, copies of ours and footers.

A phone that "likes" our text sends it back in quotes, a mail program quotes what it answers, and
people copy. None of that is what the patient says: "Reply STOP to stop these texts" in a quote
stops nothing, and our own warning signs raise no alarm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

RUN, QUOTED_RUN = 8, 3
"""So many words in a row as in a text of ours are copied: people do not hit on them by chance.

Within quotation marks fewer show it.
"""

_OPENS, _CLOSES = '“„«‹"”‟「『＂', '”“»›"‟」』＂„'
_QUOTED = re.compile(rf"[{_OPENS}](?P<quoted>[^{_OPENS}{_CLOSES}]{{3,}})(?:[{_CLOSES}]|\Z)")
_MARKED_LINE = re.compile(r"^[ \t]*[>|].*$", re.MULTILINE)
_FORWARD = re.compile(
    r"^[ \t]*(?:-{2,} ?(?:original|forwarded) message ?-{2,}|begin forwarded message:|"
    r"on [^\n]{4,80} wrote:|le [^\n]{4,80} a écrit :|am [^\n]{4,80} schrieb[^\n]{0,60}:|"
    r"el [^\n]{4,80} escribió:|sent from my |sent from |get outlook for ).*\Z",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_FOOTER = re.compile(
    r"\b(?:to (?:opt[ -]?out|unsubscribe|stop|end)[^.\n]{0,40}?(?:reply|text|txt|send)(?: with)? stop"
    r"(?: to \d+)?|"
    r"(?:reply|text|txt|send)(?: with)? stop (?:to|2)(?: \d+)? ?(?:to )?"
    r"(?:stop|opt[ -]?out|unsubscribe|end|cancel|no more)[^.\n]{0,40}|"
    r"opt[ -]?out:? ?(?:reply|text|txt) stop|stop (?:2|to) (?:end|stop|opt ?out|cancel|unsub\w*)"
    r"(?: to \d+)?|stop ?[:=-] ?\d{4,6}|optout \d{4,6})\.?",
    re.IGNORECASE,
)
_REACTION = re.compile(
    # iPhones, in the languages that they are set to; Android writes the picture itself.
    r"^\W*(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|"
    r"removed an? \w+(?: \w+)? (?:reaction )?from|reacted(?: with)? \S{1,12} to|"
    r"[^\w\s]{1,12}\s*(?:to|à|auf|a|na|do|voor|till|til)|"
    r"a (?:aimé|adoré|détesté|ri de|ri à|souligné|mis en avant|réagi par \S+ à)|"
    r"(?:hat )?(?:gefällt(?: mir)?|liebt|lachte über|betonte|hob hervor|reagierte mit \S+ auf)|"
    r"le (?:gust[oó]|encant[oó]|dio risa|disgust[oó])|(?:se )?(?:destac[oó]|enfatiz[oó]|ri[oó] de)|"
    r"(?:ha )?reaccion[oó] con \S+ a|"
    r"(?:ha )?(?:messo|reagito con|adorato|amato|enfatizzato|riso per) ?(?:mi piace|\S+)? ?a?|"
    r"(?:gostou|amou|adorou|n[aã]o gostou|riu|enfatizou|reagiu com \S+) ?(?:de|a|com)?|"
    r"(?:polubion[oay]\w*|polubi\S+|uwielbi\S+|zareagowa\S+|podkreśli\S+|za[sś]mia\S+)[^“„\"«]{0,24}|"
    r"(?:vond|vindt|reageerde met \S+ op)|(?:i-a plăcut|a reacționat cu \S+ la|a apreciat)|"
    r"(?:beğendi|bayıldı|\S+ ile tepki verdi)|(?:wedi hoffi|hoffodd)|"
    r"(?:أعجبه|أعجبها|أحب|أحبت|تفاعل\S*|ضحك\S* على|شدد\S* على)(?: \S+){0,3}|"
    r"(?:понравилось|сподобалося|в восторге от)|(?:赞了|喜欢了?|强调了|大笑))\s*$",
    re.IGNORECASE,
)
_REACTION_AFTER = re.compile(
    r"^\W*(?:leuk|öğesini beğendi|beğendi|öğesine bayıldı|gefällt mir|پسند\S*|को पसंद किया|नु.{0,20})\W*$",
    re.IGNORECASE,
)
_SIGNS = " \t\n.,:;()…-"
_ADDRESS = re.compile(r"https?://\S+")
_WORD = re.compile(r"[^\W_]+")
LONGEST_LEAD = 60
"""Characters before a quote that may still say nothing but how somebody reacted."""


@dataclass(frozen=True, slots=True)
class Own:
    """What of a text is the patient's, and what of it was quoted."""

    words: str
    quoted: str


class OurTexts:
    """The words of our own texts, by which a copy of them is known."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        each = [_words(text) for text in texts]
        self._runs = {
            length: frozenset(run for words in each for run in _runs(words, length))
            for length in (RUN, QUOTED_RUN)
        }

    def without(self, text: str, *, run: int = RUN) -> tuple[str, str]:
        """Return the text without what is copied from ours, and the copied words."""
        matches = list(_WORD.finditer(text))
        words = [match.group().casefold() for match in matches]
        copied = [False] * len(words)
        for place in range(len(words) - run + 1):
            if tuple(words[place : place + run]) in self._runs[run]:
                copied[place : place + run] = [True] * run
        if not any(copied):
            return text, ""
        kept, taken, end = list[str](), list[str](), 0
        for match, is_copy in zip(matches, copied, strict=True):
            piece = text[end : match.end()]
            (taken if is_copy else kept).append(piece)
            end = match.end()
        return "".join(kept) + text[end:], "".join(taken)


NO_TEXTS = OurTexts()


def own_words(text: str, *, ours: OurTexts = NO_TEXTS) -> Own:
    """Return what of a text the patient says, and what is quoted in it."""
    kept = _FORWARD.sub("", _signed(text))
    quoted = [match.group() for match in _MARKED_LINE.finditer(kept)]
    kept = _MARKED_LINE.sub("", kept)
    quotes = list(_QUOTED.finditer(kept))
    if len(quotes) == 1 and _is_reaction(kept, quotes[0]):
        return Own("", "\n".join([*quoted, quotes[0]["quoted"]]))
    for match in quotes:
        # Of a quote, what is not ours is said: somebody puts "weak" in quotes.
        _, copied = ours.without(match["quoted"], run=QUOTED_RUN)
        if _is_mostly(copied, match["quoted"]) or _has_footer(match["quoted"]):
            quoted.append(match["quoted"])
            kept = kept.replace(match.group(), " ", 1)
    kept, copied = ours.without(kept)
    if copied:
        # The address of a page in it is ours too.
        kept = _ADDRESS.sub(" ", kept)
    kept = _FOOTER.sub(" ", kept).strip()
    if copied or quoted:
        # The signs that stood between our words say nothing.
        kept = kept.strip(_SIGNS)
    return Own(kept, "\n".join([*quoted, copied]).strip())


_SPOKEN = {"full stop": ". ", "question mark": "? ", "exclamation mark": "! ", "comma": ", "}
_SIGN = re.compile(r"\b(full stop|question mark|exclamation mark|comma)\b", re.IGNORECASE)


def _signed(text: str) -> str:
    """Return a dictated text with the signs that were spoken as signs."""
    return _SIGN.sub(lambda match: _SPOKEN[match[1].lower()], text)


def _is_reaction(text: str, match: re.Match[str]) -> bool:
    lead, rest = text[: match.start()], text[match.end() :]
    if len(lead) > LONGEST_LEAD:
        return False
    if _REACTION_AFTER.match(rest):
        return not _WORD.search(lead) or bool(_REACTION.match(lead))
    return bool(_REACTION.match(lead)) and not _WORD.search(rest)


def _has_footer(text: str) -> bool:
    return bool(_FOOTER.search(text))


def _is_mostly(copied: str, text: str) -> bool:
    return 2 * len(_words(copied)) >= len(_words(text)) > 0


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _runs(words: list[str], length: int) -> Collection[tuple[str, ...]]:
    return {tuple(words[place : place + length]) for place in range(len(words) - length + 1)}
