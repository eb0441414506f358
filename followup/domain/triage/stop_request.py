"""Opt-out request: whether a reply asks for no more messages, and not about it or for the contrary.

"Please can you stop" and "I dont want any more of these messages" are requests. "Did you stop
sending?", "I do not want to stop the messages" and "when can I stop the tablets" stop nothing: in
doubt a person reads it, while nobody would notice advice that was stopped by mistake.
"""

from __future__ import annotations

import re
from enum import StrEnum

from followup.domain.consent import is_stop
from followup.domain.triage.stop_elsewhere import asks_elsewhere
from followup.domain.triage.stop_phrases import SMALL, STOP, TEXTS, requests
from followup.domain.triage.stop_sentence import (
    asks_in_kinds,
    is_about_others,
    misses_them,
    names_another_matter,
    wants_them_otherwise,
)
from followup.domain.triage.stop_talk import asks_in_closed_talk
from followup.domain.triage.stop_words import POLITE_ELSEWHERE, STOPPING_ELSEWHERE, plain_of


class StopRequest(StrEnum):
    """What a reply says about stopping."""

    NONE = "none"
    ONLY = "only"
    AND_MORE = "and-more"


# All that may stand beside a bare "stop": what is left without these is the request itself.
_COURTESY = frozenset(
    {"a", "all", "already", "alright", "am", "and", "annoying", "any", "anymore", "asap", "at", "away",
     "aye", "big", "bloody", "both", "bye", "can", "cheers", "could", "day", "dear", "do",
     "doctor", "enough", "ever", "every", "everyone", "everything", "fed", "ffs", "for", "from",
     "fuckin", "fucking", "get", "go", "god", "going", "gonna", "good", "got", "hello", "hey",
     "hi", "hiya", "hun", "i", "id", "ill", "im", "immediately", "is", "it", "its", "just",
     "kind", "kindly", "kk", "know", "ladies", "like", "lol", "lot", "love", "madam", "many", "mate",
     "me", "might", "mine", "more", "mr", "mrs", "much", "must", "my", "nah", "need", "no", "now",
     "nurse", "of", "off", "oh", "ok", "okay", "omg", "on", "once", "one", "or", "people",
     "permanently", "pleas", "please", "pleasee", "pls", "plse", "plz", "pretty", "quick",
     "ready", "regards", "reply", "replying", "request", "right", "said", "sake", "say",
     "saying", "send", "sent", "shall", "should", "sick", "sir", "so", "some", "sorry", "stfu",
     "stops", "stp", "straight", "suppose", "ta", "team", "text", "texting", "thank", "thanks",
     "thankyou", "thanx", "that", "thats", "the", "them", "then", "there", "these", "they",
     "this", "tht", "thx", "till", "time", "to", "today", "tomorrow", "too", "ty", "typing",
     "tysm", "u", "up", "ur", "us", "very", "wait", "wanna", "want", "wanted", "we", "well",
     "will", "wish", "with", "would", "writing", "wud", "x", "xx", "xxx", "yeah", "yep", "yes",
     "you", "your", "yours", "yous", "yrs", "akhi", "bab", "bhai", "duck", "habibi", "hen", "ji",
     "srsly", "pal", "pet", "petal", "wid", "wi", "ya", "ye"}
)  # fmt: skip
_BARE = re.compile(
    r"\b(?:s+t+o+p+|sotp|stpo|tsop|stip|stoo|stopit|sttop|stopplease|stopthis|stopall|stahp|staph|stawp|unsubscribe|"
    r"unenroll?|deregister|unsub|optout|cease|desist|arret)\b"
)
# The pain is meant, or more than that.
_IT_TO_STOP = re.compile(
    r"\b(?:it|it all|this|that|everything|all)(?: \w+)? (?:to )?(?:stop|end)\b"
)
_OPENING = (
    r"^(?:(?:hi|hello|hey|hiya|please|pls|plz|ok|right|sorry|and|so|oh|well|but|just|thanks) )*"
)
_REQUEST = re.compile(
    _OPENING + r"(?:can|could|cud|will|would|wud|can i ask|may i ask|please can|is it possible|"
    r"any chance|(?:is there|if theres|if there is) (?:any|a|some|no) way(?: for| that)?|any way|how do|how does|how can|how|where do|why dont|why wont|why cant|cant|wont|do you mind|"
    r"would you mind) (?:you|u|ye|yous|yas|i|we|someone|somebody|anyone|anybody|whoever|a body|it|to|of|one|me)\b"
)
_QUESTION = re.compile(
    _OPENING
    + r"(?:(?:just )?wondering )?(?:how|did|didnt|have|has|hav|had(?! (?:quite |more than )*(?:enough|my fill|plenty))|havent|hasnt|when|why|are|r|is|"
    r"was|were(?! (?:all|both|fine|ok|okay|good|done|happy|sorted|not|managing|moving|going|very|quite|so|grand|doing)\b)|does|(?:and )?what (?:means|mean|is)|(?!do (?:me|one|go away|stop|please|leave|shut|give|quit|not|cancel|end|remove|delete|discontinue|cease)\b)do|should|shall|if|what|whats|wen|who|which|"
    r"will (?:the|these|this|they|it|i|my)|can the|would it|could it|am i|then (?:the |my )?\w+ (?:doesnt|dont|wont|cant|will|can))\b"
    r"(?! (?:dont|wont|cant) (?:you|u)\b)(?! not (?:text|send|contact|message)\b)"
)
_NEGATED = re.compile(
    r"\b(?:dont|do not|didnt|did not|doesnt|does not|dinnae|dinna|didnae|never|not|wont|will not|"
    r"wouldnt|would not|isnt|is not|wasnt|havent|have not|hasnt|shouldnt|should not|rather not|"
    r"no need to|without|cant|cannot|please keep|keep)"
    # "I am not Joan, please stop": what follows a "please" or a "so" is no longer denied
    rf"(?: (?:please|pls))?(?: (?!(?:please|pls|plz|kindly|so|therefore)\b)\w+){{0,5}} (?:{STOP}(?:ped|s|ing)?|unsubscribed?|opt(?:ed)? out|cancel\w*|turned off|"
    r"remove me|take me off|leave me|(?:be )?removed|lose (?:these|the)|come to an end)\b"
)
_PLAIN_WISH = re.compile(
    r"(?=\w+ \w)(?:(?:please|pls|plz|yes|ok|kindly|just) )*"
    r"(?:(?:you|u|ye|yous) (?:can|may|could) |(?:can|could|will|would) (?:you|u|ye|yous|we) |"
    r"i(?:d| would| should|ll)? (?:like|want|wish|prefer)(?: you)? to |id (?:like|rather) )?"
    r"(?:please |just |now )*"
    r"(?:stop|cancel|unsubscribe|unsub|opt out|remove me|take me off|unsubscribe me|opt me out|turn off|switch off|finish with (?:these|them)|stop (?:these|them|sending|texting))"
    r"(?: (?:now|please|pls|plz|thanks|thank you|ta|here|today|completely|altogether|x+))*"
)
"""A plain wish as a part of a sentence by itself, before or after a comma, or a "but"."""
_POLITELY = re.compile(r"(?:please|pls|plz|kindly)\b(?!.* (?:ring|call|phone)\b)")
_REALLY_WANTS = re.compile(
    r"\b(?:why )?(?:dont|wont|cant) (?:you|u)\b|\bi want (?:\w+ ){0,2}(?:texts|messages) (?:to be )?(?:stopped|cancelled)\b|\bdont (?:forget|fail) to\b|\bnot interested\b|\bnever (?:gave|signed|asked for|consented|agreed)\b|"
    r"\bif (?:you|u|yous|ye) (?:dont|dinnae|divvent) (?:stop|cease|quit)\b|(?:prefer|rather|glad|happy|happier|grateful|better|appreciate it|like it)(?: if)? (?:these|they|the \w+) (?:stopped|ended|were stopped)\b|\bblock\w* (?:\w+ ){0,3}unless (?:you|u|ye|yous) stop\b"
)
_THREATENS = re.compile(r"if (?:you|u|yous|ye) (?:dont|do not) (?:stop|cease|quit)\b")
_PAST_OR_IF = re.compile(
    r"\b(?:(?<!glad )(?<!grateful )(?<!obliged )(?<!appreciate it )(?<!pleased )(?<!kind )if(?! (?:(?:you|u) (?:can|could|would|wud|cud|will|please|wouldnt|dont)|(?:youd|ud) |(?:they|these) (?:could|would|might) |(?:the |these |your )?(?:texts|messages) ))|unless|when|"
    r"whether|until|before|after|since|once|because|cos|thought|think|said you|seem to have|"
    rf"accidentally|by accident|by mistake)\b(?: \w+){{0,6}} {STOP}(?:ped|s)?\b|"
    r"\bif (?:i|we|he|she) (?:write|reply|text|send|say|put|type|press|come|comes|opt|leave|unsubscribe|ask|asked|wanted|want(?! anything| owt| summat| something)) |"
    r"\b(?:says?|reads) (?:to )?(?:reply|text|send|write) stop\b|"
    r"\b(?:stopped|cancelled|ended)\b|\b(?:asked|asks|told|tells) (?:me|us) (?:to )?not\b"
)
_WANTS_THEM = re.compile(
    rf"(?:put|turn|switch|start|get|sign|add|have) {SMALL}(?:{TEXTS} )?(?:back on|on again|back again)\b|"
    r"\b(?:dont|do not|didnt|never|wouldnt|dinnae)(?: really)? (?:want|wish|mean|like|need) "
    r"(?:to|them to|it to|you to|these to|the texts to|the messages to) (?:stop|opt out|unsubscribe|cancel|end)\b"
    r"(?! (?:being|living|it all))|"
    rf"\b(?:i|id|just|only|but|rather|prefer|please) (?:want|prefer|like|have|send|rather) (?:the |your |only |just )?{TEXTS}"
    r"(?! (?:to )?(?:be )?(?:stop|end|off|cancel|turn|finish|cease|switch|remove))|"
    r"\b(?:text|texts|message|messages) (?:are|is) (?:fine|ok|okay|better|best)\b|"
    r"\b(?:text|message|email|e mail|write to) (?:me|us|him|her|my \w+) instead\b|"
    r"\b(?:text|message|email|e mail|ring|call|phone|write to) (?:me|us|him|her|my \w+) not text\b|"
    r"\binstead of (?:a )?(?:text|texting|message)\b|"
    r"\b(?:text|message) (?:me|us) on (?:this|my|the)\b|"
    r"\b(?:too kind|too good to me|making me blush|stop press|keep me on)\b|"
    r"(?<!dont find )(?<!not find )(?<!dinnae find )\b(?:these|they|texts|messages)(?: are|re)? (?!not |no )(?:\w+ )?(?:useful|helpful|handy|a comfort|a help)\b|"
    r"\bi (?:do )?(?:like|love|enjoy) (?:them|these|getting|hearing)\b(?! but)|"
    r"\b(?:continue|carry on|keep on) (?:having|getting|receiving) (?:them|these)\b|"
    r"\bstart (?:and )?stop\b|\bstop (?:and )?start(?:s|ing)?\b|"
    r"\b(?:like|want|prefer|rather|happy|wish) (?:to )?(?:stay|remain) on\b|"
    r"\b(?:resubscribe|re subscribe|reinstate|un ?stop|opt(?:ed)? (?:back )?in|restart)\b|"
    rf"(?:start|resume|restart) {SMALL}{TEXTS} (?:again|back)\b|"
    r"\b(?:didnt|did not|never|dinnae|havent|have not|hadnt) (?:ask|mean|say|tell|type|"
    r"request|press|put|intend|asked|said)(?! for (?:these|them|this|it|any|\w*te?xts?|messages)\b)(?: \w+){0,4}? "
    r"(?:stop|unsubscribed?|be stopped|be taken off|opt out|cancel|be removed)\b"
)
_DOUBTED = re.compile(r"\bstop\s*\?+\s*(?:no|nah|nope|never)\b(?! more)", re.IGNORECASE)
_SENTENCE = re.compile(
    r"[.!;\n]+|(?<=\?)|(?<=who is this) |(?<=who are you) |(?<=whos this) |\s-+\s|(?<=stop),|,(?= *(?:(?:please|pls|so|just) )*(?:stop|unsub|remove me|take me off|delete my|cancel (?:these|the text)))|"
    r"\bso (?=(?:please |pls |just |kindly |you can |can you |could you |will you )*(?:stop|cancel (?:these|the text)|unsub|remove me))|"
    # as dictated
    r"\b(?:full stop|comma|question mark|colon|exclamation mark|new line)\b",
    re.IGNORECASE,
)
_MAY_I = re.compile(
    r"\b(?:can|could|may|shall|might|should) (?:i|we) (?:just |please |now )?stop(?: (?:now|yet|soon|please|it|this|them|these))*$"
)
"""Whoever asks so may mean the tablets."""
_MAY_DESPAIR = re.compile(
    r"\b(?:want|need|take|stand|bear) (?:this|it|that) (?:any ?more|no more|any longer)$"
)
"""Life may be meant, and a person reads it at once."""
_NO_MESSAGES = re.compile(
    # a journey; what they need not write down; what is not understood; a call that is wished for
    r"\bwithout (?:a |any |once )?stop(?:ping)?\b|\b(?:you|they|yous) (?:dont|do not|wont) (?:need|want) (?:to know )?(?:that|this|it)\b"
    r"(?! (?:any ?more|to (?:send|text)))|"
    r"\b(?:dont|do not|didnt|cant|dinnae) (?:get|see|ken|follow) (?:what|why|how|where|who)\b|"
    r"\b(?:call|ring|phone)(?: (?:me|us|him|her|back|please|pls))* (?:and )?not (?:by |a |to |send )?text\w*$|"
    r"\bthere(?:s| is| are) no more of\b|\b(?:rather|sooner|prefer) not (?:to )?be (?:texted|messaged|contacted) "
    r"(?:at|on|by (?:phone|letter|post|email)|before|after|during|while|until|till|in the|so|when)\b|"
    r"\b(?:dont|do not|dinnae) write in$|"
    r"^(?:please |pls )?(?:dont|do not|not) text (?:but |just |please )*(?:ring|call|phone)\b"
)
_OFF = re.compile(r"off(?: (?:please|pls|now|thanks))*")
"""By itself alone: beside a dressing it is the dressing, and at the end a farewell."""
_SENDS_SOMEBODY = re.compile(
    r"\bsend(?:ing)? (?:me|us|him|her|my \w+|mum|dad) (?:to|for|back|home|in|away|there)\b"
)
"""It is the patient who would be sent, to a hospital or for a scan."""
_PARTS = re.compile(r",|\bbut\b|\bso\b")
_NAMES_THEM = re.compile(rf"\b(?:these|them|those|{TEXTS}|texted|messaged)\b")
_ASKS_POLITELY = re.compile(r"(?:please|pls|kindly|(?:can|could|would|will) (?:you|u|ye|yous))\b")
_NUMBER = re.compile(r"\bno\.(?= (?:from|off|out)\b)", re.IGNORECASE)
"""A number as it is shortened: no end of a sentence."""
_SHORT = 12
"""Words: a longer sentence with a bare "stop" says something else as well."""


