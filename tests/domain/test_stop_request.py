"""Requests to stop, in many voices and languages; and what only sounds like one."""

from __future__ import annotations

import pytest

from followup.domain.triage.stop_elsewhere import asks_elsewhere
from followup.domain.triage.stop_request import StopRequest, stop_request


@pytest.mark.parametrize(
    "text",
    ["Kindly discontinue this service.",
     "I do not wish to be written to by a machine, kindly desist",
     "please may I not have any more of these, with many thanks", "do one", "stahp", "🛑",
     "third time lucky, if you'd be so kind as to cancel them", "last one please",
     "on balance I'd sooner go without",
     "how do i get u lot off my phone, get these off my phone", "haud yer wheesht", "Oh do go away",
     "nah im sorted dont need these no more ta", "gonnae just no text", "blocked unless u stop",
     "I will block this number if you don't stop", "I don't wish to take part any longer.",
     "Would you mind taking my name out?", "I have had quite sufficient of these, thank you.",
     "Will you lot stop", "lose my number x", "give ower wi these texts", "Turn them off please",
     "For pity's sake, give it a rest.", "Kindly withdraw me from this service.", "quit it",
     "take out my mobile from the computer", "Cancel subscription of messages", "Off please",
     "I'd rather you didnae message me again", "I dunt want 'em. Tek me off",
     "So I'd be grateful if you'd not send them.",
     "haway man giz peace wi these messages", "I want to council these texts",
     "no more now please it makes me jump when it beeps",
     "I should like to withdraw from the scheme",
     "I should be glad if the daily reminders could kindly cease",
     "Thank you comma now please stop the messages full stop I do not like them",
     "there is no call at all for these daily texts",
     "my phone and I would be happier without all the pinging",
     "Kindly delete us from your messages", "would you put these check-ins to bed",
     "Last one please. I mean it.",
     "Count me out from now on", "Enough already", "That'll do now", "wud yous give my head peace",
     "take me aff yer list", "unsubcribe", "Not wanted, thank you", "N O M O R E", "gan away",
     "I resign from your texting scheme", "tell your machine to be quiet",
     "I decline all further correspondence of this nature", "I revoke my yes", "can u not",
     "Knock the texts on the head please", "I have replied STOP twice and still they come",
     "My mum doesn't want these any more", "please remove my mum from your messages",
     "Could you please give over",
     "there is little point in sending these",
     "I want these messages stopped", "do not bother me"],
)  # fmt: skip
def test_a_polite_an_oblique_or_a_rude_wish_to_get_no_more_is_a_request(text):
    assert stop_request(text) is not StopRequest.NONE


@pytest.mark.parametrize(
    "text",
    ["I did not ask to stop. It says I have been unsubscribed, so please put me back on.",
     "you didn't text me yesterday", "take me off the tramadol",
     "I pressed stop by accident, please put me back on", "who decides when these texts end",
     "It says I can opt out. I don't want to opt out, carry on.", "please turn the texts back on",
     "If I reply STOP does it mean I lose my follow up as well?", "Did you stop sending?",
     "Would it muck up me treatment if I come off the texts?", "I don't want to be in this world",
     "How can a person end these messages, if later he wants?", "Please don't stop these",
     "peeing like a broken tap: start, stop, start, stop", "He asked me to not text my uncle",
     "take me off the tablets", "my pain won't stop", "have the messages stopped",
     "the leg doesn't bother me any more", "it does not bother me now",
     "this message is not for me",
     "You didn't text me yesterday", "can you take me off the tramadol", "take me off gabapentin",
     "how do I make these headaches stop coming", "if I get one more of these headaches I'll call",
     "can I knock the tablets on the head", "I want it all to come to an end", "blocked",
     "please send no more tablets", "my mum wants no more injections", "can you not feel it",
     "Please don't bother texting tomorrow, I won't be here", "can't stop checking my leg",
     "the council text about my bins", "come off the tablets, it says",
     "I had enough messages about this to understand it, thank you", "please delete my last text",
     "no more messages came since Friday", "don't text me before 9 please",
     "can you not send them in the morning",
     "how do I cancel the reminder for the wrong date", "put texts off till after lunch please",
     "don't send me the letter by post, email is fine",
     "I dont need reminders, but keep them coming",
     "What means reply STOP? It stops the treatment or only the message?",
     "I finished the questionnaire",
     "stop stop no don't stop I mean the leg has stopped working",
     "do not send the same message twice",
     "I'd sooner not have the second injection", "I can't bear to be left alone"],
)  # fmt: skip
def test_a_question_about_stopping_or_a_denial_is_no_request(text):
    assert stop_request(text) is StopRequest.NONE


