"""Reads a clinic from the content of its file, or says all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time, timedelta
from itertools import groupby
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from followup.domain.clinics.clinic import Clinic, OfficeHours, OpenPeriod, SendingHours
from followup.domain.errors import ProtocolError
from followup.domain.file_shape import Duration, Key, Line, Shape, TimeOfDay, complaints, read_shape
from followup.domain.retention.classes import RetentionPeriods

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f'{name!r} is no time zone: use a name such as "Europe/London"') from error
    return name


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, "GB")
    except phonenumbers.NumberParseException:
        number = phonenumbers.PhoneNumber()
    possible = phonenumbers.is_possible_number_with_reason(number)
    # A number that works within its own town only would not make a link.
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError(
            f'{text!r} is no phone number: write it as people dial it, as in "01752 437706"'
        )
    return text


def _sender(text: str) -> str:
    if not re.fullmatch(r"\+[1-9]\d{6,14}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", text):
        raise ValueError(
            f'{text!r} can\'t send texts: write a number as in "+447700900000", or a name of at '
            "most 11 letters, digits and spaces"
        )
    return text


def _mailbox(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+", text):
        raise ValueError(
            f'{text!r} is no e-mail address: write one as in "pain-clinic@example.com"'
        )
    return text


def _language(text: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", text):
        raise ValueError(f'{text!r} is no language code: write one as in "en" or "cy"')
    return text


ShortName = Annotated[str, StringConstraints(min_length=1, max_length=30, strip_whitespace=True)]
Phone = Annotated[Line, AfterValidator(_phone)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Language = Annotated[
    str,
    AfterValidator(_language),
    WithJsonSchema({"type": "string", "pattern": "^[a-z]{2,3}(-[A-Z]{2})?$"}),
]


class HoursShape(Shape):
    """From `opens` until just before `closes`, by the local clock."""

    opens: TimeOfDay = Field(description='the first minute, as in "09:00"')
    closes: TimeOfDay = Field(description='the minute after the last, as in "17:00"')

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError("closes before it opens: make closes later than opens")
        return self


class OfficeHoursShape(Shape):
    """When the clinic answers its phone; a day that is left out is closed."""

    monday: HoursShape | None = Field(default=None, description="hours on Mondays")
    tuesday: HoursShape | None = Field(default=None, description="hours on Tuesdays")
    wednesday: HoursShape | None = Field(default=None, description="hours on Wednesdays")
    thursday: HoursShape | None = Field(default=None, description="hours on Thursdays")
    friday: HoursShape | None = Field(default=None, description="hours on Fridays")
    saturday: HoursShape | None = Field(default=None, description="hours on Saturdays")
    sunday: HoursShape | None = Field(default=None, description="hours on Sundays")

    @model_validator(mode="after")
    def _ever_open(self) -> Self:
        if not any(self._days()):
            raise ValueError(
                'is empty: add a day, as in monday = { opens = "09:00", closes = "17:00" }'
            )
        return self

    def value(self) -> OfficeHours:
        return OfficeHours(
            tuple(
                None if day is None else OpenPeriod(day.opens, day.closes) for day in self._days()
            )
        )

    def _days(self) -> list[HoursShape | None]:
        return [day for _, day in self]


class SmsShape(Shape):
    """How the clinic's texts are sent."""

    sender: Annotated[str, AfterValidator(_sender)] | None = Field(
        default=None,
        description="the number or name they come from, if not the number or service of the "
        "settings",
    )
    two_way: bool = Field(default=True, description="whether a patient can answer STOP")
    stop_contact: Line | None = Field(
        default=None, description="where to stop texts that can't be answered: a number or address"
    )

    @model_validator(mode="after")
    def _can_be_stopped(self) -> Self:
        if self.two_way and self.sender is not None and not self.sender.startswith("+"):
            raise ValueError("a name can't be answered: set two_way = false and a stop_contact")
        if not self.two_way and self.stop_contact is None:
            raise ValueError("has no way to stop texts: add stop_contact, a number or address")
        return self


class EmailShape(Shape):
    """How the clinic's e-mails are sent."""

    sender: Mailbox = Field(alias="from", description="the address that they come from")
    reply_to: Mailbox | None = Field(
        default=None, description="the address that answers go to, if another"
    )


class RepliesShape(Shape):
    """How soon a person reads a reply that is not provably harmless."""

    within: Duration = Field(
        default=timedelta(hours=1),
        description="while the office is open, and always where somebody is on call",
        json_schema_extra={"default": "1h"},
    )
    on_call: bool = Field(
        default=True,
        description="whether those on call read them out of hours; if not, whoever comes in first",
    )