def stop_request(text: str) -> StopRequest:
    """Return whether a text asks for no more messages, and whether it says more than that."""
    text = _NUMBER.sub("number", text.replace("🛑", " stop "))
    if _is_all(text):
        return StopRequest.ONLY
    plain = _plain(text)
    each = map(_plain, re.split(r"[.!;\n]+", text))
    if any(map(_WANTS_THEM.search, each)) or _DOUBTED.search(text):
        return StopRequest.NONE
    if asks_elsewhere(text):
        # Nobody knows what else it says.
        return StopRequest.AND_MORE
    asked = said_more = False
    for written in _SENTENCE.split(text):
        sentence = _plain(written)
        if not sentence:
            continue
        if _asks(sentence, written, reply=plain):
            asked = True
            said_more |= bool(_rest(sentence))
        elif _leads(written) and not _NEGATED.search(sentence):
            asked = said_more = True
        else:
            said_more |= not set(sentence.split()) <= _COURTESY
    if not asked:
        return StopRequest.NONE
    return StopRequest.AND_MORE if said_more else StopRequest.ONLY


def _is_all(text: str) -> bool:
    """Say whether a text is a stopping word or phrase of any language, and nothing else."""
    if is_stop(text):
        return True
    plain = f" {plain_of(text)} "
    for polite in POLITE_ELSEWHERE:
        plain = plain.replace(f" {polite} ", " ")
    return plain.strip() in STOPPING_ELSEWHERE


