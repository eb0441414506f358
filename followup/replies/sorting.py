"""Sorting of a reply by the phrases of a clinic, with the words of its own texts left out."""

from __future__ import annotations

from followup.catalogue.load import Catalogue
from followup.content.handbook import ContentContext
from followup.content.layers import all_readings
from followup.content.library import Content, Form
from followup.domain.channel import ChannelKind
from followup.domain.triage.own_words import OurTexts
from followup.domain.triage.triage import NOBODY_KNOWN, Found, Known, sort_reply

EXAMPLE_PAGE = {"page_url": "https://example.com/p"}
"""Stands for the address of a patient's own page."""


_last: list[tuple[Content, Catalogue, OurTexts]] = []
"""What was made last, by the words themselves: comparing every word of theirs takes longer."""
MOST_SETS = 4


def texts_of(book: ContentContext) -> OurTexts:
    """Return the words of the texts that these clinics send, as each sends them, in every form."""
    for content, catalogue, texts in tuple(_last):
        if content is book.content and catalogue is book.catalogue:
            return texts
    made = _our_texts(book.content, book.catalogue)
    _last[:] = [*_last[1 - MOST_SETS :], (book.content, book.catalogue, made)]
    return made


def _our_texts(content: Content, catalogue: Catalogue) -> OurTexts:
    clinics = tuple(catalogue.clinics.values())
    protocols = tuple(catalogue.protocols.values())
    return OurTexts(
        reading.rendered(form, extra).text
        for reading in all_readings(content, clinics=clinics, protocols=protocols)
        if reading.version.channel is ChannelKind.SMS
        and reading.version.language in reading.clinic.languages
        for form in (Form(), Form(office_open=False), Form(asks_reply=True))
        for extra in ({}, EXAMPLE_PAGE)
    )


def sort_text(
    book: ContentContext, text: str, *, known: Known = NOBODY_KNOWN, opt_out_type: str | None = None
) -> Found:
    """Return what a text is about; words of ours in it count for nothing."""
    return sort_reply(
        book.catalogue.triage, text, opt_out_type=opt_out_type, known=known, ours=texts_of(book)
    )


def prepare_triage(book: ContentContext) -> None:
    """Make what sorting goes by, once a process, so that no transaction has to wait for it."""
    _ = book.catalogue.triage, texts_of(book)
