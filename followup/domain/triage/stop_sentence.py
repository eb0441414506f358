"""Opt-out requests by kinds of words: what ends, and that messages are what ends.

`followup.domain.triage.stop_phrases` lists wordings; nobody lists all. "I should be glad if the daily
messages could kindly come to an end" is heard because an ending stands near messages, in a short
sentence about nothing else: one with a word of symptoms, medicines or getting about is left to the
listed wordings, and so is a question, a complaint that nothing came, and a wish to go on.
"""

from __future__ import annotations

import re

LONGEST_SENTENCE = 28
"""Words: a longer sentence says something else as well."""

_TEXTS = (
    r"(?:te?xt\w*|mess?a?ge?\w*|messe?ges?|mes?a?gs?|msgs?|mssgs?|sms\w*|reminders?|notifications?|"
    r"communications?|correspondence|check ?ins?|questionnaires?|surveys?|ping\w*|beep\w*|bleep\w*|"
    r"spam\w*|alerts?|subscription)\b"
)
_ENDING = (
    r"(?:stop+|stopping|stap|stahp|cease|ceasing|ending|(?<!the )end|finish|quit|halt|cancel|cancelling|"
    r"discontinu\w*|desist|unsub\w*|terminate\w*|suspend|conclude)"
)
_DENIAL = (
    r"(?:dont|do not|dinn?ae?|dinny|divv?e?nt|dunt|doan|dnt|not|never|nor|no longer|wont|will not|"
    r"shant|cannot|cant|cba|wouldnt|wudnt|didnt|doesnt|does not|doesnae|disnae|neither|without|nae)"
)
_WISH = (
    r"(?:want\w*|wan|wish\w*|need\w*|like|require\w*|care|bothered|interested|looking|ask(?:ed)?|"
    r"sign(?:ed)?|consent\w*|agree\w*|receiv\w*|get|getting|have|having|send\w*|keep|appreciate|"
    r"enjoy|necessary|wanted|welcome)"
)


def _up_to(count: int) -> str:
    return rf"(?:\w+ ){{0,{count}}}?"