def _asks(sentence: str, written: str, *, reply: str) -> bool:
    """Say whether one sentence of a reply asks for it."""
    if _is_all(written):
        return True
    parts = [_plain(part) for part in _PARTS.split(written)]
    if _NEGATED.search(sentence) and not _REALLY_WANTS.search(sentence):
        # "Can you stop texting us, my phone never stops" denies nothing of what it asks.
        asked = (part for part in parts[:1] if _ASKS_POLITELY.match(part))
        return any(requests().search(part) and not _NEGATED.search(part) for part in asked)
    if _is_no_request(sentence, reply=reply):
        return False
    is_off = sentence == reply and _OFF.fullmatch(sentence)
    if is_off or requests().search(sentence) or asks_in_kinds(sentence):
        return True
    if any(_asks_by_itself(part) for part in parts) or asks_in_closed_talk(sentence):
        return True
    is_bare = _BARE.search(sentence) and not _IT_TO_STOP.search(sentence)
    return bool(is_bare) and len(sentence.split()) <= _SHORT and not _rest(sentence)


def _asks_by_itself(part: str) -> bool:
    """Say whether a part of a sentence asks for it, whatever the other parts are about."""
    if asks_in_closed_talk(part) or _PLAIN_WISH.fullmatch(part):
        return True
    told = _NAMES_THEM.search(part) or _POLITELY.match(part)
    return bool(told and requests().search(part))


