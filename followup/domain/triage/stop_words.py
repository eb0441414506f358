"""Opt-out words of other languages: a request to stop as a whole reply, one word or a few.

Those of the languages that clinics write and of those most spoken in the United Kingdom. Carriers
stop at the French one by themselves (https://help.twilio.com/articles/223134027).
"""

from __future__ import annotations

import re
import unicodedata

STOPPING_IN: dict[str, tuple[str, ...]] = {
    "ar": (
        "توقف", "توقفوا", "أوقف", "اوقف", "أوقفوا", "اوقفوا", "إيقاف", "ايقاف", "وقف", "قف", "إلغاء",
        "الغاء", "إلغاء الاشتراك", "الغ", "كفى", "كفاية", "خلاص", "لا ترسل", "لا ترسلوا", "لا ترسلوا لي",
        "أوقف الرسائل", "اوقف الرسائل", "أوقفوا الرسائل", "إيقاف الرسائل", "ايقاف الرسائل",
        "لا أريد رسائل", "لا اريد رسائل", "لا أريد هذه الرسائل", "لا اريد هذه الرسائل", "ستوب",
        "من فضلك توقف", "توقف من فضلك", "tawaqaf", "tawaqquf", "khalas",
        "khalas ma tib3atu shi", "khalas ma tib3atu shi ba2a",
    ),
    "bg": ("стоп", "спри", "спрете", "откажи", "отказ"),
    "bn": ("বন্ধ", "বন্ধ করুন", "বন্ধ করো", "বন্ধ কর", "থামুন", "থামাও", "স্টপ", "মেসেজ বন্ধ করুন",
           "bondho", "bondho koro", "bondho korun", "bondo koren", "thamun"),
    "cs": ("přestaňte", "zastavit", "zrušit", "odhlásit", "konec", "dost", "zastavte"),
    "cy": ("stopio", "stopiwch", "stopwch", "stopia", "peidiwch", "peidio", "dim mwy", "dim mwy o negeseuon",
           "peidiwch a tecstio", "peidiwch â gyrru negeseuon", "diwedd", "canslo", "plis stopiwch",
           "stopiwch os gwelwch yn dda", "stopiwch y negeseuon"),
    "de": ("stopp", "abmelden", "abbestellen", "ende", "beenden", "aufhören", "schluss",
           "bitte stoppen", "bitte aufhören", "keine nachrichten mehr", "keine sms mehr"),
    "el": ("σταματήστε", "σταμάτα", "στοπ", "τέλος", "διακοπή"),
    "es": ("alto", "parar", "pare", "paren", "basta", "cancelar", "baja", "darse de baja",
           "detener", "deténgase", "no más", "no más mensajes", "no mas mensajes", "por favor pare",
           "por favor paren", "no quiero mensajes", "no quiero más mensajes", "dejen de escribirme",
           "no me escriban", "no me escriban más", "déjenme en paz", "ya basta"),
    "fa": ("لغو", "بس", "بس است", "قطع", "متوقف", "پیام ندهید", "لطفا پیام ندهید"),
    "fr": ("arret", "arrêt", "arrêter", "arrete", "arrêtez", "stopper", "désabonner", "désinscription",
           "se désabonner", "annuler", "fin", "plus de messages", "plus de sms", "arrêtez svp",
           "arrêtez s'il vous plaît", "arrêtez les messages", "stop svp", "stop sms"),
    "gu": ("બંધ", "બંધ કરો", "રોકો", "સ્ટોપ", "bandh karo"),
    "hi": ("बंद", "बंद करो", "बंद करें", "बंद कीजिए", "रुको", "रोको", "रोकें", "रुकें", "स्टॉप",
           "मैसेज बंद करो", "संदेश बंद करें"),
    "hu": ("leállítás", "állj", "elég", "leiratkozás", "hagyják abba", "stop kérem"),
    "it": ("ferma", "fermate", "fermatevi", "basta", "smettila", "smettetela", "annulla", "cancella",
           "interrompi", "disiscrivi", "basta messaggi", "non voglio messaggi",
           "non voglio più messaggi", "stop per favore"),
    "ku": ("raweste", "rawestîne", "bes e", "بوەستە", "ڕاگرە", "ڕایبگرە"),
    "lt": ("stabdyti", "sustabdykite", "baigti", "atsisakyti", "nebesiųskite", "gana"),
    "lv": ("beigt", "apturēt", "pārtrauciet", "atcelt"),
    "nl": ("stoppen", "afmelden", "stop ermee", "geen berichten meer", "einde", "uitschrijven"),
    "pa": ("ਬੰਦ", "ਬੰਦ ਕਰੋ", "ਰੋਕੋ", "ਰੁਕੋ", "ਸਟਾਪ", "ਮੈਸੇਜ ਬੰਦ ਕਰੋ", "band karo", "bandh kro",
           "band kro", "band kardo", "بند کرو"),
    "pl": ("zatrzymaj", "zatrzymać", "zatrzymajcie", "przestań", "przestańcie", "przestancie", "koniec",
           "dość", "dosc", "wypisz", "wypisz mnie", "mnie wypisać", "rezygnuję", "rezygnuje", "anuluj", "zakończ",
           "proszę przestać", "prosze przestac", "proszę nie pisać", "nie piszcie", "nie wysyłajcie",
           "nie chcę wiadomości", "nie chce wiadomosci", "nie chcę więcej wiadomości", "stop proszę",
           "proszę stop", "proszę przestańcie", "nie chcę smsów", "odczepcie się", "odczepcie się wreszcie",
           "dajcie mi spokój", "dajcie spokój", "zostawcie mnie w spokoju"),
    "pt": ("parar", "pare", "parem", "cancelar", "sair", "basta", "chega", "fim", "interromper",
           "não quero mais", "nao quero mais", "não quero mais mensagens", "por favor parem",
           "por favor pare", "parem por favor", "sem mais mensagens"),
    "ro": ("oprește", "opreste", "opriți", "opriti", "oprire", "gata", "ajunge", "dezabonare",
           "dezabonează", "anulare", "anulează", "încetați", "stop mesaje", "nu mai trimiteți",
           "nu mai trimiteti", "nu mai vreau mesaje", "vă rog opriți", "va rog opriti", "lăsați mă în pace", "lasati ma in pace", "lasă mă în pace"),
    "ru": ("стоп", "остановите", "остановить", "прекратите", "хватит", "отписаться", "отмена",
           "не пишите", "больше не пишите", "не присылайте"),
    "sk": ("prestaňte", "zastaviť", "zrušiť", "odhlásiť", "koniec", "dosť"),
    "so": ("jooji", "joojiya", "jooji fariimaha", "fadlan jooji", "waa ku filan"),
    "sq": ("ndalo", "ndaloni", "mjaft", "anulo", "stop ju lutem"),
    "ta": ("நிறுத்து", "நிறுத்துங்கள்", "ஸ்டாப்", "வேண்டாம்"),
    "tr": ("dur", "durdur", "durdurun", "iptal", "istemiyorum", "yeter", "bitir",
           "mesaj istemiyorum", "lütfen durdurun", "mesaj göndermeyin", "çıkış", "abonelikten çık"),
    "uk": ("стоп", "зупинити", "зупиніть", "припиніть", "досить", "відписатися", "не пишіть",
           "не надсилайте"),
    "ur": ("بند", "بند کرو", "بند کریں", "بند کر دیں", "روکو", "روکیں", "رک جاؤ", "بس", "بس کرو",
           "سٹاپ", "اسٹاپ", "میسج بند کریں", "پیغامات بند کریں", "band karo", "band karein",
           "band karen", "band kar do", "bas karo", "ruko", "message band karo", "msg band karo"),
    "vi": ("dừng", "dừng lại", "ngừng", "hủy", "huỷ", "dung lai"),
    "zh": ("停", "停止", "停止发送", "停止發送", "退订", "退訂", "取消", "不要再发", "不要再發", "别发了",
           "別發了", "不要发短信", "请停止", "請停止", "取消订阅", "终止", "结束",
           "bie zai fa le", "bie fa le", "bu yao zai fa le", "bu yao fa le", "ting zhi", "tuiding"),
}  # fmt: skip


