"""Opt-out requests in closed talk: a wish that something ends, among words that are about texts alone.

"You've been very kind but I can manage without these from here on" is in no list of wordings. What
counts is that a sentence says one of a few kinds of wish, names what it is about ("these", "the
messages", "my number"), and has no other word than those of a closed vocabulary: none of them is a
medicine, a symptom, an appointment or a deed, so the wish can be about nothing else. One word more,
and a person decides.
"""

from __future__ import annotations

import re

_LENGTH = range(2, 41)
"""Words: a longer sentence says something else as well."""

_TEXTS = (
    r"(?:te?xt\w*|mess?a?ge?\w*|msgs?|mssgs?|sms\w*|smses|reminders?|notifications?|alerts?|communications?|"
    r"check ?ins?|questionnaires?|surveys?|pings?|pinging|beeps?|beeping|buzz\w*|spam\w*|subscription|"
    r"correspondence|emails?|contacts?|contacting|contacted)"
)
_TEXT = re.compile(_TEXTS)
_THING = rf"(?:{_TEXTS}|these|them|em|those|thae|this|it|that)"
_PLACE = r"(?:list|lists|system|systems|database|service|programme|program|scheme|study|computer|records?|books)"
_DENY = (
    r"(?:dont|do not|dinn?ae?|dinny|divv?e?nt|dunt|dnt|didnt|doesnt|not|never|no longer|wont|will not|"
    r"shant|shall not|cannot|cant|wouldnt|neither|nor|no)"
)
_WISH = (
    r"(?:want\w*|wish\w*|need\w*|like|require\w*|care|interested|interest|use|receive|receiving|get|getting|"
    r"have|having|see|seeing|hear|hearing|necessary|wanted|welcome|point|call|reason|benefit|find\w*|"
    r"consent\w*|agree\w*|sign|signed|ask|asked)"
)
_SEND = r"(?:send\w*|text\w*|txt\w*|messag\w*|msg\w*|contact\w*|writ\w*|pester\w*|ping\w*|disturb\w*|keep\w*)"
_END = (
    r"(?:stop+|stopping|stops|cease|(?<!the )(?<!that )end|ending|finish|quit|halt|cancel|cancelling|discontinue|desist|"
    r"terminate|suspend|pause|unsubscribe|unsub|switch off|turn off|shut off)"
)


def _up_to(count: int) -> str:
    return rf"(?:\w+ ){{0,{count}}}?"


_KINDS = re.compile(
    "|".join(
        rf"\b(?:{kind})\b"
        for kind in (
            # it ends
            rf"{_END} {_up_to(4)}{_THING}",
            rf"{_THING} {_up_to(4)}(?:to |could |can |should |must |please |now |kindly )?{_END}",
            rf"(?:make|get|have|want|wish|like|need) {_up_to(3)}{_THING} {_up_to(3)}{_END}",
            rf"(?:turn|switch|shut|take|put) {_up_to(3)}{_THING} off",
            # not, or no more, is wanted
            rf"{_DENY} {_up_to(3)}{_WISH} {_up_to(6)}{_THING}",
            rf"(?:no|nae|nee|not any|any) (?:more|mair|further) {_up_to(5)}{_THING}",
            rf"{_DENY} (?:want|need|wish|receive|get|require)(?: to)?(?: receive| get| have)? (?:any more|anymore)",
            rf"{_THING} {_up_to(4)}{_DENY} {_up_to(2)}(?:needed|wanted|necessary|required|welcome|for me)",
            rf"(?:enough|plenty|too many|so many|far too many|fill) {_up_to(3)}{_THING}",
            rf"(?:done|finished|through|fed up|sick|tired|bored|had it|had enough) (?:of|with|wi|by) {_up_to(3)}{_THING}",
            rf"(?:rather|prefer|sooner|happier|better) {_up_to(5)}(?:not|without) {_up_to(5)}{_THING}",
            rf"(?:do|manage|cope|live|get by|get on|get along) {_up_to(4)}without {_up_to(4)}{_THING}",
            r"lost interest|no interest|not interested",
            # do not send
            rf"(?:dont|do not|dinnae|dinna|dunt|dnt|not|never|no longer|nor|must not) "
            rf"(?:(?:ever|please|you|to|keep|be|just|kindly|on) ){{0,3}}{_SEND}",
            rf"(?:no|nae) (?:more|further) {_SEND}",
            # off the list
            r"(?:take|taken|get|count|leave|sign|opt|keep|cross|strike|rub|remove|drop|scrub|put|switch|turn|pull|knock) "
            r"(?:me|us|him|her|my \w+|this \w+|mums?|dads?) (?:\w+ ){0,3}?(?:off|out|oot|aff)",
            r"(?:come|came|get|getting|bow|drop|back|sign|opt|opting) (?:off|out)(?: of)? (?:this|these|your|it|the (?:list|texts|messages|"
            r"system|service|programme|scheme))",
            rf"(?:remove|delete|erase|forget|lose|wipe|block|drop|unlist|deregister) {_up_to(3)}(?:me|us|my|number|phone|mobile|"
            rf"details|{_THING})",
            rf"(?:off|out of|from) {_up_to(2)}{_PLACE}",
            # be left alone
            r"(?:leave|leaving|let) (?:me|us|my phone) (?:alone|be|in peace)|left alone|in peace|give (?:it|me|us) a rest",
            r"(?:withdraw|withdrawing|withdrawn|revoke|revoking|refuse|decline|object|opt out|opting out|opt me out)",
            r"knock (?:it|this|these|them|that) on the head|call it a day|call it quits|leave it (?:there|at that)",
            rf"{_END} (?:my|our|the|this) {_up_to(2)}(?:participation|involvement|enrolment|membership|follow up(?! (?:phone|call|appointment|visit)))",
            r"blocking|blocked|will block|block you|block this",
        )
    )
)
_ABOUT = re.compile(
    rf"\b(?:{_TEXTS}|{_PLACE}|sending|send|writing|write|"
    r"(?:remove|delete|erase|forget|lose|wipe|block|drop|take|leave|off|from|out of) (?:\w+ ){0,3}?"
    r"(?:number|mobile|phone|details)|(?:number|mobile|phone|details) (?:\w+ ){0,3}?(?:off|out|removed)|"
    r"(?:turn|switch|shut) (?:this|it|them|these) off|done with (?:this|these)|participation|"
    r"(?:want|need|wish|receive|get|require)(?: to receive| to get)? (?:any more|anymore)|opt|unsubscribe|unsub|me off|us off|me out|us out|myself off|me alone|me be|us be|take part|taking part)\b"
)
"""What the wish is about: without it, it may be about anything."""
_OR_THESE = re.compile(
    r"\b(?:these|them|em|those|thae)\b(?! (?:days?|nights?|mornings?|hours|minutes|weeks|months|years|"
    r"people|lads|kids|friends|doctors|nurses|hospitals|tests|calls|letters|meetings|shifts|eyes|ears|"
    r"nerves|jobs|numbers|times|to (?!stop sending))\b)"
)
"""What it may be about, if nothing else that could be meant is named."""

