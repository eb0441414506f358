"""Opt-out requests in sentences of other languages: a few kinds of words for each, and how they add up.

"Proszę nie wysyłajcie mi już wiadomości" and "No me manden más mensajes" are in no list of whole
replies. What counts is which kinds of words a short reply holds: it stops what is sent ("stop" and
"messages"), forbids sending ("not" and "send me"), or wants no more ("not", "want", "messages").
With a question mark, with both a "stop" and a "not", or where somebody complains that nothing came,
it stops nothing and a person reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from followup.domain.triage.stop_words import plain_of

MOST_WORDS = 16
"""Words: a longer reply says something else as well."""
DENIAL_REACH = 4
"""Words from a "not" to the "stop" that it denies."""
_ASKS = re.compile(r"[?؟？;]")


_OTHER_MATTERS = (
    "ambul* karetk* pogotow* recept* receit* receta* retet* ricett* lek leki leków lekar* tablet* "
    "pastil* comprim* medic* médic* farmac* doktor* doctor* skierow* zwolnien* ordonnan* ilac* ilaç* "
    "reçete* rezept* medikament* tabled* meddyg* таблет* лекар* лікар* скор* рецепт* دواء الدواء حبوب "
    "الحبوب إسعاف الإسعاف وصفة دوا دوائی گولی گولیاں ایمبولینس dawai dawa goli* bol ból bólu douleur* "
    "dolor dor durer* poen ألم الألم درد dard 药* 救护*"
)
"""Medicines, pain and help: beside them, and without a word for messages, nothing is stopped."""


@dataclass(frozen=True, slots=True)
class _Language:
    """The kinds of words of one language, by spaces; `forbids` are "don't send" in one word."""

    texts: str
    stop: str = ""
    deny: str = ""
    send: str = ""
    want: str = ""
    more: str = ""
    forbids: str = ""
    came: str = ""

    def asks(self, places: Mapping[str, Sequence[int]]) -> bool:
        """Say whether words of these kinds, by the places where they stand, add up to a request."""

        def has(kind: str) -> bool:
            return kind in places

        texts = has(self.texts)
        if has(self.forbids):
            return True
        denied, stops = places.get(self.deny, ()), places.get(self.stop, ())
        denies = bool(denied)
        if not denies and not stops:
            return False
        if any(0 < stop - deny <= DENIAL_REACH for stop in stops for deny in denied):
            return False
        if stops and (texts or has(self.send)):
            return True
        if not denies:
            return False
        wants_none = texts and has(self.want)
        no_more = texts and has(self.more) and not has(self.came)
        return has(self.send) or wants_none or no_more


_LANGUAGES = (
    _Language(  # Arabic
        texts="رسائل الرسائل رسالة الرسالة رسايل الرسايل مسجات sms",
        stop="التوقف الكف توقف توقفوا أوقف أوقفوا اوقف اوقفوا إيقاف ايقاف وقف وقفوا وقفو كفى",
        deny="لا ما مش بلا",
        send="إرسال ارسال ترسل ترسلوا ترسلو ترسلون تبعث تبعثوا تبعتوا تبعتولي ترسلولي تراسلوني تراسلني تكتبوا",
        want="أريد اريد بدي أرغب ارغب عايز عاوز",
    ),
    _Language(  # Arabic, as people write it in Latin letters
        texts="rasayel rasa2el rasael messaget msgat risala",
        stop="wa2ef wa2fo wa2fou waqef waqfo batlo batelo khalas",
        deny="ma la mat mesh mush",
        send="tib3atu tib3ato teb3ato teb3atu tab3atu tersel terselo tirsil",
        want="beddi biddi bedi ayez 3ayez urid areed",
        forbids="mateb3atosh mateb3atoosh matib3atush",
    ),
    _Language(  # Bulgarian, Russian, Ukrainian
        texts="смс sms сообщен* съобщен* повідомлен* есемес*",
        stop="стоп остановите прекратите перестаньте спрете зупиніть припиніть хватит досить",
        deny="не",
        send="присылайте шлите пишите отправляйте изпращайте пишете пращайте надсилайте пишіть "
        "шліть присилайте турбуйте беспокойте",
        want="хочу желаю искам бажаю надо нужно нужны нужен потрібно треба трябва",
        more="больше більше повече",
        came="получал* получаю пришло пришли приходит приходят отримав* отримала",
        forbids="відпишіть отпишите отпишете отписвам",
    ),
    _Language(  # Bengali, Gujarati, Hindi, Punjabi, Urdu, as people write them in Latin letters
        texts="message messages msg msgs sms mesej meseje paigham sandesh text texts sunesa",
        stop="band bandh bondho roko rok",
        deny="na nahi nahin mat nai naa nako",
        send="bhejo bhejna bhejein bhejen bhej bhejiye bhejiyo bhejyo karo kro karna karein moklo "
        "moklso mokalo mokalsho pathao pathaben pathaiben pathiyo diben diyen ghallo",
        want="chahiye chahida chaida joiye lagbe chai",
    ),
    _Language(  # Bengali, Gujarati, Hindi, Punjabi and Urdu in their own letters
        texts="मैसेज संदेश सन्देश মেসেজ বার্তা ਮੈਸੇਜ ਸੁਨੇਹੇ ਸੁਨੇਹਾ મેસેજ સંદેશ میسج میسیج پیغام پیغامات",
        stop="बंद রোকো বন্ধ ਬੰਦ બંધ بند",
        deny="मत नहीं न না ਨਾ ਨਹੀਂ ન ના نہ مت نہیں",
        send="भेजो भेजें भेजिए भेजना পাঠাবেন পাঠাও পাঠিও ਭੇਜੋ ਭੇਜਣਾ મોકલો મોકલશો بھیجیں بھیجو بھیجنا کریں کرو کرنا",
        want="चाहिए চাই লাগবে ਚਾਹੀਦੇ ਚਾਹੀਦਾ જોઈએ چاہئیں چاہیے",
    ),
    _Language(  # Chinese has no spaces: `forbids` finds how such a reply begins
        texts="短信 信息",
        forbids="别发* 別發* 不要发* 不要發* 不要再发* 不要再给* 不要再給* 不要给* 不要給* 别给* 別給* 不要再發* 别再发* 別再發* 请不要发* 请不要再发* 不要再给* 不要再給* 不要给* 不要給* 别给* 別給* 请别* "
        "請不要* 請別* 请停* 請停* 停止* 退订* 退訂* 取消订阅* 不想收* 不想再收*",
    ),
    _Language(  # Czech, Slovak
        texts="zpráv* správ* sms smsk*",
        stop="přestaňte prestaňte zastavte zrušte ukončete ukončite",
        deny="ne nie už žádné žiadne",
        send="posílejte posielajte pište píšte",
        want="nechci nechcem",
        more="žádné žiadne",
        forbids="neposílejte neposielajte nepište nepíšte odhlaste odhláste",
    ),
    _Language(  # Dutch
        texts="bericht* sms smsjes",
        stop="stoppen stopt",
        deny="geen niet",
        send="sturen stuur stuurt",
        want="wil wens",
        more="meer",
        came="kreeg gekregen ontvangen ontving krijg",
    ),
    _Language(  # Dari, Persian, Kurdish
        texts="پیام پیامک نامه peyam mesaj نامە پەیام",
        stop="قطع متوقف بس raweste rawestînin bese ڕابگرن",
        forbids="نفرستید نفرستین ندهید ندید نزنید neşînin neşîne مەنێرن",
    ),
    _Language(  # French
        texts="message* sms texto* textos",
        stop="arrêtez arrêter arrête arrêt cessez stopper stoppez",
        deny="ne pas n",
        send="envoyez envoyer envoie écrivez écrire contactez contacter dérangez",
        want="veux souhaite voudrais désire",
        more="plus",
        came="ai avons reçu reçois recevoir arrive arrivent",
        forbids="désinscrivez désabonnez désinscrire",
    ),
    _Language(  # German
        texts="nachricht* sms",
        stop="stopp stoppen aufhören beenden verpassen",
        deny="keine nicht kein",
        send="schicken schickt senden sendet schreiben schreibt",
        want="will möchte wünsche",
        more="mehr",
        came="bekommen bekomme erhalten erhalte kam kommen",
    ),
    _Language(  # Greek
        texts="μηνύματα μήνυμα sms",
        stop="σταματήστε σταμάτα σταματήσετε διακόψτε",
        deny="μη μην δεν όχι",
        send="στέλνετε στείλετε στέλνεις γράφετε",
        want="θέλω επιθυμώ",
    ),
    _Language(  # Hungarian
        texts="üzenet* sms*",
        stop="állítsák hagyják leállítani",
        deny="ne nem",
        send="küldjön küldjenek küldjetek küldj írjon írjanak zavarjanak",
        want="kérek szeretnék akarok",
    ),
    _Language(  # Irish
        texts="teachtaireacht* téacs*",
        deny="ná",
        send="cuir cuirigí seol seoligí scríobh scríobhaigí",
    ),
    _Language(  # Italian
        texts="messagg* sms",
        stop="basta smettete smettetela fermate interrompete smetta",
        deny="non no",
        send="mandate mandatemi mandarmi mandare scrivete scrivetemi scrivermi scriva inviate inviatemi "
        "inviarmi contattate contattatemi",
        want="voglio vorrei desidero",
        more="più",
        came="ricevo ricevuto arriva arrivano arrivati",
    ),
    _Language(  # Latvian, Lithuanian
        texts="žinut* žinuč* sms ziņ* īsziņ*",
        stop="sustabdykite nustokite pārtrauciet beidziet",
        deny="ne",
        want="nebenoriu nenoriu negribu nevēlos nepageidauju",
        forbids="nebesiųskite nesiųskite neberašykite nerašykite nesūtiet nerakstiet nebesiuskite "
        "nesiuskite nerašyti nebesiųsti nesiųsti neberašyti",
    ),
    _Language(  # Polish
        texts="wiadomoś* wiadomos* sms smsy smsów smsow smsami esemes*",
        stop="przestać przestańcie przestancie przestań przestan przestac przestawaj* skończcie wstrzymajcie",
        deny="nie już żadnych bez",
        send="wysyłać wysyłajcie wysyłaj wysyłajmy wysylac wysylajcie wysylaj pisać piszcie pisz pisac "
        "przysyłać przysyłajcie przysyłaj przysylajcie kontaktujcie ślijcie slijcie",
        want="chcę chce życzę zycze potrzebuję potrzebuje",
        more="więcej wiecej",
        came="dostałem dostałam dostalem dostalam otrzymałem otrzymałam przyszła przyszło",
        forbids="niewysyłanie niewysylanie niepisanie wypiszcie wypiszecie wypisz odczepcie odczep",
    ),
    _Language(  # Portuguese, Spanish
        texts="mensage* mensaj* mensagen* mensagem sms mensaje* texto* recado*",
        stop="deixe deixem parem pare parar paren pare dejen dejad deje basta chega cesen",
        deny="não nao no nunca",
        send="manden mande mandar mandarme envíen envíe enviar enviarme escriban escriba escribirme "
        "mandem mandes enviem envie escrevam escreva escrever contacten contactem molesten",
        want="quiero quero deseo desejo necesito preciso",
        more="más mais",
        came="recibí recibo recibido recebi recebo recebido llegan llegó chegou chegam",
    ),
    _Language(  # Romanian
        texts="mesaj* sms sms-uri smsuri",
        stop="opriți opriti oprește opreste încetați incetati terminați gata",
        deny="nu",
        send="trimiteți trimiteti trimite trimiteţi scrieți scrieti contactați deranjați",
        want="vreau doresc",
        more="mai",
        came="primit primesc venit",
    ),
    _Language(  # Somali, Swahili
        texts="fariim* farriin* sms ujumbe",
        stop="jooji joojiya joojiye acha acheni",
        deny="ha",
        send="dirin soodirin dirina",
        want="rabo doonayo",
        forbids="msitume usitume",
    ),
    _Language(  # Albanian
        texts="mesazh* sms",
        stop="ndaloni ndalo mjaft",
        deny="mos nuk",
        send="dërgoni dërgo shkruani",
        want="dua",
    ),
    _Language(  # Tagalog, Vietnamese
        texts="text mensahe message tin nhắn sms",
        stop="tigil itigil tumigil dừng ngừng",
        deny="huwag wag đừng không ayaw ayoko",
        send="magpadala padalhan mag-text magtext itext gửi nhắn",
        want="gusto muốn",
    ),
    _Language(  # Turkish
        texts="mesaj* sms liste*",
        stop="çıkarın çıkarınız çıkar silin durdurun durdur bırakın yeter kesin iptal",
        deny="artık",
        forbids="atmayın atmayınız atma göndermeyin göndermeyiniz gönderme yazmayın yazmayınız yazma "
        "yollamayın yollamayınız istemiyorum istemiyoruz",
    ),
    _Language(  # Welsh
        texts="neges* tecst* tecstio negeseuon",
        stop="stopiwch stopio stopia peidiwch peidio rhowch",
        deny="dim ddim",
        send="anfon gyrru danfon tecstio",
        want="eisiau isio moyn",
        more="mwy rhagor",
    ),
)  # fmt: skip
_KINDS = {_OTHER_MATTERS} | {
    kind
    for one in _LANGUAGES
    for kind in (
        one.texts, one.stop, one.deny, one.send, one.want, one.more, one.forbids, one.came
    )
}  # fmt: skip


def _kinds_by_word(*, begins: bool) -> dict[str, set[str]]:
    """Return the kinds that each word is of, or each beginning of words, which end with `*`."""
    found: dict[str, set[str]] = {}
    for kind in _KINDS:
        for word in kind.split():
            if word.endswith("*") is begins:
                found.setdefault(plain_of(word.removesuffix("*")), set()).add(kind)
    return found


_EXACT, _BEGINS = _kinds_by_word(begins=False), _kinds_by_word(begins=True)
_LENGTHS = tuple(sorted({len(beginning) for beginning in _BEGINS}))


def asks_elsewhere(text: str) -> bool:
    """Say whether a short reply in another language asks for no more messages."""
    if _ASKS.search(text):
        return False
    words = plain_of(text.replace("-", " ")).split()
    if not 0 < len(words) <= MOST_WORDS:
        return False
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        for kind in _kinds_of(word):
            places.setdefault(kind, []).append(place)
    names_another_matter = _OTHER_MATTERS in places
    return any(
        one.asks(places) for one in _LANGUAGES if not names_another_matter or one.texts in places
    )


def _kinds_of(word: str) -> set[str]:
    beginnings = (word[:length] for length in _LENGTHS)
    return set(_EXACT.get(word, ())).union(*(_BEGINS.get(one, ()) for one in beginnings))
