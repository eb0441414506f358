"""Preview of an enrolment: the messages that it would make, as they would be sent."""

from __future__ import annotations

from collections.abc import Sequence

from followup.content.handbook import ContentContext
from followup.content.library import Form
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.protocols.timeline import Fate, PlannedMessage
from followup.enrolment.enrol import CheckedEnrolment
from followup.enrolment.message_rows import STATE_OF_FATE, answer_wait, channel_for
from followup.messages.rendering import SOME_TOKEN
from followup.messages.view import MessageView


def preview_enrolment(app: ContentContext, checked: CheckedEnrolment) -> list[MessageView]:
    """Return the messages that an enrolment would make, as they would be sent."""
    return [
        _planned_view(app, checked, planned, reachable=checked.request.channels)
        for planned in checked.timeline
    ]


def _planned_view(
    app: ContentContext,
    checked: CheckedEnrolment,
    planned: PlannedMessage,
    *,
    reachable: Sequence[ChannelKind],
) -> MessageView:
    step = planned.step
    channel = channel_for(step, reachable)
    state = STATE_OF_FATE[planned.fate]
    reason = None if planned.fate is Fate.PLANNED else planned.fate.value
    if channel is None and state is State.PLANNED:
        state, reason = State.SUPPRESSED, "no-channel"
    channel = channel or step.channels[0]
    rendered = app.content.render(
        step.template,
        language=app.content.language_for(
            step.template,
            wanted=checked.request.person.language,
            channel=channel,
            clinic=checked.clinic,
            protocol=checked.protocol.key,
        ),
        channel=channel,
        clinic=checked.clinic,
        protocol=checked.protocol.key,
        occurrence=planned.occurrence,
        occurrences=len(step.occurrences),
        form=Form(asks_reply=bool(answer_wait(step, channel, two_way=checked.clinic.two_way))),
        extra={"page_url": f"{app.public_url}/p/{SOME_TOKEN}"} if app.public_url else {},
    )
    return MessageView(
        id=None,
        enrolment_id=None,
        step=step.key,
        occurrence=planned.occurrence,
        channel=channel.value,
        state=state.value,
        reason=reason,
        due_at=planned.due_at,
        not_before=planned.not_before,
        not_after=planned.not_after,
        local=planned.local,
        moved_because=[str(why) for why in planned.moved_because] or None,
        segments=rendered.size.segments if rendered.size else None,
        encoding=rendered.size.encoding if rendered.size else None,
        text=rendered.text,
        attempts=0,
        provider_id=None,
        subject=rendered.subject,
    )
