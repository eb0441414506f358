"""Uploaded lists: a file of patients that staff import in the console, sealed until it is used.

A list is its owner's alone. Its content is forgotten once its rows are enrolled, and the rest, the
rows that were refused among it, a day after the upload.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.intake.list_state import ListState
from followup.intake.csv_columns import Layout, find_layout, require_layout
from followup.intake.csv_document import Defaults
from followup.intake.csv_file import read_cells
from followup.store.audit_log import AuditEntry, record_event
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.models.uploaded_lists import UploadedList

MOST_BYTES = 2 * 1024 * 1024
MOST_ROWS = 5_000
"""Of one list; a larger one goes by the command line, which needs no room for it."""
MOST_LISTS = 20
GONE_ON = "this list has gone on meanwhile: look at how it stands now"
KEPT = timedelta(days=1)
CONTENT, FINDINGS = "uploaded_lists.content", "uploaded_lists.findings"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """What was uploaded, and what its columns are."""

    name: str
    content: bytes
    layout: Layout

    def open(self) -> io.BytesIO:
        """Return the content as a file."""
        return io.BytesIO(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that is to be corrected: its cells, and what is wrong, by our names of the fields."""

    line: int
    cells: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingRow:
    """A row that says something else of an enrolment that is there: its cells, and which fields.

    The fields are dotted paths, as of an API. With `apply` a person wants what the list says.
    """

    line: int
    cells: tuple[str, ...]
    enrolment_id: UUID
    fields: tuple[str, ...]
    apply: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found: the lines that are new, those that are enrolled already, and those refused.

    `differing` are enrolled already, and the list says something else of them. `objections` has a
    sentence for each line whose patient wants no messages. `enrolled` and `updated` count, once
    that is done. `failure` is why the list could not be worked off.
    """

    name: str
    layout: Layout
    new: tuple[int, ...] = ()
    already: tuple[int, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    differing: tuple[DifferingRow, ...] = ()
    objections: Mapping[int, str] = field(default_factory=dict)
    enrolled: int = 0
    updated: int = 0
    failure: str = ""

    @property
    def to_update(self) -> tuple[DifferingRow, ...]:
        """The rows that a person wants applied."""
        return tuple(row for row in self.differing if row.apply)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientList:
    """An uploaded list as it stands; `file` is None once it was used, `findings` until it is."""

    id: UUID
    staff_id: UUID
    actor: str
    defaults: Defaults
    state: ListState
    file: UploadedFile | None
    findings: Findings | None
    progress: int
    tries: int
    uploaded_at: datetime

    @property
    def name(self) -> str:
        """What the file was called."""
        known = self.file or self.findings
        return known.name if known else ""


def upload_list(
    app: AppContext,
    staff_id: UUID,
    *,
    actor: str,
    clinic: str,
    protocol: str | None,
    name: str,
    content: bytes,
) -> UUID:
    """Keep a file; return its id. Raises `InvalidInput` where nothing in it can be read."""
    layout = find_layout(io.BytesIO(content), app.catalogue)
    _require_size(content, layout)
    now = app.clock.real_now()
    list_id = new_id(now)
    kept = UploadedFile(name=name, content=content, layout=layout)

    def work(session: Session) -> None:
        held = select(func.count(UploadedList.id)).where(UploadedList.staff_id == staff_id)
        if (session.scalar(held) or 0) >= MOST_LISTS:
            message = f"you have {MOST_LISTS} lists here: remove one of them first"
            raise Conflict(message)
        session.add(
            UploadedList(
                id=list_id,
                staff_id=staff_id,
                actor=actor,
                clinic=clinic,
                protocol=protocol,
                state=ListState.COLUMNS.value,
                content_sealed=_seal_file(app, kept, list_id),
                progress=0,
                tries=0,
                uploaded_real_at=now,
            )
        )
        entry = AuditEntry(action="list.uploaded", clinic=clinic)
        record_event(session, app.by(actor), entry)

    app.store.transact(work)
    return list_id


def find_list(app: AppContext, staff_id: UUID, list_id: UUID) -> PatientList:
    """Return a list of this member of staff; raise `NotFound` for anybody else's."""
    with app.store.read() as session:
        row = session.get(UploadedList, list_id)
        if row is None or row.staff_id != staff_id:
            raise NotFound("this list is no longer kept: upload it again")
        return read_list(app, row)