def _is_no_request(sentence: str, *, reply: str) -> bool:
    """Say whether a sentence asks something, tells of the past, or is about something else."""
    is_question = (
        _QUESTION.match(sentence)
        and not _REQUEST.match(sentence)
        and not _THREATENS.match(sentence)
    )
    if is_question or (_PAST_OR_IF.search(sentence) and not _REALLY_WANTS.search(sentence)):
        return True
    if wants_them_otherwise(sentence) or is_about_others(sentence, reply=reply):
        return True
    if names_another_matter(sentence) or misses_them(sentence):
        return True
    return any(
        one.search(sentence) for one in (_MAY_I, _MAY_DESPAIR, _SENDS_SOMEBODY, _NO_MESSAGES)
    )


def _rest(sentence: str) -> set[str]:
    """Return the words of a sentence that are neither the request nor courtesies."""
    left = _BARE.sub(" ", requests().sub(" ", sentence))
    return {
        word for word in left.split() if word not in _COURTESY and not re.fullmatch(TEXTS, word)
    }


_LEADING = re.compile(r"\W*(?:please\s+)?(stop|stopall|unsubscribe)\b[\W_]*(\w*)", re.IGNORECASE)
_ABOUT_TREATMENT = re.compile(
    r"\w+ing|the|my|a|an|this|that|these|those|it|me|by|off|over|at|in", re.IGNORECASE
)