_REQUESTS = re.compile(
    "|".join(
        (
            rf"\b{_ENDING} {_up_to(5)}{_TEXTS}",
            rf"\b{_TEXTS} {_up_to(6)}(?:to|could|can|would|must|should|please|now|all|kindly) "
            rf"{_up_to(2)}(?:{_ENDING}|come to an end)\b",
            rf"\b(?:no|nae|nee) (?:more|mair|further) {_up_to(8)}{_TEXTS}",
            rf"\b(?:g(?:i|ie|ive)(?:s|z| me| us)?) (?:some )?(?:peace|a rest|a break) {_up_to(3)}{_TEXTS}",
            rf"\b(?:withdraw|withdrawn|opt out|opted out|drop out|(?:to |can i )(?:come|get|be) off|be taken off|wantin\w* (?:off|aff)) {_up_to(4)}(?:scheme|service|programme|list|thing|{_TEXTS})",
            r"\b(?:leave|leaving|keep|keeping|take|taking) (?:me|us|my (?:name|number)) (?:out|off)(?: of (?:it|this|these|them))?(?: in future| from now on| please| now|$)",
            rf"\b(?:enough|plenty|fill|(?:fed up|sick|tired|bored|done|finished|through) (?:of|with|wi|ae)) {_up_to(4)}{_TEXTS}",
            rf"\b{_DENIAL} {_up_to(2)}{_WISH} {_up_to(5)}{_TEXTS}",
            rf"\b{_TEXTS} {_up_to(4)}{_DENIAL} {_up_to(2)}(?:necessary|needed|required|wanted|welcome)\b",
            rf"\b(?:remove|delete|erase|drop|bin|block|mute|decline|refuse|ditch|exclude|deregister) "
            rf"{_up_to(5)}{_TEXTS}",
            r"\b(?:take|tak|tek|get|put|pull|strike|cross|scrub|leave|count|turn|switch|shut|knock|call|give|"
            rf"gie|gi) {_up_to(3)}(?:off|aff|out|oot) {_up_to(4)}{_TEXTS}",
            r"\b(?:take|tak|tek|turn|switch|shut|knock|call|give|gie|gi|put) "
            rf"{_up_to(4)}{_TEXTS} (?:off|aff|out|oot|a rest|on the head|a day|to bed|a break|a miss)\b",
            rf"\b(?:can|could|might|may|please|possible|manage|happier|rather|sooner|prefer|better off) "
            rf"{_up_to(3)}(?:without|not) {_up_to(4)}{_TEXTS}",
            rf"\b(?:no|little|not much|nae|not any) (?:need|call|point|use|reason|desire|interest|wish|time|"
            rf"patience) {_up_to(5)}{_TEXTS}",
            rf"\b(?:dont|do not|dinnae|dinna|dinny|divv?e?nt|dunt|dnt|never|not to|no longer|please not|nor) "
            r"(?:(?:ever|please|you|to|keep|be|just) )*(?:text|txt|send|message|msg|contact|write|pester|spam|disturb|bug)\w* "
            rf"{_up_to(2)}(?:me|us|my (?:phone|mobile|number)|him|her|anything|again|more|mair|these|them|no more)\b",
            r"\b(?:my|our|his|her|this|mums?|dads?) (?:mobile |phone |own )*(?:number|name|details|phone|"
            r"mobile|telephone) (?:\w+ ){0,3}?(?:off|out|removed?|deleted?|erased?|alone|in peace|forgotten)\b",
        )
    )
)
_OTHER_MATTERS = re.compile(
    r"\b(?:pain\w*|tablets?|pills?|meds?|medic\w*|dressing|plaster|bleed\w*|exercis\w*|legs?|feet|foot|"
    r"back(?! on)|sugars?|insulin|steroids?|drive|driving|physio|weak\w*|numb\w*|wee\w*|pee\w*|bowel\w*|"
    r"bladder|fever|temp\w*|breath\w*|chest|sleep\w*|\w+(?:ntin|alin|amol|adol|profen|statin)|morphine|"
    r"codeine|work(?:ing)?|gym|walk\w*|toilet|cough\w*|dizzy|ache\w*|sore|hurts?|hurting|blood|wound|"
    r"needle|injection\w*|thinners?|drink\w*|smok\w*|bath|shower|swim\w*|bus|bend\w*|lift\w*|bags?|milk|"
    r"infection|antibiotics?|gp|999|111|nurse|surgeon|appointment|living|alive|life|world|everything|"
    r"tomorrow|2moro|tmrw|tonight|wake|goodbye|funeral)\b"
)
_BODILY = re.compile(
    r"\b(?:pain\w*|tablets?|pills?|meds?|medicat\w*|medicine\w*|dressing|plaster|bleed\w*|blood|weak\w*|numb\w*|"
    r"breath\w*|dizzy|dizziness|aches?|aching|heid|headaches?|hurts?(?! (?:any\w*|your|their) (?:\w+ )?feelings)|hurting|wound|injections?|results|"
    r"ambulance|appointments?|suffering|sickness|vomit\w*|infection|insulin|steroids?|morphine|cramps?|spasms?|"
    r"smoking|driving|crying|greetin|itch\w*|mak\w+ (?:me|him|her) (?:sick|ill|poorly|queasy|sleepy|drowsy|dopey|woozy))\b"
)
_COMPLAINT = re.compile(
    r"\b(?:got|had|received|getting|came|come|coming) (?:no|none|nothing|nowt|nae)\b|"
    r"\b(?:not|never|havent|hasnt|hadnt|didnt|did not|aint|dont|cant|cannot|couldnt) (?:\w+ )?"
    r"(?:had|got|get|gotten|received?|come|came|see|seen|read|find|open|understand|arrive\w*|"
    r"mean|know|think|mind|sure)\b"
)
_QUESTION = re.compile(
    r"^(?:(?:please|and|so|ok|just|hi|hello|sorry|but|or) )*(?:why|when|did|have (?:you|the|they|my|i)|"
    r"has|how (?:many|long|often)|are|is|was|were|will they|what|who|which|should|do i|does|can a|if i)\b"
    r"|\bhow (?:many|long|often)\b|\b(?:when|what|why|who) (?:do|does|did|is|are|will|the|means)\b"
    r"|\b(?:do|should|must|can|shall) i$"
)
_SHORT = 16
"""Words: in a longer sentence, what limits a wish may belong to something else."""
_OTHERWISE = re.compile(
    # at another hour, about something else, once, by post; or fewer came than were expected
    r"\b(?:before|after|till|until) (?:\d|noon|lunch|tea|dinner|breakfast|dark|\w+day\b)|"
    r"\b(?:about (?:the|this|my|that)|for the wrong|same (?:text|message)|in the (?:morning|afternoon|"
    r"evening|night)|letters?|by post|old (?:number|phone|mobile)|my last|i sent|since \w+day|came since|"
    r"not (?:so|as|too|quite so) (?:many|often|early|late)|less often|(?:fewer|less) (?:text|message)s?|"
    r"(?:dont|do not|stop|not|never)(?: \w+){0,2} (?:te?xt\w*|send\w*|messag\w*|them|these)(?: me| us| these| them)? "
    r"(?:at night|at weekends|so early|so late|too early|too late|early|late|on \w+day|in the day|during|while i)|"
    r"enough \w+ (?:about )?.*to (?:know|understand|go on)|but (?:do )?keep|thank.* more questions|missed)\b"
)
_WANTS_THEM = re.compile(
    rf"\b(?:{_DENIAL}|keep|carry on|rather not|no need to|no) {_up_to(3)}{_ENDING}\b|"
    rf"\bkeep {_up_to(2)}(?:sending|texting|coming|them|messag\w*)|"
    r"\b(?:restart|start|resume|back on|un ?stop|reinstate|continue|miss|lose|sad|shame|love|"
    r"helpful|useful|reply|respond|wrong|same|before|after|till|until|since|about|for the|"
    r"at (?:night|work)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"weekends?|last (?:text|message)|came|arrived?|ignore|disregard|ears?)\b"
)
_OTHERS = re.compile(
    # somebody else sends, or is to be stopped
    r"\b(?:he|she|hes|shes|(?:my|the) (?:ex|husband|wife|son|daughter|brother|sister|partner|boyfriend|"
    r"girlfriend|neighbour|boss|bank|council)) (?:\w+ ){0,2}?(?:texts|texting|messages|messaging|sends|"
    r"sending|rings|ringing|writes|writing|contacts|contacting)\b|"
    r"\b(?:stop|make|get) (?:him|her|my (?!phone|mobile|number)\w+|people|everyone) (?:from |to )?(?:\w+ )?(?:send|text|messag|"
    r"contact|call|ring|writ)\w*|"
    r"\b(?:newsletters?|catalogues?|magazines?)\b|\banother (?:one )?of (?:these|those)\b|\bnot (?:me|mine)$"
)
_PRONOUN = re.compile(r"\b(?:these|them|em|those|thae|this|it|that)\b")
_NAMED = re.compile(rf"\b(?:{_TEXTS}|sending|unsub\w*|opt|number|list|phone|mobile)")
_MAY_BE_MEANT = re.compile(
    r"\b(?:tablets?|pills?|capsules?|meds|medicines?|medication|painkillers?|pain killers?|steroids?|"
    r"antibiotics?|\w+(?:ntin|alin|amol|adol|profen|statin|triptyline|xen)|codeine|morphine|patch|patches|"
    r"injections?|jabs?|jags?|needles?|blocks?|drips?|dressings?|plasters?|stitches|exercises?|stretches|"
    r"physio|crutch(?:es)?|sticks?|stockings|pads|tests?|scans?|x ?rays?|appointments?|visits?|"
    r"phone calls?|calls|letters?|cramps?|spasms?|twinges?|headaches?|shocks|pins and needles|"
    r"fags|cigarettes|operation|surgery)\b"
)
_POLITE_QUESTION = re.compile(
    r"^(?:(?:please|and|so|ok|just|hi|hello|sorry) )*"
    r"(?:can|could|will|would|may|might|how (?:do|can) (?:i|you)|is it possible)\b"
)