def lists_of(app: AppContext, staff_id: UUID) -> list[PatientList]:
    """Return what a member of staff uploaded, the latest first."""
    with app.store.read() as session:
        rows = session.scalars(
            select(UploadedList)
            .where(UploadedList.staff_id == staff_id)
            .order_by(UploadedList.id.desc())
        )
        return [read_list(app, row) for row in rows]


def choose_columns(app: AppContext, found: PatientList, layout: Layout) -> None:
    """Say what the columns are, and have every row checked.

    Raises `InvalidInput` for columns that do not go together, `Conflict` where that was said.
    """
    require_layout(layout, app.catalogue)
    if found.file is None:
        raise Conflict("this list was used already: upload it again")
    kept = UploadedFile(name=found.file.name, content=found.file.content, layout=layout)
    sealed = _seal_file(app, kept, found.id)
    _begin_work(
        app,
        found,
        of=(ListState.COLUMNS, ListState.CHECKED),
        to=ListState.CHECKING,
        content_sealed=sealed,
        findings_sealed=None,
    )


def choose_updates(app: AppContext, found: PatientList, *, line: int | None, apply: bool) -> None:
    """Say whether what the list says is applied to an enrolment that differs: of a line, or of all.

    Raises `Conflict` for a list that does not wait to be confirmed.
    """

    def work(session: Session) -> None:
        row = session.get(UploadedList, found.id, with_for_update=True)
        findings = None if row is None else read_list(app, row).findings
        if row is None or findings is None or row.state != ListState.CHECKED.value:
            raise Conflict(GONE_ON)
        chosen = tuple(
            replace(each, apply=apply) if line in {None, each.line} else each
            for each in findings.differing
        )
        row.findings_sealed = seal_findings(
            app.keyring.system, replace(findings, differing=chosen), found.id
        )

    app.store.transact(work)


def enrol_list(app: AppContext, found: PatientList) -> None:
    """Have the rows enrolled that were found right, and those updated that were chosen.

    Raises `Conflict` where that was said before.
    """
    _begin_work(app, found, of=(ListState.CHECKED,), to=ListState.ENROLLING)


def remove_list(app: AppContext, found: PatientList) -> None:
    """Forget a list, whatever state it is in but while its rows are being enrolled."""

    def work(session: Session) -> None:
        gone = delete(UploadedList).where(
            UploadedList.id == found.id, UploadedList.state != ListState.ENROLLING.value
        )
        if session.execute(gone.returning(UploadedList.id)).first() is None:
            raise Conflict("its patients are being enrolled: wait until that is done")
        entry = AuditEntry(action="list.removed", clinic=found.defaults.clinic)
        record_event(session, app.by(found.actor), entry)

    app.store.transact(work)


def forget_lists(app: AppContext) -> int:
    """Forget the lists that were uploaded a day ago; return how many."""
    before = app.clock.real_now() - KEPT

    def work(session: Session) -> int:
        old = delete(UploadedList).where(UploadedList.uploaded_real_at < before)
        return len(session.execute(old.returning(UploadedList.id)).all())

    return app.store.transact(work)


def read_list(app: AppContext, row: UploadedList) -> PatientList:
    """Return what a row says, opened."""
    sealer = app.keyring.system
    content = sealer.open_if(row.content_sealed, column=CONTENT, row=row.id)
    findings = sealer.open_if(row.findings_sealed, column=FINDINGS, row=row.id)
    return PatientList(
        id=row.id,
        staff_id=row.staff_id,
        actor=row.actor,
        defaults=Defaults(row.clinic, row.protocol),
        state=ListState(row.state),
        file=None if content is None else _file_of(content),
        findings=None if findings is None else _findings_of(findings),
        progress=row.progress,
        tries=row.tries,
        uploaded_at=row.uploaded_real_at,
    )


