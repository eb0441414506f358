"""Whether a reply is in a language that no file of phrases understands: by letters, or small words.

What nobody can sort may be anything, so it is put before a person as soon as a warning sign is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import lru_cache

from followup.domain.triage.stop_words import plain_of

ENOUGH = 2
"""So many different small words of a language show it; one alone may be a name."""

_SMALL_WORDS: dict[str, str] = {
    "cs": "jsem nemohu nemůžu cítím noha nohy bolí mám není děkuji",
    "cy": "dwi ddim yn mae fy coes goes nghoes teimlo gallu ers wedi methu poen nid rwy rydw dw cefn bore "
    "neithiwr eto gwan wan merwino",
    "de": "ich nicht kann mein meine bein fühle habe ist schmerzen seit gestern kein keine",
    "es": "no puedo mi pierna siento tengo estoy dolor desde ayer las piernas orinar fiebre muy",
    "fr": "je ne peux pas ma jambe sens j'ai mal depuis hier suis les jambes uriner fièvre très",
    "hu": "nem tudok lábam érzem fáj láz vagyok tegnap",
    "it": "non riesco gamba sento ho mia dolore sono da ieri gambe febbre molto",
    "lt": "negaliu koja kojos jaučiu skauda nuo vakar turiu karščiuoju",
    "pa-ur": "mera meri mujhe nahi nahin hai hain pair tang laat dard bukhar sunn ho raha rahi kar "
    "nai sakda sakdi lat gaya gayi peshab",
    "pl": "nie mogę moge czuję czuje noga nogi nogę boli mam od wczoraj moja sikać gorączkę goraczke jest "
    "jestem się sie bardzo",
    "pt": "não nao consigo minha perna sinto tenho dor desde ontem pernas febre estou muito urinar",
    "ro": "nu pot piciorul simt picioare am durere ieri febră febra mă sunt foarte urinez de",
    "so": "ma waan lugta lugaha dareemayo xanuun qandho kaadi karo shalay",
    "sq": "nuk mundem këmba kemba ndjej kam dhimbje temperaturë dje jam",
    "tr": "bacağım bacagim hissetmiyorum ağrı agri ateş ates var yok çok dünden idrar yapamıyorum ayağım",
    "vi": "không chân tôi cảm đau sốt từ",
}
_BY_LANGUAGE = {
    language: frozenset(plain_of(words).split()) for language, words in _SMALL_WORDS.items()
}


def is_unreadable(text: str, *, understood: Collection[str]) -> bool:
    """Say whether a text is in letters, or shows small words, of no language that is understood.

    `understood` holds the words that the phrases know: they show no other language.
    """
    letters = [sign for sign in text if sign.isalpha()]
    if sum(not _is_latin(sign) for sign in letters) * 2 > len(letters):
        return True
    words = {word for word in plain_of(text).split() if word not in understood}
    return any(len(words & known) >= ENOUGH for known in _BY_LANGUAGE.values())


@lru_cache(maxsize=4096)
def _is_latin(sign: str) -> bool:
    return sign < "\u0250" or unicodedata.name(sign, "").startswith(("LATIN", "FULLWIDTH LATIN"))