_NAMED_PLAINLY = re.compile(
    rf"\b(?:{_TEXTS}|unsub\w*|opt(?:ing|ed)? (?:me )?out|number|phone|mobile|name|details|service|scheme|"
    r"(?<!waiting )lists?|system|"
    r"(?:stop|quit|cease)\w* (?:\w+ ){0,2}?(?:sending|contacting|bothering|pestering|writing|emailing))\b"
)
_WAITING = re.compile(
    r"\b(?:waiting|surgery|surgical|theatre|operation|cancellation|transplant|physio) lists?\b|"
    r"\blists? (?:for|of) (?!(?:these|those|the|your|my) (?:text|message)|(?:text|message))"
)
_MISSES = re.compile(
    r"\b(?:dont|do not|didnt|did not|doesnt|havent|hasnt|aint|never|cant|am not|im not|isnt)"
    r"(?: (?:seem to|even|actually|ever|really|always))? (?:get|getting|got|gettin|receive|receiving|received)\b"
    r"(?! (?:why|the point|it$|what|me wrong|on with|out))|"
    r"\b(?:had|have|got|getting|gettin|received|seen|came|come)(?: had| got)? (?:no|nae|nee) (?:more |further |mair )?"
    rf"{_TEXTS}|"
    r"(?<!rather )(?<!sooner )(?<!prefer )(?<!like )(?<!better )(?<!happier )(?<!may i )(?<!can i )(?<!to )"
    r"\bnot (?:getting|gettin|receiving|had|got)\b|"
    rf"\b(?:no|nae|nee) (?:more |further |mair )?{_TEXTS} (?:have|has|hav|came|come|arrived|arrives|appeared|since|yet)\b"
)


