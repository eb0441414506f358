"""Opt-out request: whether a reply asks for no more messages, and not about it or for the contrary.

"Please can you stop" and "I dont want any more of these messages" are requests. "Did you stop
sending?", "I do not want to stop the messages" and "when can I stop the tablets" stop nothing: in
doubt a person reads it, while nobody would notice advice that was stopped by mistake.
"""

from __future__ import annotations

import re
from enum import StrEnum

from followup.domain.consent import is_stop
from followup.domain.triage.stop_words import POLITE_ELSEWHERE, STOPPING_ELSEWHERE, plain_of


class StopRequest(StrEnum):
    """What a reply says about stopping."""

    NONE = "none"
    ONLY = "only"
    AND_MORE = "and-more"


_TEXTS = (
    r"(?:text|txt|message|msg|mesage|massage|messege|sms|reminder|notification|communication)"
    r"(?:s|es|ing|in)?\b"
)
_SMALL = (
    r"(?:(?:all|any|more|further|other|another|the|these|those|this|that|your|ur|yr|you|u|my|me|us|of|"
    r"for|from|with|by|to|please|pls|such|silly|bloody|fucking|damn|annoying|automated|automatic|"
    r"daily|anymore|now|it|about|sending|getting|get|receive|receiving|have|having|be|being|sent|see|"
    r"hear|keep|want|no|longer|extra|follow|up|unwanted|pain|clinic|hospital|nhs) ){0,6}?"
)
"""Words that may stand between a request and the texts that it is about: "of your silly"."""
_STOP = r"(?:stop+|stopp?ing|cease|quit|halt|cancel|end|discontinue|unsubscribe|unsub|finish|pause)"
_WANT = r"(?:want|wish|need|like|require|care|ask|asked|sign|signed|consent|consented|agree|agreed)"
_DENY = (
    r"(?:dont|do not|dinnae|dinna|no longer|never|not|didnt|doesnt|dnt|nor|cba|wont|will not|"
    r"neither)"
)
_ME = r"(?:me|us|him|her|(?:my |this |the )?(?:mobile |phone )?(?:number|num|details|name|data))"
_ON_LIST = (
    r"(?:off|from|out of|of)(?: of)?(?: (?:this|the|your|ur|yr|that|these))*(?: \w+){0,2}? "
    r"(?:lists?|systems?|databases?|records?|files?|texts?|messages?|service|books|contacts|thing)"
)
_ABOUT_TEXTS = (
    # stop sending me these texts; stop texting; stop the messages
    rf"(?:stop+|stopp?ing|cease|quit|halt) {_SMALL}"
    r"(?:send\w*|text\w*|txt\w*|messag\w*|contact\w*|bother\w*|pester\w*|spam\w*|hassl\w*)\b",
    rf"(?:stop+|stopp?ing|cease|cancel|unsubscribe|unsub) {_SMALL}{_TEXTS}",
    r"(?:quit|halt|end|discontinue|finish|pause) "
    rf"(?:(?:all|the|these|those|this|your|my|any|sending|me|further) )*{_TEXTS}",
    rf"give over {_SMALL}(?:sending|texting|messaging)",
    # no more texts; enough of these messages
    rf"(?:no|nae) (?:more|mair|further) {_SMALL}{_TEXTS}|enough {_SMALL}{_TEXTS}",
    rf"^(?:(?:please|pls|ok|thanks|and|just) )*no {_TEXTS}"
    r"(?: (?:please|pls|thanks|thank you|ta|anymore|any more|now))*$",
    r"^(?:(?:please|pls|ok|just) )*no more of (?:these|them|this)\b",
    r"^(?:(?:please|pls|ok|just) )*pack it in\b|pack in (?:the|these|your) ",
    rf"(?:fed up|sick|tired|enough) (?:with|of) {_SMALL}{_TEXTS}",
    # dont want any more of these messages; no longer wish to receive texts
    rf"no want {_SMALL}{_TEXTS}",
    rf"{_DENY}(?: really| even| actually| ever)? {_WANT} (?:up )?{_SMALL}"
    rf"(?:{_TEXTS}|you texting|contacted|contact|texted|messaged|bothered)",
    rf"{_DENY}(?: really)? {_WANT} (?:to |any more to )?hear(?:ing)? from (?:you|u|yous|ye)\b",
    rf"(?:dont|do not|no longer) (?:want|need) {_SMALL}(?:of )?(?:these|them)"
    r"(?: (?:any ?more|no more|any longer|now|please|thanks|thank you))*$",
    rf"(?:rather not|prefer not to|prefer to not) {_SMALL}(?:{_TEXTS}|these|them)",
    r"\bnot interested\b",
    # dont text me; never contact me again
    rf"(?:{_DENY}|no)(?: ever)? (?:text|txt|message|msg|contact|send|write|bother|spam)(?:ing)?"
    r"(?: to)? (?:me|us|him|her|my|this|any|anymore|again|no more|more)\b",
    r"(?:please|pls|kindly) not(?: to)? (?:send|text|txt|message|contact)\b",
    # take me off; remove my number from your list
    rf"(?:take|taken|get|strike|cross|drop|remove|delete|erase) {_ME}(?: (?:please|now|straight))* "
    rf"(?:{_ON_LIST}|off(?: (?:this|it|here|please|now|pls|thanks))*$)",
    rf"(?:taken|removed|struck|get|come) {_ON_LIST}",
    rf"(?:remove|delete|erase) {_ME}\b(?! (?:dressing|plaster|stitches))",
    r"how (?:do|can) i (?:get off|come off|get out of|cancel) (?:this|these|the texts|your)\b",
    # in plainer words, and as the whole of it: "the pain won't go away" is about something else
    r"^(?:(?:please|pls|just|oh|now|will you|can you|stop and) )*"
    r"(?:piss|bugger|sod|fuck|bog|clear|naff|jog|eff) (?:off|on)\b",
    r"^(?:(?:please|pls|just|oh) )*(?:get lost|go away|knock it off|cut it out|leave off)"
    r"(?: (?:please|now|thanks|will you|you lot))*$",
    r"(?:opt|opting|opted)(?: me| us)? out\b(?! of (?:surgery|the (?:injection|procedure)))",
    r"\b(?:unsubscribe|unsub|unsubscribed|unsuscribe|unsubcribe|optout|stopall)\b",
    r"leave (?:me|us) (?:alone|be|in peace)\b|let (?:me|us) be$",
    rf"(?:turn|switch|shut) {_SMALL}(?:{_TEXTS} )?off {_SMALL}(?:{_TEXTS}|$)",
    rf"(?:turn|switch|shut) {_SMALL}{_TEXTS} off\b",
    r"(?:withdraw|revoke)(?: \w+){0,2} (?:consent|permission)\b",
    rf"(?:make|get) {_SMALL}{_TEXTS} (?:to )?(?:stop|end)\b",
)
_REQUESTS = re.compile(rf"(?:^|\b)(?:{'|'.join(_ABOUT_TEXTS)})")

