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
_SERVICE = (
    r"(?:subscription|subscriptions|service|alerts|updates|check ?ins?|sign ?up|registration|"
    r"enrolment|programme|program|scheme|mailing list|pings|pinging|bleeps|bleeping|buzzing)\b"
)
_TAIL = (
    r"(?: (?:any ?more|no more|nae mair|any longer|now|please|pls|plz|thanks|thank you|ta|cheers|"
    r"x+|love|hen|pal|mate|bye|ok|so|at all|again|sent|sir|madam|dear))*$"
)
_SMALL = (
    r"(?:(?:all|any|more|further|other|another|the|these|those|this|that|your|ur|yr|you|u|my|me|us|of|"
    r"for|from|with|by|to|please|pls|such|silly|bloody|fucking|damn|annoying|automated|automatic|"
    r"daily|anymore|now|it|about|sending|getting|get|receive|receiving|have|having|be|being|sent|see|"
    r"hear|keep|want|no|longer|extra|stupid|daft|endless|constant|follow|up|unwanted|pain|clinic|hospital|nhs) ){0,6}?"
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
    rf"(?:stop+|cease|cancel|discontinue|end|terminate|halt|unsubscribe) "
    rf"(?:(?:all|me|from|to|the|this|your|my|these|that|of|with|automated|text) )*{_SERVICE}",
    rf"(?:cancel|discontinue|stop|end) (?:my |the |your )?{_SERVICE}",
    rf"discontinue (?:to |with )?(?:the )?(?:{_TEXTS}|send\w*|contact\w*|text\w*)",
    rf"so kind as to (?:stop|cancel|cease|end|discontinue) (?:{_SMALL}{_TEXTS}|them|these|it)",
    r"\bdesist\b",
    r"\bgonnae (?:please |just )*(?:no|not|stop)(?: dae that| do that)?(?: (?:text|message|send)\w*)?\b",
    r"\bg(?:i|ive|ie) it a rest\b|\bgive it a rest\b|\bgie it a rest\b",
    rf"\bgi?v?i?e (?:over|ower|ovver|owwer)(?: (?:wi|with) {_SMALL}{_TEXTS}|{_TAIL})",
    r"\b(?:rather|prefer(?: it)? if|grateful if|obliged if|kind if|like it if) (?:you|ye|u|youd|yed|youse)"
    r"(?: (?:could|would))? (?:didnt|didnae|did not|dont|do not|not|wouldnt|stopped) "
    r"(?:text|message|msg|send|contact|write|bother|ring)\w*\b",
    r"\b(?:thats me|im|i am|am) (?:done|finished|through) (?:with|wi) "
    rf"(?:(?:the|these|this|thae|your|all) )*(?:{_TEXTS}|questionnaires?|surveys?|check ?ins?)",
    r"\blose my number\b|\bwrap it up\b",
    rf"^(?:(?:please|pls|so|ok|and|right|that was|the|no|this is the) )*last (?:one|msg|message|text)"
    rf"(?: (?:yeah|aye|i mean it))*{_TAIL}|\blast one please$",
    r"\b(?:no need (?!(?:to )?(?:keep )?check)|neednt |need not |dont need |dont have )(?:to )?(?:keep |be |you )*(?:writ|text|messag|"
    r"check|ask|send)\w*(?: (?:on|up|in))*(?: (?:me|us))?(?: (?:any longer|any ?more|again|now))",
    r"\bno need to keep (?:on )?(?:writ|text|messag|send)\w*",
    r"\b(?:go|away) (?:and|an|n) (?:annoy|bother|pester|text|bug|bile|boil)\b",
    r"\bno more (?:check ?ups?|check ?ins?|phone calls|calls|surveys?|questionnaires?|questions)\b",
    r"\bopt(?:ing|ed)? (?:myself|me|us) out\b|\b(?:bow|drop|step|duck) out of (?:this|these|it|the|your)\b",
    rf"^(?:(?:please|pls|just) )*(?:cancel|stop|end|off|unsubscribe) (?:all|everything|them|the lot){_TAIL}",
    r"^off(?: (?:please|pls|now|thanks))*$",
    rf"^(?:(?:please|pls|just|can you|could you) )*(?:turn|switch) (?:them|these|it|this|those|em) off{_TAIL}",
    r"\b(?:strike|take|tek|tak|taking|remove|removing|cross|scrub|score|wipe) (?:me|us|my name|my number|"
    r"this number) (?:off|from|out)\b"
    r"(?! (?:the|my|your) (?!(?:\w+ )?(?:lists?|systems?|database|records?|books|texts|messages|service|"
    r"scheme|computer|programme|thing)\b))",
    r"\b(?:be|am|was) left (?:in peace|alone|be)\b(?: now)?(?:$| my| as)",
    r"\bquit it\b",
    r"^(?:(?:oh|and|please|pls|just|will|you|can|ye|youse?|ffs|so|kindly) )*(?:shut up|shut it|"
    r"pipe down|belt up|zip it|bore off|do one|give it a rest|gie it a rest|gies? (?:us )?peace|"
    r"give (?:us|me) (?:some )?peace|sling your hook|get tae fuck|haud yer wheesht|"
    r"h[au]+d y[eo]u?r w[he]+sht|wheesht|stfu|gtfo)\b",
    # no more texts; enough of these messages
    rf"(?:no|nae) (?:more|mair|further) {_SMALL}{_TEXTS}|enough {_SMALL}{_TEXTS}",
    rf"^(?:(?:please|pls|ok|thanks|and|just) )*no {_TEXTS}"
    r"(?: (?:please|pls|thanks|thank you|ta|anymore|any more|now))*$",
    r"^(?:(?:please|pls|ok|just) )*no more of (?:these|them|this)\b",
    r"^(?:(?:please|pls|ok|just) )*pack it in\b|pack in (?:the|these|your) ",
    rf"(?:fed up|sick|tired|enough|sufficient|plenty) (?:with|wi|of|o|ae) {_SMALL}{_TEXTS}",
    # dont want any more of these messages; no longer wish to receive texts
    rf"no want {_SMALL}{_TEXTS}",
    rf"{_DENY}(?: really| even| actually| ever)? {_WANT} (?:up )?{_SMALL}"
    rf"(?:{_TEXTS}|you texting|contacted|contact|texted|messaged|bothered)",
    rf"{_DENY}(?: really)? {_WANT} (?:to |any more to )?hear(?:ing)? from (?:you|u|yous|ye)\b",
    rf"(?:dont|do not|no longer) (?:want|need) {_SMALL}(?:of )?(?:these|them)"
    r"(?: (?:any ?more|no more|any longer|now|please|thanks|thank you))*$",
    rf"(?:rather not|prefer not to|prefer to not) {_SMALL}(?:{_TEXTS}|these|them)",
    r"\bnot interested\b",
    r"(?:dont|do not|dinnae|dunt|no longer|dont really|didnt) (?:want|need) "
    rf"(?:(?:any|of|more|all|to|get|have|be|getting|having) )*(?:these|them|em|those|thae|this|it)"
    rf"(?: (?:things?|ones?|stuff|carry on|lot))?{_TAIL}",
    r"(?:dont|do not|no longer|didnt)(?: really)? (?:wish|want|care|agree|consent)(?: to)? "
    r"(?:take part|taking part|participate|be (?:a )?part of (?:this|the|your)|be (?:in|on) (?:this|the|your) "
    r"(?:list|programme|study|service|scheme|system|follow up)|be included|be involved|"
    r"be (?:texted|messaged|contacted|written to|bothered|pestered|reminded)|"
    r"continue with (?:this|the|these)|be signed up|(?:stay|remain) on (?:this|the|your) (?:list|service|system))",
    rf"(?:may|can|could|might|would|will) (?:i|we) (?:please )?(?:not|no longer) (?:have|get|receive|be sent) "
    rf"(?:any |any more |more )?(?:of )?(?:these|them|those|{_TEXTS}|this)?",
    rf"(?:sooner|rather|prefer to|happier to|like to) (?:go|do|be|manage|live) without"
    rf"(?: (?:them|these|those|the|this|your|any|all|of|more|such))*(?: {_TEXTS})?{_TAIL}",
    rf"(?:do|manage|cope|live) without (?:the|these|your|all these|any more) {_TEXTS}",
    rf"had (?:quite |more than )*(?:enough|sufficient|my fill) of {_SMALL}(?:{_TEXTS}|these|them|this|it)",
    # dont text me; never contact me again
    r"(?:dont|dnt|do not|dinnae|dinna|no longer|never|nor|no|neither|"
    r"(?<!did )(?<!does )(?<!do )(?<!have )(?<!has )not)(?: ever)? "
    r"(?:text|txt|message|msg|contact|send|write|spam)(?:ing)?(?: to)? "
    r"(?:me|us|him|her|my|this|any|anything|anymore|again|no more|more|em|them|these|owt)\b",
    # "It doesn't bother me" is about something else.
    r"(?:^|\b(?:please|pls|plz|kindly|just|so|thanks|you|ye|must|should) )"
    r"(?:dont|do not|dinnae|dinna|never)(?: ever)? (?:bother|pester|hassle|disturb) "
    r"(?:me|us|him|her|my)\b",
    r"(?:please|pls|kindly) not(?: to)? (?:send|text|txt|message|contact)\b",
    # take me off; remove my number from your list
    rf"(?:take|taken|get|strike|cross|drop|remove|delete|erase) {_ME}(?: (?:please|now|straight))* "
    rf"(?:{_ON_LIST}|off(?: (?:this|it|here|please|now|pls|thanks))*$)",
    rf"(?:taken|removed|struck|get|come) {_ON_LIST}",
    rf"(?:remove|delete|erase) {_ME}\b(?! (?:dressing|plaster|stitches))",
    r"how (?:do|can) i (?:get off|come off|get out of|cancel) (?:this|these|the texts|your)\b",
    r"(?:take|get|put|pull|leave|cross|strike|count|scrub|scratch) (?:me|us|my (?:name|number|mobile|phone)) "
    r"(?:out|off)(?: (?:of|from) (?:the|this|your|that) (?:list|computer|system|machine|texts|messages|"
    r"database|thing|service|group|scheme|programme))?" + _TAIL,
    r"(?:take|get|delete|remove|erase|wipe) (?:out )?(?:my|this|our|the) "
    r"(?:mobile|phone|number|mobile number|phone number|name|contact|details) (?:number )?"
    r"(?:out of|from|off|of)\b",
    r"get (?:you|u|yous|youse|ye|these|this|them|the texts)(?: lot)? off my (?:phone|mobile|back|case)\b",
    r"^blocked unless (?:you|u|ye|yous) stop|(?:will|going to|gonna|gunna|shall|ill|il|have|am|im)(?: have to)? block(?:ed|ing)? "
    r"(?:you|u|this|these|your|ur|ye|yous|the number)\b|^block(?:ed|ing) (?:you|u|this)",
    r"^(?:(?:please|pls|kindly|just|ok|and) )*(?:remove|delete|erase)(?: (?:please|pls|now|thanks|it))*$",
    rf"^(?:(?:please|pls|ok|right|oh|well|now|and|that is|thats|its|hey|look) )*"
    rf"(?:enough(?: is enough| already| now| of this| of that)?|plenty)(?: from you)?{_TAIL}",
    r"^(?:(?:please|pls|ok|thanks|and|just) )*(?:no|nae) (?:more|mair)(?: of (?:this|it|that|these))?"
    + _TAIL,
    r"(?:dont|do not|no) (?:need|have|want|bother) (?:you )?(?:to )?(?:write|writing|text|texting|message|"
    r"messaging|contact|contacting|send|sending)(?: to)? (?:me|us|anything|any|again|more|any ?more)\b",
    r"\b(?:get lost|(?:f|fk|fck|fuck|feck|piss|bugger|sod|bog|jog|clear|naff|eff|push|buzz) off|away) "
    rf"(?:with|and take) {_SMALL}{_TEXTS}",
    rf"^(?:(?:please|pls|now|ok|and|just|every day|so) )*(?:finish|stop|end|done|finito|basta) "
    rf"(?:with )?(?:this|these|it|them|that){_TAIL}|^(?:finish|finito|terminate){_TAIL}",
    r"(?:dont|do not|not|no|no longer)(?: wish| want)(?: to)? (?:be )?(?:in|on|part of) (?:this|the|your) "
    r"(?:list|program|programme|study|service|scheme|system|follow up|thing)\b",
    r"\b(?:close|delete|shut) my (?:file|account|record|records|profile|case)\b",
    r"\b(?:want|wish|silence|peace and quiet)(?: you)?(?: to)?(?: be)? ?(?:silence|no (?:further |more )?"
    r"(?:contact|communication|correspondence)|from you|silent)\b",
    r"\bno (?:further |more )?(?:contact|communication|correspondence)" + _TAIL,
    r"\b(?:never|didnt|did not|not) (?:gave|give|given)(?: you)?(?: any| my)? (?:agreement|consent|permission) "
    rf"(?:for|to) {_SMALL}(?:{_TEXTS}|this|these|be)",
    r"\bno business with you\b",
    r"^(?:(?:please|pls|i|just|and) )*(?:dont|do not|never) (?:send|text|write|message|contact|ring)"
    + _TAIL,
    r"\bwithdraw (?:me|my (?:name|number|details))\b|\bi (?:wish|want|would like) to withdraw from "
    r"(?:this|these|the|your) (?:service|texts|text|messages|list|scheme|programme)\b",
    r"\b(?:last|final) (?:one|text|message|reply|answer|time)(?: that)? (?:i|im|ill|il|you)"
    r"(?: (?:am|will|shall|are|is|going to|gonna|get|be))* (?:answer|reply|respond|read|hear|get)\w*",
    # in plainer words, and as the whole of it: "the pain won't go away" is about something else
    r"^(?:(?:please|pls|just|oh|now|will you|can you|stop and) )*"
    r"(?:piss|bugger|sod|fuck|bog|clear|naff|jog|eff) (?:off|on)\b",
    r"^(?:(?:please|pls|just|oh|do) )*(?:get lost|go away|knock it off|cut it out|leave off)"
    r"(?: (?:please|now|thanks|will you|you lot))*$",
    r"(?:opt|opting|opted)(?: me| us)? out\b(?! of (?:surgery|the (?:injection|procedure)))",
    r"\b(?:unsubscribe|unsub|unsuscribe|unsubcribe|optout|stopall)\b(?! me from anything)",
    r"(?:be|get|me|us|want|like) unsubscribed\b|^unsubscribed$",
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
     "kind", "kindly", "kk", "know", "ladies", "like", "lol", "lot", "love", "madam", "many", "mate",
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
    r"\b(?:s+t+o+p+|sotp|stpo|tsop|stip|stoo|stopit|sttop|stopplease|stopthis|stopall|stahp|staph|stawp|unsubscribe|"
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
    + r"(?:(?:just )?wondering )?(?:how|did|didnt|have|has|hav|had|havent|hasnt|when|why|are|r|is|"
    r"was|were|does|(?!do (?:one|go away|stop|please|leave|shut|give|quit)\b)do|should|shall|if|what|whats|wen|who|which|"
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
    r"\b(?:why )?(?:dont|wont|cant) (?:you|u)\b|\bdont (?:forget|fail) to\b|\bnot interested\b|\bnever (?:gave|signed|asked for|consented|agreed)\b|"
    r"\bif (?:you|u|yous|ye) dont (?:stop|cease|quit)\b|\bblock\w* unless (?:you|u|ye|yous) stop\b"
)
_PAST_OR_IF = re.compile(
    r"\b(?:if(?! (?:(?:you|u) (?:can|could|would|wud|cud|will|please|wouldnt|dont)|(?:youd|ud) ))|unless|when|"
    r"whether|until|before|after|since|once|because|cos|thought|think|said you|seem to have|"
    rf"accidentally|by accident|by mistake)\b(?: \w+){{0,6}} {_STOP}(?:ped|s)?\b|"
    r"\bif (?:i|we|he|she) (?:come|comes|opt|leave|unsubscribe|ask|asked|wanted|want) |"
    r"\b(?:stopped|cancelled|ended)\b|\b(?:asked|asks|told|tells) (?:me|us) (?:to )?not\b"
)
_WANTS_THEM = re.compile(
    rf"(?:put|turn|switch|start|get|sign|add|have) {_SMALL}(?:{_TEXTS} )?(?:back on|on again|back again)\b|"
    r"\b(?:dont|do not|didnt|never|wouldnt|dinnae)(?: really)? (?:want|wish|mean|like|need) "
    r"(?:to|them to|it to|you to|these to|the texts to|the messages to) (?:stop|opt out|unsubscribe|cancel|end)\b"
    r"(?! (?:being|living|it all))|"
    r"\bstart (?:and )?stop\b|\bstop (?:and )?start(?:s|ing)?\b|"
    r"\b(?:resubscribe|re subscribe|reinstate|un ?stop|opt(?:ed)? (?:back )?in|restart)\b|"
    rf"(?:start|resume|restart) {_SMALL}{_TEXTS} (?:again|back)\b|"
    r"\b(?:didnt|did not|never|dinnae|havent|have not|hadnt) (?:ask|mean|say|tell|type|"
    r"request|press|put|intend|asked|said)(?: \w+){0,4}? "
    r"(?:stop|unsubscribed?|be stopped|be taken off|opt out|cancel|be removed)\b"
)
_SENTENCE = re.compile(
    r"[.!;\n]+|(?<=\?)|\s-+\s|(?<=stop),|,(?= *(?:stop|please stop|pls stop|unsub))", re.IGNORECASE
)
_SHORT = 12
"""Words: a longer sentence with a bare "stop" says something else as well."""


def stop_request(text: str) -> StopRequest:
    """Return whether a text asks for no more messages, and whether it says more than that."""
    text = text.replace("🛑", " stop ")
    if _is_all(text):
        return StopRequest.ONLY
    if _WANTS_THEM.search(_plain(text)):
        return StopRequest.NONE
    if asks_elsewhere(text):
        # Nobody knows what else it says.
        return StopRequest.AND_MORE
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
    if is_question or (_PAST_OR_IF.search(sentence) and not _REALLY_WANTS.search(sentence)):
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