def _leads(written: str) -> bool:
    """Say whether the sentence opens with STOP and goes on with something that it is not about."""
    leading = _LEADING.match(written)
    if leading is None:
        return False
    word, following = leading.groups()
    if word.isupper() and not following.isupper():
        return True
    return not _ABOUT_TREATMENT.fullmatch(following)


_AS_OTHERS_WRITE = {
    "council": "cancel", "cansel": "cancel", "cancle": "cancel", "stoping": "stopping", "nee": "nae",
    "oot": "out", "aff": "off", "stap": "stop", "enuf": "enough", "enuff": "enough", "tek": "take",
    "tak": "take", "wanna": "want to", "ma": "my", "mi": "my", "yer": "your", "thae": "these",
    "nomore": "no more", "stoap": "stop", "stope": "stop", "stopp": "stop", "stp": "stop",
    "nay": "nae", "dunt": "dont", "doan": "dont", "sendin": "sending", "writin": "writing", "dinny": "dinnae",
    "gettin": "getting", "wantin": "wanting", "comin": "coming", "tae": "to", "textin": "texting", "blockin": "blocking", "receivin": "receiving",
    "messagin": "messaging", "botherin": "bothering", "stoppin": "stopping", "ahm": "im", "texas": "texts",
    "divn": "divvent", "iz": "us", "uz": "us", "wiz": "us", "wud": "would", "cud": "could",
}  # fmt: skip


def _plain(text: str) -> str:
    """Return the words of a text in small letters, without accents, apostrophes and signs."""
    plain = re.sub("['’‘`\u00b4\u02bc]", "", text)
    words = re.findall(r"[^\W_]+", plain_of(plain))
    if all(len(word) == 1 for word in words):
        words = ["".join(words)]
    return " ".join(_AS_OTHERS_WRITE.get(word, word) for word in words)