def seal_findings(sealer: Sealer, findings: Findings, list_id: UUID) -> bytes:
    """Return what was found, sealed for its row."""
    return sealer.seal(json.dumps(asdict(findings), default=_plain), column=FINDINGS, row=list_id)


def _plain(value: UUID | frozenset[int]) -> object:
    return str(value) if isinstance(value, UUID) else sorted(value)


def _begin_work(
    app: AppContext,
    found: PatientList,
    *,
    of: Sequence[ListState],
    to: ListState,
    **values: object,
) -> None:
    def work(session: Session) -> None:
        moved = (
            update(UploadedList)
            .where(UploadedList.id == found.id, UploadedList.state.in_([one.value for one in of]))
            .values(state=to.value, progress=0, tries=0, leased_until_real_at=None, **values)
        )
        if session.execute(moved.returning(UploadedList.id)).first() is None:
            raise Conflict(GONE_ON)

    app.store.transact(work)


def _require_size(content: bytes, layout: Layout) -> None:
    rows = 0
    for cells in read_cells(io.BytesIO(content)):
        rows += cells.line > layout.line and not cells.is_blank
        if rows > MOST_ROWS:
            raise InvalidInput.of(
                "file",
                f"this has more than {MOST_ROWS:,} rows: divide it, or ask whoever looks after "
                "this service to import it from the command line",
            )
    if not rows:
        raise InvalidInput.of("file", "this has no patients below its headings")


def _seal_file(app: AppContext, kept: UploadedFile, list_id: UUID) -> bytes:
    # Latin-1 has a letter for each byte.
    text = kept.content.decode("latin-1")
    document = {"name": kept.name, "text": text, "layout": asdict(kept.layout)}
    return app.keyring.system.seal(
        json.dumps(document, default=sorted, ensure_ascii=False), column=CONTENT, row=list_id
    )


def _file_of(text: str) -> UploadedFile:
    document = json.loads(text)
    return UploadedFile(
        name=document["name"],
        content=document["text"].encode("latin-1"),
        layout=_layout_of(document["layout"]),
    )


def _findings_of(text: str) -> Findings:
    document = json.loads(text)
    return Findings(
        **{
            **document,
            "layout": _layout_of(document["layout"]),
            "new": tuple(document["new"]),
            "already": tuple(document["already"]),
            "refused": tuple(
                RefusedRow(
                    line=one["line"],
                    cells=tuple(one["cells"]),
                    problems=tuple((name, told) for name, told in one["problems"]),
                )
                for one in document["refused"]
            ),
            "differing": tuple(
                DifferingRow(
                    line=one["line"],
                    cells=tuple(one["cells"]),
                    enrolment_id=UUID(one["enrolment_id"]),
                    fields=tuple(one["fields"]),
                    apply=one["apply"],
                )
                # There were none when the lists of before were checked.
                for one in document.get("differing", ())
            ),
            "objections": {int(line): told for line, told in document["objections"].items()},
        }
    )


def _layout_of(document: Mapping[str, object]) -> Layout:
    titles, fields = (document[name] for name in ("titles", "fields"))
    # The lists of before kept the one alone, under another name.
    month_first = document.get("month_first", document.get("doubtful", ()))
    day_first = document.get("day_first", ())
    return Layout(
        line=document["line"],  # type: ignore[arg-type]
        titles=tuple(titles),  # type: ignore[arg-type]
        fields=tuple(fields),  # type: ignore[arg-type]
        month_first=frozenset(month_first),  # type: ignore[call-overload]
        day_first=frozenset(day_first),  # type: ignore[call-overload]
    )
