"""Messages in a protocol's own words: as sent, as answers, on the page, and as kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from followup.catalogue.load import Catalogue
from followup.content.advice import Advice
from followup.content.layers import load_content
from followup.context import AppContext
from followup.enrolment.page_tokens import replace_page_token
from followup.patient_page import read_page
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.models.messages import ContentVersion
from tests.support.apps import (
    clock_of,
    enrol_one,
    make_app,
    messages,
    rows,
    run_until,
    shipped_catalogue,
    shipped_content,
    sms_of,
)
from tests.support.people import PROCEDURE_AT, SMS

NERVE, ARM = "nerve-root-block", "arm"
DAY = timedelta(days=1)
OWN = {
    "dressing/en/sms.txt": "{{ clinic.short_name }}: keep the plaster on your arm.",
    "reply-red-flag/en/sms.txt": "{{ clinic.short_name }}: an arm that is weak: ring 999.",
    "dressing/en/email.html": shipped_content()
    .sources["dressing/en/email.html"]
    .replace("the small dressing", "the plaster on your arm"),
}


def with_another_protocol() -> Catalogue:
    """Return the shipped catalogue and, of the same steps but for one repeat, a protocol more."""
    shipped = shipped_catalogue()
    nerve = shipped.protocols[NERVE]
    steps = tuple(
        replace(step, occurrences=step.occurrences[:2]) if step.key == "red-flags" else step
        for step in nerve.steps
    )
    arm = replace(nerve, key=ARM, name="Arm", version="0" * 12, steps=steps)
    definition = {**nerve.definition, "key": ARM}
    return replace(
        shipped,
        protocols=MappingProxyType({**shipped.protocols, ARM: replace(arm, definition=definition)}),
    )


@pytest.fixture
def app(migrated_url: str, tmp_path: Path) -> Iterator[AppContext]:
    catalogue = with_another_protocol()
    for path, text in OWN.items():
        file = tmp_path / "words" / "protocols" / ARM / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    content = load_content(
        tmp_path / "words", protocols=catalogue.protocols, clinics=catalogue.clinics
    )
    with closing(make_app(migrated_url, catalogue=catalogue, content=content)) as app:
        yield app


def enrol_both(app: AppContext) -> None:
    enrol_one(app, 1, channels=(SMS,))
    enrol_one(app, 2, channels=(SMS,), protocol=ARM)


def sent_to(app: AppContext, serial: int) -> list[str]:
    return [one.text for one in sms_of(app).calls if one.to.endswith(f"{serial}")]


def test_each_protocol_is_sent_its_own_words_and_keeps_them_as_they_were(app: AppContext):
    enrol_both(app)

    run_until(app, PROCEDURE_AT + 2 * DAY)

    assert any("take the small dressing off" in text for text in sent_to(app, 1))
    assert any("keep the plaster on your arm" in text for text in sent_to(app, 2))
    kept = [one.sources for one in rows(app, ContentVersion) if one.template == "dressing"]
    assert {sources["dressing/en/sms.txt"] for sources in kept} > {OWN["dressing/en/sms.txt"]}


def test_the_last_is_the_last_of_its_own_protocol_also_after_that_has_changed(app: AppContext):
    enrol_both(app)
    shipped = app.catalogue.protocols[NERVE]
    longer = replace(
        shipped,
        steps=tuple(
            replace(step, occurrences=step.occurrences + step.occurrences[-1:])
            for step in shipped.steps
        ),
    )
    changed = replace(
        app,
        catalogue=replace(
            app.catalogue, protocols=MappingProxyType({**app.catalogue.protocols, NERVE: longer})
        ),
    )

    run_until(changed, PROCEDURE_AT + 60 * DAY)

    for serial, times in ((1, 4), (2, 2)):
        flags = [text for text in sent_to(app, serial) if "ne of these:" in text]
        assert len(flags) == times
        assert ["last text" in text for text in flags] == [False] * (times - 1) + [True]


@pytest.mark.parametrize(("serial", "said"), [(1, "weakness"), (2, "an arm that is weak")])
def test_an_answer_has_the_words_of_the_sender_s_protocol(app: AppContext, serial, said):
    enrol_both(app)
    run_until(app, PROCEDURE_AT + DAY)

    mobile = f"+44770090000{serial}"
    take_inbound(
        app,
        InboundText(
            provider_id="SM1", from_=mobile, to="+447700900500", body="my leg has gone weak"
        ),
    )
    run_until(app, clock_of(app).now() + timedelta(minutes=1))

    assert said in sent_to(app, serial)[-1]
    [answer] = [one for one in messages(app) if one.kind == "reply"]
    assert (answer.protocol, answer.words_of) == (None, [NERVE, ARM][serial - 1])


def test_the_page_tells_the_protocol_s_own_advice(app: AppContext):
    enrolments = {NERVE: enrol_one(app, 1), ARM: enrol_one(app, 2, protocol=ARM)}
    clock_of(app).advance_to(PROCEDURE_AT + DAY + timedelta(minutes=5))
    advice = Advice(app.content)

    for protocol, enrolment in enrolments.items():
        page = read_page(app, advice, replace_page_token(app, enrolment, actor="staff:test"))
        said = " ".join(one.piece.body for one in (*page.today, *page.earlier))
        assert ("the plaster on your arm" in said) is (protocol == ARM)