_WORDS = frozenset(
    """
    a aa tbh tho effective blocking blocked block participation involvement enrolment head knock withdrawing withdrawn
    revoking gdpr prior chatty bot robot followup inundated overwhelmed intrusive hated hate weird creepy scam fake useless
    cheers outta rid hospitals pointless signing tests testing lovely hush sharpish aboot about abroad absolutely account actually add address aff after again ah all alone already alright
    also alternative am an and annoy annoying annoys another answer answering any anybody anymore anyone anything
    anyway anywhere appreciate appreciated are around as ask asked asking at automated automatic away awfully aye
    back battery be because beep beeping beeps been being benefit best better bit bleep bleeping bloody blimey
    bombarding boss bother bothered bothering bother bothers busy but button by bye call calling calls came can
    cancel cant care cared cease chap charge charged charges charging cheers clinic click clogging come comes
    coming communications computer consent considerate constant constantly contact contacting continue contract
    cope correspondence cos cost costing costs could count couple cured daft daily damn database day days deal dear
    decided decline delete desist details did didnt different disconnect discontinue disturb disturbed disturbing
    disturbs do doc doctor doctors doesnt doing done dont double drive driving drives duty each ears earlier early
    email emails em end ended endless english enough enrol enrolled enter erase even ever every everybody everyone
    everything excellent excuse experience extra eyes fab family far fed feel feeling ffs few file fill final
    finally find fine finish finished first follow following for forever forget forgot forward four frae free friend
    friends from fuck fucking full further future gave get gets getting gie gies give given giving giz glad go goes
    going gone gonna gonnae good got grand granted grateful great guys had halt hand happier happy has hassle have
    having he hear hearing hello help helpful helped hen her here hers hey hi him his honest honestly hospital hour
    hourly hours house how however hun husband i id idea if ignore ignoring il ill im immediately important in inbox
    inconvenient instead intend intention interest interested interrupt into irritating is isnt it its
    itself ive job jab just keep keeping keeps kept kid kidding kids kind kindly kindness know known lad language
    lads large last late lately later learn leave leaving left less let letter letters like likely line list lists
    little lol long longer looking lose lost lot lots love lovely ma machine mad made mair make making man manage
    managing many marvellous mate matter may me mean meant meeting meetings message messages messaging might mind
    mine minute mobile moment money month months more morning most much mum must my myself name nae necessary need
    needed needing needs nerves never new nhs nice nicely night nights nine no nobody none nonsense nor not note
    nothing notice notifications now nowt nuisance number numbers nurse nurses o obliged od of off offence offended
    often oh ok okay old on once one ones only onto oot opt opted opting option or other our out over own pack paid
    pal part patient pause pay paying people per perfectly period permanently permission person personal pester
    pestering phone phones ping pinging pings please pleased plenty pls plz point polite poor post prefer preferred
    press private probably process profile programme program programmes proper put question questionnaire questions
    quick quiet quit quite radio rather read reading reason receive received receiving recipient record records
    recovered regards register registered registration relax remaining reminder reminders remove removed removing
    repeat replies reply replying request requested require required respond rest return revoke rid right ring round
    rubbish rude sake same say saying scheme school screen seconds see seeing send sending sends sent service seven
    several shall share she shift shifts should shut sick sign signed silence silent silly simple since sir sister
    six sleeping small sms so some somebody someone something son sooner sorry sort sound spam spamming spare staff
    start started still stop stopping stops straight stress stressful stressing study stuff stupid subscribe
    subscribed subscription such sudden sufficient suit suits super suppose supposed sure survey surveys switch
    system ta tak take taken taking tariff team telephone tell telling ten terminate text texted texting texts thank
    thankful thanking thanks thank that thats thatll the their them then there these they theyre thing things think
    this those though thought three through thx till time times tired to today together told tomorrow too took touch
 trouble truly try trying turn tv twice two txt txts ty u unable under understand unless unlist
    unnecessary unsub unsubscribe until unwanted up updates ups upset upsets upsetting ur us use useful using usual
    very via wait waking wakes wake want wanted wanting wants was waste wasting watch way we week weekly weeks well
    were what when where whether which while who whole why wi wife will wish wishes with withdraw within without
    wonderful wont work working works worry would write writing wrong x xx ya yall ye yeah year yer yes yet yez
    you youd your youre yours yourself yous youve yus zero
    """.split()  # noqa: SIM905 - a list that is read, and added to
)  # fmt: skip
_TAKEN = (
    # tablets are taken, and too many of them: so is whoever comes off them
    r"\b(?:take|takes|took|taken|taking|use|used|using|give|gave|given|giving) (?:\w+ ){0,3}?"
    r"(?:them|these|those|em|it|this)\b(?! (?:off|out|away)\b)|"
    rf"\b(?:had|took|taken|have) (?:\w+ ){{0,2}}?(?:too many|so many|plenty)\b(?! (?:\w+ ){{0,3}}?{_TEXTS})|"
    rf"\boff (?:of )?(?:these|them|those|em|it|this)\b(?! (?:\w+ )?(?:{_TEXTS}|{_PLACE}|thing|phone|please))|"
    # cramps are made to stop
    rf"\b(?:make|making|get|getting|want|wish) (?:them|these|those|em) (?:to )?(?:stop|end)\b"
)
_NOT_SO = re.compile(
    rf"{_TAKEN}|"
    r"\b(?:reply|answer|respond) to (?:this|these|it)\b|\b(?:do|should|must) i$|\bif i ever\b|\blater on\b|"
    r"\b(?:send|sending|ring|ringing|call|calling) (?:out )?(?:anyone|anybody|someone|somebody|people|staff|doctors?|nurses?)\b|"
    r"\b(?:contact|text|message|ring|call|write to)(?:ing)? (?:my|the) (?:wife|husband|mum|dad|son|daughter|partner|brother|sister|"
    r"boss|work|job|doctor)\b(?! (?:again|any ?more|on this))|"
    # an answer to the list of warning signs
    r"\b(?:have|has|had|got|get|getting|having|seen?|notic\w+) (?:had |got )?(?:any|a single one|one|none|either) of (?:these|those|them|that)\b|"
    r"\bany of (?:these|those|that) (?:things?|signs|symptoms|problems)\b|\bwhere (?:im|i am|ill|i will)\b|"
    r"\bnot for me\b|\bappointment\b|\bcalls?\b(?! it)|"
    r"\b(?:using|use this|text me on|text this|new number|waiting list|useful|handy|a comfort|carry on|"
    r"i (?:do )?(?:like|love|enjoy) (?:them|these|getting|hearing))\b|"
    r"\b(?:dont|do not|never|didnt|wouldnt|please keep|keep) (?:\w+ ){0,2}?(?:stop|end|cancel|finish|quit|halt|"
    r"unsubscribe|remove|delete|take me off|turn)\b|"
    r"\b(?:keep|carry on|continue|love|enjoy|like|happy|glad|useful|helpful|look forward) (?:\w+ ){0,3}?"
    rf"(?:sending|texting|coming|getting|receiving|having|hearing|with (?:{_THING}))\b|"
    r"\b(?:why|when|did|didnt|have|has|havent|hasnt) (?:you|they|the|these|it|this|my|your) (?:\w+ ){0,2}?(?:stop\w*|end\w*|finish\w*|came|come)\b|"
    r"\b(?:not|never|havent|hasnt|didnt|no) (?:had|got|get|received?|getting|come|came|seen|heard?)\b"
)


def asks_in_closed_talk(sentence: str) -> bool:
    """Say whether a plain sentence wishes for no more messages, and speaks of nothing else."""
    return any(map(_asks, re.split(r" but | so | and ", sentence))) or _asks(sentence)


def _asks(sentence: str) -> bool:
    words = sentence.split()
    if len(words) not in _LENGTH:
        return False
    if not all(word in _WORDS or word.isdecimal() or _TEXT.fullmatch(word) for word in words):
        return False
    if _NOT_SO.search(sentence) or not (_ABOUT.search(sentence) or _OR_THESE.search(sentence)):
        return False
    return bool(_KINDS.search(sentence))