@pytest.mark.parametrize(
    "text",
    ["Lütfen bana mesaj atmayın",  # noqa: RUF001
     "proszę przestać wysyłać sms", "No me manden más mensajes",
     "Nu-mi mai trimiteți mesaje", "Non mi scrivete più, grazie", "Parem de me mandar mensagens",
     "Ne m'envoyez plus de messages", "Bitte keine Nachrichten mehr schicken",
     "لا ترسلوا رسائل بعد الآن", "menu message na bhejo ji", "have message na moklo",
     "не пишіть мені більше повідомлень", "joojiya fariimaha", "请不要再发短信了",
     "Ná cuir aon teachtaireacht eile chugam", "Prašau daugiau man nerašyti",
     "Per favore basta, non scrivetemi più", "براہ کرم مجھے میسج نہ کریں", "lasati-ma in pace"],
)  # fmt: skip
def test_a_request_in_a_sentence_of_another_language_is_heard_and_read_by_a_person(text):
    assert stop_request(text) is not StopRequest.NONE


@pytest.mark.parametrize(
    "text",
    ["nie dostałem wiadomości", "No recibí más mensajes", "je n'ai pas reçu de messages",
     "nie przestawajcie wysyłać wiadomości", "je ne veux pas arrêter les messages",
     "pouvez-vous arrêter les messages ?", "nu vreau să opriți mesajele", "nie mogę chodzić",
     "no more pain and a good message", "I have no message yet", "",
     "no puedo mandar un mensaje " * 4],
)  # fmt: skip
def test_a_complaint_a_question_or_a_denial_in_another_language_is_no_request(text):
    assert not asks_elsewhere(text)


def test_a_wish_among_words_that_are_about_texts_alone_is_a_request():
    asked = [
        "You can stop now, I'm better", "how do i turn this off", "done with this tbh",
        "Lovely service but I would like to stop now please", "dont want any more",
        "Please end my participation in the follow up", "I am withdrawing permission for these",
    ]  # fmt: skip
    others = [
        "take me off the waiting list for surgery? no way, keep me on it",
        "oh stop, you are too kind",
        "not interested in surgery, this jab worked", "I opted out of the op and had this instead",
        "I dont want to be here anymore", "I read to the end of your message", "no text came today",
        "I know I can text stop but these are useful so carry on", "get off the phone",
        "I've swallowed the lot. Tell them not to bother.",
        "I just want it all to stop I cant cope",
    ]  # fmt: skip

    assert [text for text in asked if stop_request(text) is StopRequest.NONE] == []
    assert [text for text in others if stop_request(text) is not StopRequest.NONE] == []


def test_what_may_be_tablets_or_somebody_elses_texts_is_no_request():
    asked = [
        "No more of these please", "I've had far too many of these messages",
        "take me off this list", "Stop! My husband is sick of you sending these",
        "please take these off my phone",
    ]  # fmt: skip
    others = [
        "take me off these, they make me sick", "I took far too many of these",
        "please make them stop", "I don't see the point of it all these days",
        "he keeps texting me and I want it to stop", "stop my daughter from texting me",
        "the jab did not help so no more of these please", "I don't want them to phone me about it",
        "The exercises are hard. I've had enough of them", "I want to come off these now",
    ]  # fmt: skip

    assert [text for text in asked if stop_request(text) is StopRequest.NONE] == []
    assert [text for text in others if stop_request(text) is not StopRequest.NONE] == []


