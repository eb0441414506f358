"""Content versions of all sources: what is missing or circular, and every version's hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from followup.content.metadata import Meta
from followup.content.phrases import RING_AT, is_phrase
from followup.content.rules import complaints_about, references
from followup.content.sources import CHANNEL_FILES, languages_of
from followup.content.version import ContentVersion, version_id


def complaints(sources: Mapping[str, str], cards: Mapping[str, Meta]) -> list[str]:
    """Return all that is wrong with the messages before any is rendered, a line each."""
    found = [*_incomplete(sources, cards)]
    for path, source in sources.items():
        found += complaints_about(path, sources)
        if RING_AT in source and not is_phrase(path):
            found.append(f"{path}: {RING_AT} is given to phrases alone: take it out")
    return found or [*_loops(sources)]


def _incomplete(sources: Mapping[str, str], cards: Mapping[str, Meta]) -> Iterator[str]:
    for name, card in cards.items():
        languages = languages_of(sources, name)
        if not languages:
            yield f"{name}: has words in no language: add a folder such as {name}/en"
        for channel in card.channels:
            wanted = [
                f"{name}/{language}/{part}"
                for language in languages
                for part in CHANNEL_FILES[channel]
            ]
            for path in wanted:
                if path not in sources:
                    yield f"{path}: is missing: add it, or take {channel} off channels in meta.toml"
        for entry in card.approval:
            if entry.language not in languages:
                yield (
                    f'{name}/meta.toml: approval in "{entry.language}", and there is no folder '
                    f"{name}/{entry.language}: add it, or take the approval out"
                )
    for folder in sorted({path.split("/")[0] for path in sources} - cards.keys()):
        if not folder.startswith("_"):
            yield (
                f"{folder}/meta.toml: is missing: add it; or, of a folder that messages share, "
                "begin the name with _"
            )


def _loops(sources: Mapping[str, str]) -> Iterator[str]:
    for path, reached in references(sources).items():
        if path in reached:
            yield f"{path}: includes itself, perhaps by way of another file: take one include out"


def versions(sources: Mapping[str, str], cards: Mapping[str, Meta]) -> Iterator[ContentVersion]:
    """Yield every message in every language and channel that it has, pinned by its sources."""
    reached = references(sources)
    for name, card in cards.items():
        for language in languages_of(sources, name):
            for channel in card.channels:
                paths = {f"{name}/{language}/{part}" for part in CHANNEL_FILES[channel]}
                paths = paths.union(*(reached[path] for path in paths))
                used = {path: sources[path] for path in sorted(paths)}
                id_ = version_id(name, language=language, channel=channel, sources=used)
                yield ContentVersion(
                    id=id_,
                    template=name,
                    language=language,
                    channel=channel,
                    sources=MappingProxyType(used),
                    standing=card.standing(language),
                )
