"""Advice of a message for the patient page: its heading and body alone.

A page says once, at its top, when to get help at once: the red flags that messages repeat are left
out, and so is what surrounds an e-mail.
"""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from jinja2.sandbox import SandboxedEnvironment
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
        self._sandboxes = {each: _without_red_flags(each) for _, each in content.variants()}

    def piece(
        self,
        template: str,
        *,
        wanted: str,
        clinic: Clinic,
        protocol: str | None,
        which: tuple[int, int],
        drafts: bool = False,
    ) -> Piece | None:
        """Return the advice of a message; None where nothing that may be sent says it.

        `which` is the number of its occurrence, and of how many that its step asks for.

        `drafts` shows words that nobody has approved too: on a practice system.
        """
        mine = self._content.of(clinic.key, protocol)
        language = mine.language_for(
            template, wanted=wanted, channel=ChannelKind.EMAIL, clinic=clinic
        )
        if drafts and f"{template}/{wanted}/email.html" in mine.sources:
            language = wanted
        try:
            version = mine.version(template, language=language, channel=ChannelKind.EMAIL)
            if version.sendable or drafts:
                return self._of_email(mine, template, language, clinic, which)
        except (TemplateError, jinja2.TemplateError, LookupError):
            pass
        return _of_text(mine, template, wanted, clinic, which)

    def _of_email(
        self, mine: Content, template: str, language: str, clinic: Clinic, which: tuple[int, int]
    ) -> Piece:
        occurrence, occurrences = which
        source = self._sandboxes[mine].get_template(f"{template}/{language}/email.html")
        context = source.new_context(
            {
                "asks_reply": False,
                "clinic": ClinicFacts.of(clinic, language),
                "code": None,
                "language": language,
                "large_print": False,
                "last": occurrence == occurrences,
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


def _without_red_flags(content: Content) -> SandboxedEnvironment:
    bare = {
        path: "" if path.endswith(RED_FLAGS) else source for path, source in content.sources.items()
    }
    return environment(bare)


def _of_text(
    mine: Content, template: str, wanted: str, clinic: Clinic, which: tuple[int, int]
) -> Piece | None:
    """Return the advice of a message that has no e-mail: its text as it is."""
    language = mine.language_for(template, wanted=wanted, channel=ChannelKind.SMS, clinic=clinic)
    occurrence, occurrences = which
    try:
        text = mine.render(
            template,
            language=language,
            channel=ChannelKind.SMS,
            clinic=clinic,
            occurrence=occurrence,
            occurrences=occurrences,
        ).text
    except TemplateError:
        return None
    paragraphs = (f"<p>{escape(line)}</p>" for line in text.splitlines() if line)
    title = mine.cards[template].title
    return Piece(title, Markup("".join(paragraphs)), language)  # noqa: S704 - escaped above