class RetentionShape(Shape):
    """How many years records are kept before a person is asked whether they end."""

    follow_up: int = Field(
        default=8, ge=1, le=100, description="a patient's record, from when they were last seen"
    )
    raw_intake: int = Field(
        default=2, ge=1, le=100, description="what hospital systems said of people never enrolled"
    )
    replies: int = Field(default=8, ge=1, le=100, description="texts that belong to no patient")


class ClinicShape(Shape):
    """The facts about one clinic that messages may state."""

    key: Key = Field(description="its name in the API and on the command line")
    name: Line = Field(description="its name for people")
    short_name: ShortName = Field(description="its name in texts, where space is short")
    phone: Phone = Field(description='its number, as people dial it: "01752 437706"')
    emergency_department: Line = Field(description="where its patients go in an emergency")
    zone: Annotated[str, AfterValidator(known_zone)] = Field(
        description='the time zone of its patients, as in "Europe/London"'
    )
    division: Literal["england-and-wales", "scotland", "northern-ireland"] = Field(
        description="whose bank holidays the office keeps"
    )
    languages: list[Language] = Field(
        min_length=1, description='the languages that it writes in, the usual one first: "en"'
    )
    unconfirmed: list[Line] = Field(
        default=[], description="what in this file nobody at the clinic has confirmed yet"
    )
    office_hours: OfficeHoursShape = Field(description="when it answers the phone")
    sending_hours: HoursShape = Field(
        default=HoursShape.model_construct(opens=time(8), closes=time(20)),
        description="the hours of every day in which messages may be sent",
        json_schema_extra={"default": {"opens": "08:00", "closes": "20:00"}},
    )
    sms: SmsShape = Field(
        default=SmsShape(), description="how texts are sent", json_schema_extra={"default": {}}
    )
    email: EmailShape = Field(description="how e-mails are sent")
    replies: RepliesShape = Field(
        default=RepliesShape.model_construct(within=timedelta(hours=1), on_call=True),
        description="how soon a person reads what patients reply",
        json_schema_extra={"default": {"within": "1h", "on_call": True}},
    )
    retention: RetentionShape = Field(
        default=RetentionShape(),
        description="how many years records are kept before a person is asked whether they end",
        json_schema_extra={"default": {}},
    )

    def value(self) -> Clinic:
        number = phonenumbers.parse(self.phone, "GB")
        hours = self.office_hours.value()
        return Clinic(
            key=self.key,
            name=self.name,
            short_name=self.short_name,
            phone=self.phone,
            phone_link=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
            office_hours=hours,
            office_hours_text=office_hours_text(hours),
            emergency_department=self.emergency_department,
            zone=ZoneInfo(self.zone),
            sending_hours=SendingHours(self.sending_hours.opens, self.sending_hours.closes),
            sms_sender=self.sms.sender,
            two_way=self.sms.two_way,
            stop_contact=self.sms.stop_contact,
            email_from=self.email.sender,
            email_reply_to=self.email.reply_to,
            languages=tuple(self.languages),
            division=self.division,
            unconfirmed=tuple(self.unconfirmed),
            reply_within=self.replies.within,
            replies_on_call=self.replies.on_call,
            retention=RetentionPeriods(
                follow_up=self.retention.follow_up,
                raw_intake=self.retention.raw_intake,
                replies=self.retention.replies,
            ),
        )


def parse_clinic(data: Mapping[str, object], *, file: str) -> Clinic:
    """Return the clinic, or raise `ProtocolError` with a line for everything that is wrong."""
    shape, problems = read_shape(ClinicShape, data)
    if shape is None:
        raise ProtocolError(complaints(problems, file=file))
    return shape.value()


def office_hours_text(hours: OfficeHours) -> str:
    """Return the hours as a reader expects them: `Mon to Fri, 9am to 5pm`."""
    runs = [
        (period, [day for day, _ in days])
        for period, days in groupby(zip(_WEEK, hours.week, strict=True), key=lambda day: day[1])
    ]
    return "; ".join(
        f"{_days_text(days)}, {_time_text(period.opens)} to {_time_text(period.closes)}"
        for period, days in runs
        if period is not None
    )


def _days_text(days: list[str]) -> str:
    if len(days) <= 2:  # noqa: PLR2004 - a pair
        return " and ".join(days)
    return f"{days[0]} to {days[-1]}"


def _time_text(at: time) -> str:
    """Return a time of day in the style of NHS patient information: `9am`, `5:30pm`, `midday`."""
    if at == time(12):
        return "midday"
    if at == time(0):
        return "midnight"
    minutes = f":{at.minute:02}" if at.minute else ""
    return f"{at.hour % 12 or 12}{minutes}{'am' if at.hour < 12 else 'pm'}"  # noqa: PLR2004