def names_another_matter(sentence: str) -> bool:
    """Say whether a plain sentence names a symptom, a medicine or a list, and no messages."""
    if _WAITING.search(sentence):
        return True
    return bool(_BODILY.search(sentence)) and not _NAMED_PLAINLY.search(sentence)


def misses_them(sentence: str) -> bool:
    """Say whether a plain sentence complains that messages no longer come."""
    return bool(_MISSES.search(sentence))


def is_about_others(sentence: str, *, reply: str) -> bool:
    """Say whether a plain sentence is about what others send, or "these" may be no texts at all.

    "No more of these" is a request, unless the reply, plain as well, names tablets or exercises.
    """
    if _OTHERS.search(sentence):
        return True
    says_these = _PRONOUN.search(sentence) and not _NAMED.search(sentence)
    return bool(says_these and _MAY_BE_MEANT.search(reply))


def wants_them_otherwise(sentence: str) -> bool:
    """Say whether a plain sentence is about one message, or about when and how they come."""
    return len(sentence.split()) <= _SHORT and bool(_OTHERWISE.search(sentence))


def asks_in_kinds(sentence: str) -> bool:
    """Say whether a plain sentence asks for no more messages, whichever words it takes for it."""
    if len(sentence.split()) > LONGEST_SENTENCE:
        return False
    if _OTHER_MATTERS.search(sentence) or _WANTS_THEM.search(sentence):
        return False
    asks_or_misses = _QUESTION.search(sentence) or _COMPLAINT.search(sentence)
    if asks_or_misses and not _POLITE_QUESTION.match(sentence):
        return False
    return bool(_REQUESTS.search(sentence))
