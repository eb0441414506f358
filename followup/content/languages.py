"""Language names: in English for staff and in their own script for patients."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError


def locale_of(language: str) -> Locale:
    """Return what is known of a language; an unknown one is treated as British English."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")


def staff_name(language: str) -> str:
    """Return the name of a language in English: `Arabic`; its code where there is none."""
    return str(Locale.parse("en_GB").languages.get(language.partition("-")[0], language))


def own_name(language: str) -> str:
    """Return the name of a language as its readers write it."""
    return str(locale_of(language).get_display_name(language.replace("-", "_")) or language)


def direction(language: str) -> str:
    """Return `rtl` for a language that is written from right to left, else `ltr`."""
    return str(locale_of(language).text_direction)
