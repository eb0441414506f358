"""Opt-out phrases: the wordings in which people ask for no more messages, in English.

They are looked for in a sentence without signs, accents and apostrophes, in small letters.
"""

from __future__ import annotations

import re
from functools import cache

TEXTS = (
    r"(?:text|txt|tex|txet|tetx|message|msg|mesage|massage|messege|messge|messag|messeg|mssg|mesg|sms|reminder|notification|notice|communication)"
    r"(?:s|es|ing|in)?\b"
)
_SERVICE = (
    r"(?:subscription|subscriptions|service|alerts|updates|check ?ins?|sign ?up|registration|"
    r"enrolment|programme|program|scheme|mailing list|pings|pinging|bleeps|bleeping|buzzing)\b"
)
_TAIL = (
    r"(?: (?:any ?more|no more|n[ae]e mair|any longer|now|please|pls|plz|thanks|thank (?:you|u)|thankyou|"
    r"thanx|thx|ty|ta|cheers|x+|love|hen|pal|mate|bye|ok|so|at all|again|sent|sir|madam|dear|"
    r"from now on|from here on|in future|for good|altogether|completely|entirely|permanently|forever|then|"
    r"(?:at|on|from) your (?:end|side)|for (?:me|us|him|her|them|mum|mam|dad|nan|gran|my \w+)|if possible|"
    r"if (?:its|it is|thats|that is) (?:ok|okay|alright|all right|all the same|no (?:trouble|bother))(?: (?:to|with|by|for) you)?|"
    r"if you (?:dont mind|wouldnt mind|would|please|would be so kind)|if youd be so kind|when you (?:can|get a (?:minute|chance))))*$"
)
SMALL = (
    r"(?:(?:all|any|more|further|other|another|the|these|those|this|that|your|ur|yr|you|u|my|me|us|of|"
    r"for|from|with|by|to|please|pls|such|silly|bloody|fucking|damn|annoying|automated|automatic|"
    r"daily|anymore|now|it|about|sending|getting|get|receive|receiving|have|having|be|being|sent|see|"
    r"hear|keep|want|no|longer|extra|stupid|daft|endless|constant|wee|little|follow|up|unwanted|pain|clinic|hospital|nhs) ){0,6}?"
)
"""Words that may stand between a request and the texts that it is about: "of your silly"."""
STOP = r"(?:stop+|stopp?ing|cease|quit|halt|cancel|end|discontinue|unsubscribe|unsub|finish|pause)"
_WANT = r"(?:want|wish|need|like|require|care|ask|asked|sign|signed|consent|consented|agree|agreed)"
_DENY = (
    r"(?:dont|do not|dinnae|dinna|divvent|divnt|no longer|never|not|didnt|doesnt|does not|doesnae|"
    r"disnae|dnt|nor|cba|wont|will not|neither)"
)
_ME = r"(?:me|us|him|her|(?:my |this |the |his |her |our |mums? |dads? )?(?:mobile |phone )?(?:number|num|details|name|data))"
_ON_LIST = (
    r"(?:off|from|out of|of)(?: of)?(?: (?:this|the|your|ur|yr|that|these))*(?: \w+){0,2}? "
    r"(?:lists?|systems?|databases?|records?|files?|texts?|messages?|service|books|contacts|thing)"
)
_WORDINGS = (
    # stop sending me these texts; stop texting; stop the messages
    rf"(?:stop+|stopp?ing|cease|quit|halt) {SMALL}"
    r"(?:send\w*|text\w*|txt\w*|messag\w*|contact\w*|bother\w*|pester\w*|spam\w*|hassl\w*|e ?mailing)\b",
    rf"\bobject to (?:\w+ ){{0,3}}?(?:{TEXTS}|being (?:texted|messaged|contacted))",
    r"\b(?:asked|told|begged|asking|telling) (?:you|u|yous|ye)(?: (?:lot|people|already|before|all))* to (?:please )?(?:stop|cease|quit)"
    r"(?: (?:it|this|twice|thrice|before|already|once|now|again|yesterday|times|two|three|four|many|several|and|please))*$",
    r"(?:stop|quit|pack in) (?:mither|moither|bug|annoy|harass|hound|badger|buzz|bleep|ping)\w* (?:me|us)\b",
    rf"\b(?:neednt|need not|dont need to|dont have to|no need to) keep (?:on|this up|it up){_TAIL}",
    rf"^(?:(?:please|pls|just|can you|could you) )*(?:deregister|unenrol|unregister|disenrol|remove|unlist) me{_TAIL}",
    rf"^not (?:wanted|required){_TAIL}|\bcancel (?:the rest|the lot){_TAIL}",
    r"\bwrong (?:person|number|man|woman|patient|phone|mobile)(?: \w+){0,3} stop$",
    r"(?:please|pls|plz) stop (?:it|they|these) (?:really |just |only )?(?:upsets?|annoys?|bothers?|frightens?|scares?|disturbs?|worries|confuses?) "
    r"(?:me|us|him|her|everyone|my (?:wife|husband|mum|mam|mother|dad|father|son|daughter|kids|children|partner|nan|gran))$",
    rf"(?:stop+|stopp?ing|cease|cancel|unsubscribe|unsub) {SMALL}{TEXTS}",
    r"(?:quit|halt|end|discontinue|finish|pause) "
    rf"(?:(?:all|the|these|those|this|your|my|any|sending|me|further) )*{TEXTS}",
    rf"give over {SMALL}(?:sending|texting|messaging)",
    rf"(?:stop+|cease|cancel|discontinue|end|terminate|halt|unsubscribe) "
    rf"(?:(?:all|me|from|to|the|this|your|my|these|that|of|with|automated|text) )*{_SERVICE}",
    rf"(?:cancel|discontinue|stop|end) (?:my |the |your )?{_SERVICE}",
    rf"discontinue (?:to |with )?(?:the )?(?:{TEXTS}|send\w*|contact\w*|text\w*)",
    rf"so kind as to (?:stop|cancel|cease|end|discontinue) (?:{SMALL}{TEXTS}|them|these|it)",
    r"\bdesist\b",
    r"\bgonnae (?:please |just )*(?:no|not|stop)(?: dae that| do that)?"
    rf"(?: (?:text|message|send)\w*\b|{_TAIL})",
    r"\bg(?:i|ive|ie) it a rest\b|\bgive it a rest\b|\bgie it a rest\b",
    rf"\bgi?v?i?e (?:over|ower|ovver|owwer)(?: (?:wi|with) {SMALL}{TEXTS}|{_TAIL})",
    r"\b(?:rather|prefer(?: it)? if|grateful if|obliged if|kind if|like it if) (?:you|ye|u|youd|yed|youse)"
    r"(?: (?:could|would))? (?:didnt|didnae|did not|dont|do not|not|wouldnt|stopped) "
    r"(?:text|message|msg|send|contact|write|bother|ring)\w*\b",
    r"\b(?:thats me|im|i am|am|we are|weve|ive|i have) (?:done|finished|through|had it) (?:with|wi) "
    rf"(?:(?:the|these|this|thae|your|all) )*(?:{TEXTS}|questionnaires?|surveys?|check ?ins?)",
    r"\blose my number\b|\bwrap it up\b",
    rf"^(?:(?:please|pls|so|ok|and|right|that was|the|no|this is the) )*last (?:one|msg|message|text)"
    rf"(?: (?:yeah|aye|i mean it))*{_TAIL}|\blast one please$",
    r"\b(?:no need (?!(?:to )?(?:keep )?check)|neednt |need not |dont need |dont have )(?:to )?(?:keep |be |you )*(?:writ|text|messag|"
    r"check|ask|send)\w*(?: (?:on|up|in))*(?: (?:me|us))?(?: (?:any longer|any ?more|again|now))",
    r"\b(?:(?:no|nae) need (?:to|tae|for you to)|(?:you|u|ye) (?:neednt|need not|dont need to|dont have to)) keep "
    r"(?:on )?(?:writing(?: to\b|$)|texting|messaging|sending (?:me |us )?(?:these|them|texts|messages))\b",
    rf"\b(?:no need to|(?:you|u|ye) (?:neednt|need not|dont need to|dont have to)) send (?:me |us )?(?:any )?more{_TAIL}",
    r"\b(?:dont|do not|dinnae|divvent|divnt|no longer) want any (?:more|mair) of (?:these|them) (?:coming|popping|arriving)\b",
    r"^(?:please |pls )?(?:you |u )?(?:write|text|message) (?:to )?(?:me|us) no (?:more|mair)$",
    rf"^(?:please |pls )?no {TEXTS} no (?:call|calls|phone|email|emails|mail|nothing)\b",
    rf"\bmark (?:me|us|him|her) (?:down )?as (?:a )?no (?:for|to) {SMALL}{TEXTS}",
    rf"\bmake it so (?:that )?no (?:more )?{TEXTS}",
    rf"\b(?:leave|lay|knock|give) (?:off|over) (?:with )?{SMALL}{TEXTS}",
    rf"\b(?:asked|asks|asking|wants|would like) for (?:the|these|your|all) {TEXTS} to (?:end|stop|cease|finish)\b",
    r"\b(?:go|away) (?:and|an|n) (?:annoy|bother|pester|text|bug|bile|boil)\b",
    r"\bno more (?:check ?ups?|check ?ins?|phone calls|calls|surveys?|questionnaires?|questions)\b",
    r"\bopt(?:ing|ed)? (?:myself|me|us) out\b|\b(?:bow|drop|step|duck) out of (?:this|these|it|the|your)\b",
    rf"^(?:(?:please|pls|just) )*(?:cancel|stop|end|off|unsubscribe) (?:all|everything|them|the lot){_TAIL}",
    rf"^(?:(?:please|pls|just|can you|could you) )*(?:turn|switch|shut) (?:them|these|it|this|those|em) off{_TAIL}",
    r"\b(?:can|could|would|will) (?:you|u|someone|somebody) (?:please |just |kindly )*(?:turn|switch|shut) (?:these|them|those|this) off?\b",
    r"\b(?:strike|take|tek|tak|taking|remove|removing|cross|scrub|score|wipe) (?:me|us|my name|my number|"
    r"this number) (?:off|from|out)\b"
    r"(?! (?:the|my|your|these|those|them|em) (?!(?:\w+ )?(?:lists?|systems?|database|records?|books|texts|messages|service|"
    r"scheme|computer|programme|thing)\b))"
    r"(?! (?:my )?(?:\w+(?:ntin|alin|olol|amol|adol|line|ine|ofen|statin|pril|fen|xetine|zole)|tablets|"
    r"meds|medication|drugs|steroids|work|sick)\b)",
    r"(?<!bear to )(?<!stand to )(?<!cannot )\b(?:be|am|was) left (?:in peace|alone|be)\b(?: now)?(?:$| my| as)",
    r"\bquit it\b",
    r"\b(?:discontinue|cancel) (?:it|them|all this)\b$|\b(?:get|be) off (?:this|your|that) list\b",
    r"\bquit blowing? up my (?:phone|mobile)\b",
    r"^(?:(?:oh|and|please|pls|just|will|you|can|ye|youse?|ffs|so|kindly) )*(?:shut up|shut it|"
    r"pipe down|belt up|zip it|bore off|do one|give it a rest|gie it a rest|gies? (?:us )?peace|"
    r"give (?:us|me) (?:some )?peace|sling your hook|get (?:tae|to) fuck|"
    r"h[au]+d your w[he]+sht|wheesht|stfu|gtfo)\b",
    # nothing but the wish: count me out; that'll do now; knock these on the head; leave off, would you
    r"\b(?:would|will|could|can|wud|cud) (?:you|ye|yous|youse|u|yer)(?: (?:please|kindly|just|ever|not|all|lot))* "
    r"(?:leave off|give over|pack it in|knock it off|give it a rest|cut it out|pipe down|shut up|lay off|"
    r"desist|give my head (?:some )?peace|call it a day)\b",
    rf"\bcount (?:me|us) out(?: (?:of|from) (?:this|these|it|your|the)(?: \w+)?)?{_TAIL}",
    r"^(?:(?:ok|right|well|now|and|so|thanks) )*(?:thatll|that will|thatl|thats|tharll) do now\b",
    r"^enough already\b|^not wanted (?:thank|thanks|ta|please|here|by me)\b|^off (?:with|wi) (?:you|yous|ye)\b",
    rf"\b(?:knock|call) (?:(?:all|these|the|this|your|of) )*(?:{TEXTS}|{_SERVICE}) (?:on the head|a day)\b",
    r"\b(?:lets|please|pls|kindly|you can|you may|just|can you|could you|will you|time you) "
    r"(?:knock (?:it|them|this|these) on the head|pack (?:it|this|these) in)\b",
    rf"\bcall it a day (?:with|wi|on) {SMALL}{TEXTS}",
    r"\bunless (?:you|u|ye|yous) (?:pack it in|give over|knock it off|leave off|give it a rest)\b",
    rf"(?:kindly|please|pls) leave it (?:be|out|at that){_TAIL}",
    rf"\bif (?:i|we) (?:get|receive) (?:one more|another|any more) (?:of (?:these|them|your) )?{TEXTS}",
    rf"\bnot for me,? (?:(?:all|this|these|the) )*{TEXTS}",
    r"\btexting (?:is not|isnt|aint|is no) (?:really )?for me\b",
    r"(?:cross|scratch|rub|strike|score|scribble|wipe|blot) (?:out|off) (?:my|our|his|her|mums) (?:name|number)\b",
    rf"\b(?:dont|do not|dinnae|divvent|never|doesnt|does not) do {TEXTS}",
    rf"\bresign(?:ing|ation|ed)? from (?:your|this|the|these)(?: \w+)? (?:{TEXTS}|{_SERVICE})",
    r"\bbe forgotten by you|^(?:(?:please|pls|kindly|just) )*forget (?:me|my (?:name|number)|i exist)$",
    r"\btell (?:your|that|the) (?:machine|robot|computer|system|bot|thing) to (?:be quiet|stop|shut up|"
    r"pipe down|give over|leave|hush|wheesht|give it a rest|quieten down)\b",
    rf"{_DENY} {_WANT} to receive(?: (?:it|this|these|them|any|anything|again|more|further|any ?more))*{_TAIL}",
    r"\b(?:make|get) (?:these|them|those) (?:to )?stop (?:coming|arriving|landing)\b",
    rf"{TEXTS}(?: \w+){{0,12}}? if (?:they|these|it) (?:could|would|can|might) (?:please |now |just )*"
    rf"(?:cease|stop|end|finish|come to an end|left alone)\b",
    r"\b(?:glad|grateful|obliged|happy|pleased|want|wish|would like|id like|possible|appreciate it|love) "
    rf"(?:if |for |that |it if )?(?:(?:all|the|these|those|this|your|my|of) )*{TEXTS} "
    rf"(?:to |would |could |can |will )?(?:cease|stop|end|finish|come to an end|be over)"
    rf"(?: (?:today|straight away|at once|from today|immediately))?{_TAIL}",
    r"\b(?:little|no|not much|nae) point (?:in |of )?(?:you |your |ye )?(?:sending|texting|messaging|writing)\b",
    r"\b(?:shant|wont|not going to|will not|am not|im not|shall not|not be) (?:be )?(?:answering|replying to|"
    rf"reading|answer|reply to|read) (?:any )?(?:more|further)(?: of)?(?: (?:these|your))? {TEXTS}",
    r"\b(?:switch|turn|shut) (?:this|these|it|the|them)(?: (?:thing|things|texts|lot))? off (?:at|from) your (?:end|side)\b",
    r"\bsigned (?:me )?up (?:for|to)(?: \w+){0,8}? (?:undo|cancel|reverse) (?:it|this)\b",
    r"\b(?:doesnt|does not|doesnae|disnae) (?:really )?(?:want|need) (?:(?:any|of|more|all|to|get|have|be|getting) )*"
    rf"(?:these|them|those|thae){_TAIL}",
    r"\bun ?(?:sub?scribe?|subs[ck]?ribe?|suscribe?|subcribe?|scribe|subscr[iy]b|subsribe?|subscibe?|subscrib|"
    r"subscride|subscirbe|subscrbe|subsribe|sunscribe|supscribe)\b(?! me from anything)",
    rf"{TEXTS}(?: that| which)?(?: are| is)? (?:not|no longer|never) (?:\w+ )?(?:necessary|needed|required|wanted|welcome)\b",
    rf"\bno (?:more |further )?(?:need|call|interest) (?:for|of|in|to get|to have) {SMALL}(?:{TEXTS}|{_SERVICE}|(?:these|them)$)",
    r"\bno need to keep (?:on|it up|at it|doing this)$|^no need to keep (?:on|it up)\b",
    rf"\bspare me {SMALL}{TEXTS}",
    r"^(?:(?:oh|and|please|pls|just|will|you|can|ye|so) )*(?:put a sock in it|button it|shush|take a hike|"
    r"get knotted|get stuffed|sling your hook|on your bike|away ye go|gan away|gies a break|"
    r"give (?:us|me) a break|gimme (?:a break|peace))" + _TAIL,
    r"(?:bin|sack|chuck|ditch|jack|scrap|axe|kill|mute|park|nix|scrub)(?: off| in)? "
    rf"(?:(?:the|these|them|this|your|all|of) )*{TEXTS}",
    rf"leave (?:me|us) out(?: of (?:it|this|these))?{_TAIL}",
    r"(?:let|make) (?:this|that|it) (?:be )?(?:the|your|my) last (?:one|text|message|txt|of (?:them|these))\b",
    r"\b(?:mind|appreciate|prefer)(?: it if)?(?: you)? not (?:texting|messaging|sending|contacting|writing)\b",
    r"\brefrain from (?:further |any more |any |all )*(?:text|send|messag|contact|writ|correspond|communicat)\w*",
    r"^(?:(?:please|pls|kindly|now|just) )*(?:discontinue|refrain|cease)" + _TAIL,
    r"\b(?:wish|want|wants|like|ask|asked|asking|please|demand|kindly)(?: to)?(?: be)? (?:taken off|removed|struck off|deleted|"
    rf"crossed off)(?:{_TAIL}| (?:from|of) (?:this|your|the (?:list|system|texts|service)))",
    r"\b(?:get rid of|bin|forget|burn|scrap|ditch|discard|destroy|wipe|lose) (?:my|this|our|her|his) "
    r"(?:phone |mobile )?(?:number|details|name|mobile)\b",
    r"\b(?:lets|we can|you can) leave it (?:there|at that)" + _TAIL,
    r"\b(?:dont|do not|no need to|neednt|need not) bother (?:again|any ?more|with (?:these|the texts|any more|it any ?more)|"
    rf"(?:texting|sending|messaging|writing)(?: (?:me|these|this))?{_TAIL})",
    rf"\b(?:want|wants|like|need|get) (?:(?:all|these|the|this|your|of) )*{TEXTS} "
    r"(?:to be )?(?:stopped|cancelled|turned off|switched off|ended|off)\b",
    r"\b(?:number|phone|mobile)(?: \w+){0,12}? (?:delete|remove|erase) it(?: (?:from|off|now|please|thanks)\b|$)",
    r"\b(?:take|get) it off (?:your|the|this) (?:list|system|records|database|books|computer)\b",
    r"\b(?:wants|asks|asked|would like|says|telling|tells|like) (?:you|u|yous) to (?:please )?(?:stop|cease|quit)"
    rf"(?: (?:texting|sending|messaging|contacting|this|it))?{_TAIL}",
    r"\b(?:get|let|want|wanna be|i am|im|take) (?:me )?(?:off|out of|out) (?:this|these|your|the|that) "
    r"(?:thing|list|texts|texting|group|chat|robot|loop|service|scheme|programme|programe)\b",
    r"\bleave my (?:tele)?(?:phone|mobile|number|pocket|inbox)(?: \w+)? (?:in peace|alone|be)\b|\bleave (?:me|us) on read\b",
    r"\b(?:scrub|strike|cross) (?:my|our) (?:name|number)\b(?: through| out| off)?",
    r"\bsigned up for (?:a )?pen ?pals?\b|^(?:(?:please|pls|not being funny|but) )*can (?:you|u|ye|yous) not$",
    rf"(?<!both )(?<!baith )(?<!can )\b(?:quit|stop) (?:asking|askin|checking|pinging|buzzing|pestering|nagging){_TAIL}",
    r"\bgan away$",
    rf"\bdecline (?:all|any|to (?:get|have|receive))(?: (?:further|more|other|future|any))* "
    rf"(?:{TEXTS}|contact|correspondence|communication)",
    r"^(?:(?:oh|and|please|just|so) )*leave it out\b|\bg(?:i|ie|ive) o ?er$|\bplease give up$",
    r"(?:sick|tired|fed up)(?: to \w+ \w+ \w+)? (?:of|with|wi) (?:you|ye|your|yous|this)(?: \w+)? "
    r"(?:buzzing?|buzzin|pingin|texting|textin|beeping|bleeping)\b",
    r"\b(?:revoke|withdraw|take back|cancel) my (?:yes|consent|permission|agreement)\b",
    r"\b(?:would|could|can|ask|beg|asked|request|please|possible|for)(?: \w+){0,3}? you not to "
    r"(?:send|text|message|contact|write|bother|pester)\b",
    rf"\b(?:happier|better off) without (?:all )?(?:these|the {TEXTS})(?= so\b| please\b| thank|$)",
    rf"\bplease let (?:that|this) be the last\b|\byou (?:can|may|might|could) let (?:that|this) be the last(?: (?:one|of them|of these))?{_TAIL}|"
    rf"\bcould (?:you|we) (?:please )?let (?:that|this) be the last(?: (?:one|of them|of these))?{_TAIL}|\blet (?:that|this) be the end of {SMALL}{TEXTS}",
    r"\b(?:can|could|shall) we knock (?:it|this|these) on the head\b",
    r"\bone (?:text|message) (?:was|is) (?:plenty|enough|sufficient)\b",
    rf"\bwants no more(?: of (?:it|them|these|this))?{_TAIL}",
    rf"\b(?:to|please|kindly|just) send (?:me |us |him |her )?no more{_TAIL}|\bplease no more of (?:these|this|them)\b",
    r"\b(?:wont|will not|shant|shall not|not) be (?:needing|requiring|wanting) (?:any )?(?:more|further)(?: of)? "
    rf"(?:these|contact|check ?ins?|{TEXTS})",
    r"\bbe left (?:alone|in peace)(?: now)? (?:if|please|thank|thanks)\b",
    r"\b(?:replied|sent|said|texted|typed|written|wrote|put) stop (?:\w+ ){0,4}?(?:and|but|yet) (?:still|they keep|you keep|they still)\b",
    rf"\bgive {SMALL}{TEXTS} a (?:rest|break|miss)\b",
    rf"\b(?:must|have to|would|want to|will|now|again) (?:\w+ )?ask you to (?:please )?(?:stop|cease|desist){_TAIL}",
    r"\bcount (?:me|us) out from now on\b|\bstop receiving (?:it|them|these|this|any)\b",
    r"\b(?:dont|do not) (?:want|need) (?:checking|chasing)(?: up)? on\b",
    r"\b(?:remove|take|delete) my (?:mum|mam|mother|dad|father|husband|wife|nan|gran|son|daughter|brother|sister|partner) "
    rf"(?:from|off) (?:your|the|these|this) (?:\w+ )?(?:{TEXTS}|list|system|service)",
    r"^(?:(?:please|just) )?(?:turn (?:it|them|these|this) off ?)+$",
    r"\bexcused from (?:this|these|the texts|your)\b",
    r"\b(?:find|get) (?:somebody|someone) else to (?:text|message|bother|pester|annoy)\b",
    # no more texts; enough of these messages
    rf"(?:no|nae) (?:more|mair|further) {SMALL}{TEXTS}|enough {SMALL}{TEXTS}",
    rf"^(?:(?:please|pls|ok|thanks|and|just) )*no {TEXTS}"
    r"(?: (?:please|pls|thanks|thank you|ta|anymore|any more|now))*$",
    r"^(?:(?:please|pls|ok|just) )*no more of (?:these|them|this)\b",
    r"^(?:(?:please|pls|ok|just) )*pack it in\b|pack in (?:the|these|your) ",
    rf"(?:fed up|sick|tired|enough|sufficient|plenty) (?:with|wi|of|o|ae) {SMALL}{TEXTS}",
    # dont want any more of these messages; no longer wish to receive texts
    rf"no want {SMALL}{TEXTS}",
    rf"{_DENY}(?: really| even| actually| ever)? {_WANT} (?:up )?{SMALL}"
    rf"(?:{TEXTS}|you texting|contacted|contact|texted|messaged|bothered)",
    rf"{_DENY}(?: really)? {_WANT} (?:to |any more to )?he(?:ar|re)(?:ing)? from (?:you|u|yous|ye)\b",
    rf"(?:dont|do not|no longer) (?:want|need) {SMALL}(?:of )?(?:these|them)"
    r"(?: (?:any ?more|no more|any longer|now|please|thanks|thank you))*$",
    rf"(?:(?:rather|sooner) not|prefer not to|prefer to not) {SMALL}(?:{TEXTS}|these|them)",
    r"\bnot interested\b(?! in (?!(?:these|this|your|the|any|getting|receiving|more)\b))",
    r"(?:dont|do not|dinnae|dunt|no longer|dont really|didnt) (?:want|need) "
    rf"(?:(?:any|of|more|all|to|get|have|be|getting|having) )*(?:these|them|em|those|thae|this|it)"
    rf"(?: (?:things?|ones?|stuff|carry on|lot))?{_TAIL}",
    r"(?:dont|do not|no longer|didnt)(?: really)? (?:wish|want|care|agree|consent)(?: to)? "
    r"(?:take part|taking part|participate|be (?:a )?part of (?:this|the|your)|be (?:in|on) (?:this|the|your) "
    r"(?:list|programme|study|service|scheme|system|follow up)|be included|be involved|"
    r"be (?:texted|messaged|contacted|written to|bothered|pestered|reminded)|"
    r"continue with (?:this|the|these)|be signed up|(?:stay|remain) on (?:this|the|your) (?:list|service|system))",
    rf"(?:may|can|could|might|would|will) (?:i|we) (?:please )?(?:not|no longer) (?:have|get|receive|be sent) "
    rf"(?:any |any more |more )?(?:of )?(?:these|them|those|{TEXTS}|this)?",
    rf"(?:sooner|rather|prefer to|happier to|like to) (?:go|do|be|manage|live) without"
    rf"(?: (?:them|these|those|the|this|your|any|all|of|more|such))*(?: {TEXTS})?{_TAIL}",
    rf"(?:do|manage|cope|live) without (?:the|these|your|all these|any more) {TEXTS}",
    rf"had (?:quite |more than )*(?:enough|sufficient|my fill) of {SMALL}(?:{TEXTS}|check ?ins|these|them|this|it)",
    # let this drop; leave it there; bring them to a close
    rf"\b(?:you|ye|u|we|please|kindly|just) (?:(?:can|could|may|might|please|just|now) )*(?:let (?:this|it|these) (?:drop|lie)|"
    rf"leave it (?:there|at that)|knock (?:it|this|these|them) on the head)(?: with {SMALL}{TEXTS})?{_TAIL}",
    rf"\b(?:rather|sooner|prefer to|like to) leave it (?:there|at that)(?: with {SMALL}{TEXTS})?{_TAIL}",
    rf"^(?:(?:please|pls|ok|right|just|so|well) )*knock (?:it|this|these|them) on the head{_TAIL}",
    rf"{TEXTS}(?: \w+){{0,10}}? (?:finish it|leave it out|no more|pack it in){_TAIL}|\ball (?:these|this)(?: texts)? leave it out{_TAIL}",
    rf"{TEXTS}(?: \w+){{0,10}}? take (?:me|us|him|her|mum|dad) off (?:of )?(?:these|them){_TAIL}",
    rf"\b(?:bring|draw|put|pit) (?:an end (?:to|tae) {SMALL}{TEXTS}|a stop (?:to|tae) {SMALL}{TEXTS})|"
    rf"\b(?:could|can|may|shall|will you|please|lets|let us) (?:we |you )?(?:please )?leave {SMALL}{TEXTS} (?:there|at that)\b|"
    rf"\bif (?:theres|there is|there be) (?:a|any|some) way (?:of|to) (?:switch|turn|shut)(?:ing)? (?:these|them|those|{SMALL}{TEXTS}) off\b|"
    rf"\b(?:im|i am|ahm|am|he is|hes|she is|shes) (?:no|not|nae|nay) want(?:ing|in) (?:any )?(?:more )?(?:of )?(?:these|them|{SMALL}{TEXTS})(?= so\b|{_TAIL})|"
    rf"\b(?:bring|draw|put) (?:these|them|those|{SMALL}{TEXTS}) to an? (?:close|end|stop|halt)\b|"
    rf"\b(?:{TEXTS}|these) (?:to|could|can|might|may) (?:please |now |kindly )*(?:come to an end|be brought to an end)\b",
    # rather not be texted; not to be contacted by text
    r"\b(?:rather|sooner|prefer|asked?|asking|request|requested|requesting|wish|want|like|choose|please|decided|id) (?:\w+ )?(?:not|not to|to not|no longer|no longer to) "
    r"(?:to )?be (?:texted|messaged|contacted by (?:text|sms|message)|chased|reminded|sent (?:any more|anything|these|texts|messages))\b"
    r"(?! (?:at|on|by|before|after|during|while|until|till|in the|so|too|about|if|when)\b)",
    rf"\b(?:rather|sooner|prefer to|prefer) not (?:to )?(?:receive|get|be sent) (?:any|any ?more|anything (?:more|further|else))"
    rf"(?: of (?:these|them))?{_TAIL}",
    r"\b(?:sick|tired|bored|weary|fed up) (?:of|with|wi) being (?:texted|messaged|contacted|pestered|chased|reminded)\b",
    rf"\bpossible (?:please )?not to (?:have|get|receive|be sent) {SMALL}{TEXTS}",
    # withdraw from this
    rf"\b(?:want|wish|like|decided|choose|chosen|going|prefer|please|asking|may i|can i|could i|id) (?:\w+ )?"
    rf"withdraw(?: me| myself)? from (?:this|these|it|all this|your {TEXTS}|the {TEXTS}){_TAIL}",
    # no more of these
    r"(?<!have )(?<!had )(?<!ive )(?<!got )(?<!theres )(?<!there are )(?<!take )(?<!taking )(?<!took )(?<!need )"
    rf"\bno more of (?:these|those|them)(?: things)?{_TAIL}",
    rf"\b(?:shant|shall not|wont|will not|wouldnt) (?:be )?(?:want|wanting|need|needing|require|requiring) (?:any )?(?:more )?(?:of )?"
    rf"(?:these|them|those){_TAIL}",
    # how they are made to stop, and that they did
    r"\bhow (?:do|does|can|could|would|should) (?:i|we|you|one|a body|anyone|he|she|my \w+) (?:make|get|have) (?:these|them|those) "
    rf"(?:things )?(?:to )?(?:stop|end)(?: coming| arriving| popping up)?{_TAIL}",
    rf"\b(?:prefer|like|rather|better|glad|grateful|happy|happier|appreciate)(?: it)?(?: if)? (?:these|{SMALL}{TEXTS}) (?:stopped|ended|were stopped){_TAIL}",
    r"\bstop (?:these|them|this) (?:coming )?(?:to|on) (?:my|this|his|her|our) (?:\w+ )?(?:phone|mobile|number)\b",
    r"\b(?:whoever|the person|someone|somebody) (?:who |that |it is that )?(?:sends|texts|messages|is sending|is texting|does) "
    rf"(?:\w+ ){{1,3}}?(?:please |kindly |just )*(?:stop|desist|cease){_TAIL}|\b(?:whoever|the person) (?:who |that )?sends (?:these|them) (?:please |kindly )*stop\b",
    r"\bstop (?:writing|mailing)(?: to)? (?:me|us|him|her)\b|\bleav(?:e|ing) my (?:number|name|phone|mobile) out\b",
    rf"\b(?:stock|stoop) (?:these|the|sending|your) {TEXTS}",
    r"\b(?:please|pls|kindly) (?:do not|dont|never) send (?:\w+ ){0,3}?(?:on|to) (?:it|this|this (?:phone|number|mobile)) (?:any ?more|again)\b",
    # dont text me; never contact me again
    r"(?:dont|dnt|do not|dinnae|dinna|divvent|divnt|no longer|never|nor|no|neither|"
    r"(?<!did )(?<!does )(?<!do )(?<!have )(?<!has )not)(?: ever)? (?:(?:text|txt|sms|message|msg|contact|write|spam)(?:ing)?"
    r"(?: to)? (?:me|us|him|her|my (?:mobile|phone|number|house)|my \w+ (?:again|any ?more|on this)|this|any|anything|anymore|again|"
    r"no more|n[ae]e mair|more|em|them|these|owt)\b|send(?:ing)? (?:to )?(?:(?:me|us|him|her)(?! (?:to|for|back|home|in|away|there)\b)|anything|anymore|any more$|again|no more|n[ae]e mair|"
    rf"more$|em|them|these|owt|(?:this|any|more)(?: more| further| other| of| such)* {TEXTS}|any of|anymore|this{_TAIL})\b)",
    # "it doesn't bother me" is about something else
    r"(?:^|\b(?:please|pls|plz|kindly|just|so|thanks|you|ye|must|should) )(?:dont|do not|dinnae|dinna|divvent|never)(?: ever)? "
    r"(?:bother|pester|hassle|disturb|trouble) (?:me|us|him|her|my)\b",
    r"^not (?:to )?disturb\b|\bdo not disturb me\b",
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
    rf"(?:with|and take) {SMALL}{TEXTS}",
    # "end it" and "end this" may be words of despair
    rf"^(?:(?:please|pls|now|ok|and|just|every day|so) )*(?:(?:stop|finito|basta) (?:this|it|that)|"
    rf"(?:done|finish) with (?:this|it|that)|(?:finish|stop|end|done|finito|basta) (?:with )?(?:these|them)){_TAIL}|^(?:finish|finito|terminate){_TAIL}",
    r"(?:dont|do not|not|no|no longer)(?: wish| want)(?: to)? (?:be )?(?:in|on|part of) (?:this|the|your) "
    r"(?:list|program|programme|study|service|scheme|system|follow up|thing)\b",
    r"\b(?:close|delete|shut) my (?:file|account|record|records|profile|case)\b",
    r"\b(?:want|wish|silence|peace and quiet)(?: you)?(?: to)?(?: be)? ?(?:silence|no (?:further |more )?"
    r"(?:contact|communication|correspondence)|from you|silent)\b",
    r"\bno (?:further |more )?(?:contact|communication|correspondence)" + _TAIL,
    r"\b(?:never|didnt|did not|not) (?:gave|give|given)(?: you)?(?: any| my)? (?:agreement|consent|permission) "
    rf"(?:for|to) {SMALL}(?:{TEXTS}|this|these|be)",
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
    r"(?:opt|opting|opted)(?: me| us)? out\b(?! of (?:surgery|an? |the (?:injection|procedure|op\b|operation|surgery|trial)))",
    r"\b(?:unsubscribe|unsub|unsuscribe|unsubcribe|optout|stopall)\b(?! me from anything)",
    r"(?:be|get|me|us|want|like) unsubscribed\b|^unsubscribed$",
    r"leave (?:me|us) (?:alone|be|in peace)\b"
    r"(?! (?:i (?:want|cant|cannot|wish|need|just|am)|to |here|because|in (?:my|the)|at |all |with (?!(?:the|these|your) )))|"
    r"let (?:me|us) be$",
    rf"(?:turn|switch|shut) {SMALL}(?:{TEXTS} )?off {SMALL}(?:{TEXTS}|$)",
    rf"(?:turn|switch|shut) {SMALL}{TEXTS} off\b",
    r"(?:withdraw|revoke)(?: \w+){0,2} (?:consent|permission)\b",
    rf"(?:make|get) {SMALL}{TEXTS} (?:to )?(?:stop|end)\b",
    # in a few words, and as the whole of it: "no longer needed" may be a dressing among others
    rf"^(?:(?:please|ok|these|theyre|they are|this is|its|they) )*(?:not|no longer|no more) "
    rf"(?:needed|required|wanted|necessary){_TAIL}",
    rf"^(?:(?:please|ok|thanks|so|and) )*no more(?: please)?(?: (?:im|i am) (?:fine|ok|okay|better|good|well|grand|recovered))+{_TAIL}",
    rf"^(?:{TEXTS}|alerts?|notifications?|texts? service) off{_TAIL}",
    rf"\b(?:like|want|wish|ask) to be (?:taken off|removed)(?: this| these| it| here)?{_TAIL}",
    rf"\bno (?:ta|thanks|thank you|thankyou|ty|thx) to {SMALL}{TEXTS}",
    rf"\b(?:block|bar) (?:me|us|my number) from {SMALL}(?:{TEXTS}|these|them|this)",
    rf"\b(?:sick|tired|bored|fed up)(?: to (?:death|the back teeth|my back teeth))? (?:of|with|wi) {SMALL}{TEXTS}",
    rf"{TEXTS}(?: please)? no more{_TAIL}",
    rf"\b(?:dont|do not|dinnae|dinna|divvent|no) (?:want|need) (?:(?:any|nae|ony|no) )?(?:more|mair) (?:of |o |ae )?(?:these|them|thae|this){_TAIL}",
    r"\b(?:dont|do not|dinnae|no) (?:need|want) (?:a )?(?:reminding|reminders?|chasing|nudging)\b",
    rf"^(?:(?:please|ok|well|so|and|i think|think|perhaps|maybe|time to) )*(?:we (?:can|could|should)|can we|could we|shall we|lets) "
    rf"(?:please |just |now )*(?:stop|end|finish|leave|bin|drop) (?:these|this|them|the {TEXTS}){_TAIL}",
    rf"^(?:(?:please|just|now) )*(?:bin|mute|scrap|ditch|drop|park) (?:these|them|this)(?: off)?{_TAIL}",
    rf"\bobject to (?:getting |receiving |having |being sent )?(?:these|this|them|being (?:texted|messaged|contacted)|{SMALL}{TEXTS})",
    rf"\b(?:do not|dont|never) consent to (?:this|these|it|any of this|being (?:texted|messaged|contacted)){_TAIL}",
    rf"\b(?:way|how) (?:of |to |i |do i |can i )*(?:make|making|get|getting) (?:these|them) (?:to )?stop{_TAIL}",
    r"^no (?:send|more send)(?: (?:me|more|please|no))*$|^(?:please )?no send(?: more)?(?: please)?$",
    rf"\bleave off (?:sending|texting|messaging)(?: (?:me|us|these|them))*{_TAIL}",
    r"^(?:(?:please|pls|ok|right) )*no more (?:now )?please\b(?= (?:it|they|these|you)\b)",
    rf"\b(?:can|could|may|might|will|would) (?:these|they|the {TEXTS}|{TEXTS}) (?:please )?be (?:turned off|switched off|stopped|cancelled|ended){_TAIL}",
    rf"\b(?:you|u|ye|yous) (?:can|could|may) (?:please |just |now )*(?:stop|end|cancel|finish) {SMALL}{TEXTS}",
    rf"\b(?:that will|thatll|this will|thisll) (?:do|be enough) (?:with|for|of) {SMALL}{TEXTS}",
    r"\b(?:not|no longer) (?:needed|wanted|required)(?: thanks| thank you| ta)?(?: please| pls)? stop\b",
    rf"^(?:this is|its|it is) (?:pure )?(?:harassment|spam|spamming|pestering){_TAIL}",
    rf"^(?:i|me) (?:no|not|dont) want (?:this|these|it|more)(?: any ?more)?{_TAIL}",
    rf"\b(?:dont|do not) want to be (?:in|on|part of) (?:this|these|it|here){_TAIL}",
)


@cache
def requests() -> re.Pattern[str]:
    """Return the pattern of all wordings, compiled when a text is first sorted and not at start-up."""
    return re.compile(rf"(?:^|\b)(?:{'|'.join(_WORDINGS)})")