# All that may stand beside a bare "stop": what is left without these is the request itself.
_COURTESY = frozenset(
    {"a", "all", "already", "alright", "am", "and", "any", "anymore", "asap", "at", "away",
     "aye", "big", "bloody", "both", "bye", "can", "cheers", "could", "day", "dear", "do",
     "doctor", "enough", "ever", "every", "everyone", "everything", "fed", "ffs", "for", "from",
     "fuckin", "fucking", "get", "go", "god", "going", "gonna", "good", "got", "hello", "hey",
     "hi", "hiya", "hun", "i", "id", "ill", "im", "immediately", "is", "it", "its", "just",
     "kind", "kindly", "kk", "know", "ladies", "like", "lol", "love", "madam", "many", "mate",
     "me", "might", "mine", "more", "mr", "mrs", "much", "must", "my", "need", "no", "now",
     "nurse", "of", "off", "oh", "ok", "okay", "on", "once", "one", "or", "people",
     "permanently", "pleas", "please", "pleasee", "pls", "plse", "plz", "pretty", "quick",
     "ready", "regards", "reply", "replying", "request", "right", "said", "sake", "say",
     "saying", "send", "sent", "shall", "should", "sick", "sir", "so", "some", "sorry", "stfu",
     "stops", "stp", "straight", "suppose", "ta", "team", "text", "texting", "thank", "thanks",
     "thankyou", "thanx", "that", "thats", "the", "them", "then", "there", "these", "they",
     "this", "tht", "thx", "till", "time", "to", "today", "tomorrow", "too", "ty", "typing",
     "tysm", "u", "up", "ur", "us", "very", "wait", "wanna", "want", "wanted", "we", "well",
     "will", "wish", "with", "would", "writing", "wud", "x", "xx", "xxx", "yeah", "yep", "yes",
     "you", "your", "yours", "yous", "yrs"}
)  # fmt: skip
_BARE = re.compile(
    r"\b(?:s+t+o+p+|sotp|stpo|tsop|stip|stoo|stopit|sttop|stopplease|stopthis|stopall|unsubscribe|"
    r"unsub|optout|cease|desist|arret)\b"
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
    r"any chance|how do|how can|how|where do|why dont|why wont|why cant|cant|wont|do you mind|"
    r"would you mind) (?:you|u|ye|yous|yas|i|we|someone|somebody|anyone|anybody|it|to|one|me)\b"
)
_QUESTION = re.compile(
    _OPENING
    + r"(?:(?:just )?wondering )?(?:did|didnt|have|has|hav|had|havent|hasnt|when|why|are|r|is|"
    r"was|were|does|do|should|shall|if|what|whats|wen|who|which|"
    r"will (?:the|these|this|they|it|i|my)|can the|would it|could it|am i)\b"
    r"(?! (?:dont|wont|cant) (?:you|u)\b)(?! not (?:text|send|contact|message)\b)"
)
_NEGATED = re.compile(
    r"\b(?:dont|do not|didnt|did not|doesnt|does not|dinnae|dinna|didnae|never|not|wont|will not|"
    r"wouldnt|would not|isnt|is not|wasnt|havent|have not|hasnt|shouldnt|should not|rather not|"
    r"no need to|without|cant|cannot|please keep|keep)"
    rf"(?: \w+){{0,5}} (?:{_STOP}(?:ped|s|ing)?|unsubscribed?|opt(?:ed)? out|cancel\w*|turned off|"
    r"remove me|take me off|leave me|(?:be )?removed|lose (?:these|the))\b"
)
_REALLY_WANTS = re.compile(
    r"\b(?:why )?(?:dont|wont|cant) (?:you|u)\b|\bdont (?:forget|fail) to\b|\bnot interested\b"
)
_PAST_OR_IF = re.compile(
    r"\b(?:if(?! (?:you|u) (?:can|could|would|wud|cud|will|please|wouldnt|dont))|unless|when|"
    r"whether|until|before|after|since|once|because|cos|thought|think|said you|seem to have|"
    rf"accidentally|by accident|by mistake)\b(?: \w+){{0,6}} {_STOP}(?:ped|s)?\b|"
    r"\b(?:stopped|cancelled|ended)\b"
)
_SENTENCE = re.compile(
    r"[.!;\n]+|(?<=\?)|\s-+\s|(?<=stop),|,(?= *(?:stop|please stop|pls stop|unsub))", re.IGNORECASE
)
_SHORT = 12
"""Words: a longer sentence with a bare "stop" says something else as well."""


