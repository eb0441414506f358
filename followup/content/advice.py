"""Advice of a message for the patient page: its heading and body alone.

A page says once, at its top, when to get help at once: the red flags that messages repeat are left
out, and so is what surrounds an e-mail.
"""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from markupsafe import Markup, escape

from followup.content.library import Content
from followup.content.rules import ClinicFacts, environment
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import TemplateError

RED_FLAGS = "/red-flags.html"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of advice in HTML, and the language that it is written in."""

    heading: str
    body: Markup
    language: str


class Advice:
    """Reads advice out of the e-mails of approved messages. Safe to share between threads."""

    def __init__(self, content: Content) -> None:
        self._content = content
        bare = {
            path: "" if path.endswith(RED_FLAGS) else source
            for path, source in content.sources.items()
        }
        self._sandbox = environment(bare)

    def piece(
        self,
        template: str,
        *,
        wanted: str,
        clinic: Clinic,
        occurrence: int,
        drafts: bool = False,
    ) -> Piece | None:
        """Return the advice of a message; None where nothing that may be sent says it.

        `drafts` shows words that nobody has approved too: on a practice system.
        """
        language = self._content.language_for(
            template, wanted=wanted, channel=ChannelKind.EMAIL, clinic=clinic
        )
        if drafts and f"{template}/{wanted}/email.html" in self._content.sources:
            language = wanted
        try:
            version = self._content.version(template, language=language, channel=ChannelKind.EMAIL)
            if version.sendable or drafts:
                return self._of_email(template, language, clinic, occurrence)
        except (TemplateError, jinja2.TemplateError, LookupError):
            pass
        return self._of_text(template, wanted, clinic, occurrence)

    def _of_email(self, template: str, language: str, clinic: Clinic, occurrence: int) -> Piece:
        source = self._sandbox.get_template(f"{template}/{language}/email.html")
        context = source.new_context(
            {
                "asks_reply": False,
                "clinic": ClinicFacts.of(clinic, language),
                "code": None,
                "language": language,
                "large_print": False,
                "last": occurrence == self._content.cards[template].occurrences,
                "occurrence": occurrence,
                "page_url": None,
                "right_to_left": False,
                "stop_url": None,
            }
        )
        heading, body = ("".join(source.blocks[name](context)) for name in ("heading", "body"))
        # The page has headings of its own above these.
        below = body.replace("<h2>", "<h4>").replace("</h2>", "</h4>")
        return Piece(Markup(heading).unescape().strip(), Markup(below), language)  # noqa: S704 - ours

    def _of_text(self, template: str, wanted: str, clinic: Clinic, occurrence: int) -> Piece | None:
        """Return the advice of a message that has no e-mail: its text as it is."""
        language = self._content.language_for(
            template, wanted=wanted, channel=ChannelKind.SMS, clinic=clinic
        )
        try:
            text = self._content.render(
                template,
                language=language,
                channel=ChannelKind.SMS,
                clinic=clinic,
                occurrence=occurrence,
            ).text
        except TemplateError:
            return None
        paragraphs = (f"<p>{escape(line)}</p>" for line in text.splitlines() if line)
        title = self._content.cards[template].title
        return Piece(title, Markup("".join(paragraphs)), language)  # noqa: S704 - escaped above