def test_a_request_is_heard_beside_what_is_denied_or_dictated_without_a_pause():
    asked = [
        "i am not Margaret please stop these messages", "I never asked for these. Stop.",
        "who is this stop texting me", "wrong person stop", "ive asked you to stop twice", "stoap",
        "if you dont stop texting me i will complain", "please stop it upsets my wife",
        "I never had the injection so stop sending these", "stp txtin me",
        "I object to this texting",
        "I didn't sign up for this, remove me", "please stop emailing me", "stop bugging me",
        "يرجى التوقف عن إرسال الرسائل", "не надо больше сообщений",
        "bardzo proszę o niewysyłanie wiadomości", "deixe de enviar mensagens",
    ]  # fmt: skip

    assert [text for text in asked if stop_request(text) is StopRequest.NONE] == []


def test_what_is_wanted_otherwise_missed_or_about_a_body_is_no_request():
    others = [
        "please remove me from the waiting list for surgery", "stop? no", "end it",
        "ive had enough of this pain", "gonnae stop the sair heid", "leave me alone with the pain",
        "i dont want this any more", "leave me be i want to sleep for ever", "can I stop",
        "dont text my wife text me", "i dont want phone calls i want texts",
        "ive had no more texts",
        "No more messages have come is that right", "can you email me not text",
        "dont send anyone", "dont send any more tablets", "please dont send my results to my work",
        "not getting any texts", "not so many texts please", "stop texting at night, days are fine",
        "nie wysyłajcie karetki", "ne m'envoyez pas l'ambulance",
        "wypiszcie mi receptę na tabletki",
    ]  # fmt: skip

    assert [text for text in others if stop_request(text) is not StopRequest.NONE] == []


def test_a_few_words_an_objection_or_a_switch_that_is_turned_is_a_request():
    asked = [
        "not needed any more thank you", "no longer required", "No more please I am fine now",
        "alerts off", "I'd like to be taken off this now", "no thank you to further texts",
        "sick to death of these bloody texts", "I dinnae want any mair o these", "bin these off",
        "I object to receiving these", "I do not consent to this", "this is harassment",
        "phone me instead, no more texts", "can these be turned off", "unenroll",
        "I don't find these helpful, please take me off", "me no want this",
        "I don't want to be rude, but please no more of these", "no send please",
        "could you stop sending these to my mother please, ring me instead",
    ]  # fmt: skip

    assert [text for text in asked if stop_request(text) is StopRequest.NONE] == []


def test_an_answer_to_the_warning_signs_a_journey_or_a_word_that_looks_alike_is_no_request():
    others = [
        "I don't think I have any of those things", "I don't have any of these",
        "please don't send me to hospital", "please don't send me for another scan",
        "stop me if I'm wrong but is it Tuesday I come", "stop by on Tuesday?",
        "If I write stop, does the nurse still read this?", "Won't need them where I'm going",
        "My old number, please stop using that one and text me on this",
        "im not allowed to use the phone so please dont ring. he is in the next room",
    ]  # fmt: skip

    assert [text for text in others if stop_request(text) is not StopRequest.NONE] == []


