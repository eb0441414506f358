"""Going back: the files of a release that two people approved, put where they lie now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from followup.content.release_files import files_of_release
from followup.context import AppContext
from followup.domain.errors import Conflict
from followup.domain.releases.manifest import bytes_digest
from followup.store.models.releases import Release


def restore_files(
    app: AppContext, release: Release, contents: Mapping[str, bytes], folder: Path
) -> list[str]:
    """Write what differs from a release; return the paths written, by name.

    Raises `Conflict`, and writes nothing, where a file is not the clinic's own to write.
    """
    there = {
        file.path: file
        for file in files_of_release(release.protocol, release.clinic, app.content, app.catalogue)
    }
    wanted: dict[Path, tuple[str, bytes]] = {}
    for path, content in contents.items():
        known = there.get(path)
        if known is not None and known.digest == bytes_digest(content):
            continue
        place = Path(str(known.place)) if known else folder / path
        if not place.is_relative_to(folder):
            raise Conflict(
                f"{path} is not among the clinic's own files, but came with the product, and this "
                "version has another: install the version that the release was made with"
            )
        wanted[place] = (path, content)
    if more := sorted(there.keys() - contents.keys()):
        raise Conflict(f"{', '.join(more)} is not in that release: take it away first")
    for place, (_, content) in wanted.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return sorted(path for path, _ in wanted.values())