_NO_WORD = re.compile(r"[^a-z0-9]+")


def plain_of(text: str) -> str:
    """Return letters, their vowel signs and single spaces: how words of any language compare."""
    if text.isascii():
        return " ".join(_NO_WORD.sub(" ", text.lower()).split())
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = (
        sign if unicodedata.category(sign)[0] in "LMN" else " "
        for sign in plain
        if not unicodedata.combining(sign)
    )
    return " ".join("".join(kept).split())


STOPPING_ELSEWHERE = frozenset(
    plain_of(wording) for wordings in STOPPING_IN.values() for wording in wordings
)
POLITE_ELSEWHERE = tuple(
    plain_of(wording)
    for wording in (
        "os gwelwch yn dda", "plis", "por favor", "s'il vous plaît", "s'il te plaît", "svp", "merci",
        "proszę", "prosze", "dziękuję", "per favore", "per piacere", "bitte", "danke", "lütfen",
        "vă rog", "va rog", "mulțumesc", "gracias", "obrigado", "obrigada", "grazie", "diolch",
        "من فضلك", "رجاء", "لو سمحت", "شكرا", "براہ کرم", "مہربانی", "شکریہ", "please", "thank you",
        "thanks", "कृपया", "ਕਿਰਪਾ ਕਰਕੇ", "দয়া করে", "请", "請", "谢谢", "謝謝", "будь ласка",
        "пожалуйста", "спасибо", "fadlan", "mahadsanid", "dhanyavad", "shukriya", "meherbani",
    )
)  # fmt: skip
"""Words of courtesy that may stand beside them."""