def test_a_wish_that_they_drop_end_or_be_withdrawn_is_a_request_however_politely_it_is_put():
    asked = [
        "you can let this drop now", "please just let it drop", "Kindly leave it there.",
        "I'd rather leave it there with the texts if that's all right with you",
        "right, knock it on the head", "would you please bring them to a close",
        "I'd rather not be texted", "I would prefer not to be contacted by text",
        "I have asked not to be contacted by text",
        "I'd rather not receive any more if it's all the same to you",
        "I'm tired of being texted", "I wish to withdraw from this",
        "can I withdraw from these texts please",
        "switch these off at your end", "Can they be switched off for her?",
        "could you turn this of", "can we have no more of these please",
        "You've all been so very kind, but I shan't want any more of these, do make a note of it",
        "I don't want to hurt anyone's feelings, but no more of these please",
        "How do I get these things to stop coming", "I would prefer if these stopped",
        "Can you stop texting me, my phone never stops", "Could whoever sends these please stop",
        "Take his number off", "am not interested in gettin these",
        "I'm blockin this number if ye dinnae quit",
        "please stop these to my phone", "I would prefer you to stop writing to me", "off",
        "Off now please",
        "Please do me a kindness and let this be the end of the messages",
        "you needn't keep writing to me on here I am perfectly alright and I don't like it",
        "would you be so good as to discontinue these notices", "stahp lol srsly",
        "im sorted u can leave off msging now ta", "We're happy with it, stop texting us",
        "We're all fine now so no need to send any more.",
        "I'm replying for my brother, he's asked for the texts to end.",
        "Thanks pet but ah divvent want any more of these comin through",
        "How does a body get these things tae stop comin",
        "no msg no call no nothing, I ask polite",
        "Thanks for everything but you needn't keep texting, we'll ring if we want anything",
        "remove my no. from ur list yaar", "pls mark me as NO for messages ok ta",
        "Please you write to me no more, I have a good day",
        "You wake me. Make it so that no message is coming anymore to me",
        "Can ye pit an end tae these wee messages", "could you put a stop to the texts",
        "ah'm no wantin these so that's me sayin",
        "I am requesting to not be contacted by text anymore. Regards",
        "I'm going on well now and I don't need minding, so you can let this be the last one",
        "for my nerves' sake could we leave the messages there please",
        "If there's a way of switching these off at your end I'd be obliged",
    ]  # fmt: skip

    assert [text for text in asked if stop_request(text) is StopRequest.NONE] == []


def test_a_journey_a_call_a_dressing_or_what_was_not_understood_is_no_request():
    others = [
        "did the drive to Hull without stopping for the first time",
        "walked to the shop and back without a stop", "You don't need that for your records",
        "she's thinking of leaving him. You don't need that for your records",
        "I wrote two times and I don't get what this message wants",
        "I dont get why these texts come",
        "They did say I was fit to drive, so don't write in.", "call please not text",
        "ring me not text", "don't text, ring me, I can't pee",
        "clean forgot about the dressing. Off now.", "took the plaster off. Off now",
        "I'll let you go. Off now",
        "it says reply STOP to opt out, do I have to?", "I'd like to stay on",
        "If I write stop, then the nurse doesn't see my messages?",
        "I keep letting it drop when I grip",
        "the foot just lets itself drop", "it just lets go and drops",
        "I left the dressing, should I leave it there",
        "kindly tell me if I leave the dressing on or leave it there", "bring it to an end",
        "bring this to a close",
        "I'd rather not be contacted at work", "I'd rather not be texted before nine",
        "I'd rather not be texted at night", "I wish to withdraw from the trial of tablets",
        "I want to withdraw from tramadol", "withdrawal from the codeine is rough",
        "I have no more of these tablets",
        "have had no more of these headaches", "take no more of them", "there are no more of these",
        "switch these pains off", "can you turn this leg off", "tired of being sore",
        "tired of being alive",
        "how do I get the spasms to stop coming", "how do I get them to stop, the cramps",
        "I'd prefer if the pain stopped",
        "Can you stop the bleeding, it never stops", "take him off them, the tablets make him sick",
        "I finish it tomorrow, the antibiotic", "take the dressing off for me", "finish it",
    ]  # fmt: skip

    assert [text for text in others if stop_request(text) is not StopRequest.NONE] == []