def stop_request(text: str) -> StopRequest:
    """Return whether a text asks for no more messages, and whether it says more than that."""
    if _is_all(text):
        return StopRequest.ONLY
    asked = said_more = False
    for written in _SENTENCE.split(text):
        sentence = _plain(written)
        if not sentence:
            continue
        if _asks(sentence, written):
            asked = True
            said_more |= bool(_rest(sentence))
        elif _leads(written):
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


def _asks(sentence: str, written: str) -> bool:
    """Say whether one sentence asks for it."""
    if _is_all(written):
        return True
    if _NEGATED.search(sentence) and not _REALLY_WANTS.search(sentence):
        return False
    is_question = _QUESTION.match(sentence) and not _REQUEST.match(sentence)
    if is_question or _PAST_OR_IF.search(sentence):
        return False
    if _REQUESTS.search(sentence):
        return True
    is_bare = _BARE.search(sentence) and not _IT_TO_STOP.search(sentence)
    return bool(is_bare) and len(sentence.split()) <= _SHORT and not _rest(sentence)


def _rest(sentence: str) -> set[str]:
    """Return the words of a sentence that are neither the request nor courtesies."""
    left = _BARE.sub(" ", _REQUESTS.sub(" ", sentence))
    return {
        word for word in left.split() if word not in _COURTESY and not re.fullmatch(_TEXTS, word)
    }


_LEADING = re.compile(r"\W*(?:please\s+)?(stop|stopall|unsubscribe)\b[\W_]*(\w*)", re.IGNORECASE)
_ABOUT_TREATMENT = re.compile(r"\w+ing|the|my|a|an|this|that|these|those|it", re.IGNORECASE)


def _leads(written: str) -> bool:
    """Say whether the sentence opens with STOP and goes on with something that it is not about."""
    leading = _LEADING.match(written)
    if leading is None:
        return False
    word, following = leading.groups()
    if word.isupper() and not following.isupper():
        return True
    return not _ABOUT_TREATMENT.fullmatch(following)


def _plain(text: str) -> str:
    """Return the words of a text in small letters, without accents, apostrophes and signs."""
    plain = re.sub("['’‘`\u00b4\u02bc]", "", text)
    return " ".join(re.findall(r"[^\W_]+", plain_of(plain)))
