"""Cells as people fill them in: read as a careful reader would, or asked back."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from followup.content.handbook import ContentContext
from followup.intake.csv_document import Defaults
from followup.intake.csv_rows import read_rows
from tests.support.apps import HandClock, shipped_catalogue, shipped_content
from tests.support.people import nhs_number

CATALOGUE = shipped_catalogue()
HANDBOOK = ContentContext(
    # A Monday.
    clock=HandClock(datetime(2026, 11, 30, 9, tzinfo=UTC)),
    catalogue=CATALOGUE,
    content=shipped_content(),
)
ZONE = CATALOGUE.clinics["derriford-pain"].zone
RIGHT = {
    "procedure_at": "2026-12-03T14:30", "nhs_number": nhs_number(3), "name": "Ada Larkin",
    "date_of_birth": "1957-05-17", "mobile": "07700900199", "email": "a@example.com",
    "diabetic": "no", "steroid": "yes",
}  # fmt: skip

TIMES = {
    "2026-12-03T14:00": ["Thu 3 Dec 2pm", "2pm Thu 3 Dec", "Thu 3/12 1400",
        "3 Dec 2026, Thursday, 2pm", "Thu 3rd of December 2026 @ 2.00 p.m.",
        "03/12/2026 (Thu) 14:00", "202612031400", "20261203140000", "03122026 1400",
        "O3/12/2O26 14:OO", "03/12/2026 1400 hours"],
    "2026-12-04T12:00": ["12 noon Fri 4/12/26", "Noon on 4/12/2026", "4 Dec 2026 midday",
        "4/12/26 12:00 noon"],
    "2026-12-04T09:30": ["Fri 4/12 09:30", "9.30am Fri 4 Dec", "04/12/2026 9:30"],
    "2026-12-03T02:30": ["03/12/2026 02:30", "03/12/2026 0230"],
    "2026-12-03T07:45": ["03/12/2026 7:45"],
    "2026-12-03T12:30": ["03/12/2026 12:30"],
    "?at night": ["18/12/2026 2:30", "03/12/2026 6.45", "3 Dec 2026 at 1:15", "1:15 on 3 Dec 2026",
        "03/12/2026 2:30:00", "46359.104166667"],
    "?is a Friday, not a Thursday": ["Thu 4 Dec 2pm", "2pm Thu 4/12/26", "12 noon Thu 4/12/26",
        "04/12/2026 (Thu) 14:30"],
    "?year is missing": ["4 Dec 2pm", "4/12 14:30", "Tue 14 Apr 2pm"],
    "?time of day is missing": ["20261203", "Thu 3 Dec"],
    "?write it like": ["Thu 3 Dec PM", "03/12/2026 9-10am", "03/12/2026 09:30/10:00", "TBC",
        "14 Dec AM", "03/12/2026 approx 10:00", "03/12/2026 10 o'clock", "20261332 0900"],
}  # fmt: skip
BIRTH_DATES = {
    "1982-10-07": ["19821007", "07101982", "07/10/1982 (44y)", "07/10/1982 (age 44)",
        "07/10/1982 44 yrs", "7 Oct 1982, aged 43", "07/10/82 (44)", "DOB: 07/10/1982",
        "d.o.b. 7.10.82", "O7/1O/1982", "7th of October 1982"],
    "1919-06-05": ["05/06/19 (107y)", "5 June 19, aged 106"],
    "2019-06-05": ["05/06/19 (7y)", "05/06/2019"],
    "1926-12-31": ["31/12/26"],
    "1927-06-05": ["05/06/27", "5-Jun-27"],
    "2004-06-05": ["05/06/04"],
    "?could be of this century or the last": ["05/06/19", "05-Jun-19", "5 June 19", "05/06/26",
        "30/11/26", "5.6.07", "05/06/'19"],
    "?less than a year ago": ["30/11/2026", "01/12/2025"],
    "?the age beside it": ["07/10/1982 (34y)", "05/06/19 (57y)", "7 Oct 1982, aged 24"],
    "?write it like": ["19822510", "071082", "1982", "44y", "07/1982", "07/10/1982 or 08/10/1982"],
}  # fmt: skip
MOBILES = {
    "+447700900123": ["O77OO 9OO I23", "0770O 900l23", "Mob: 07700 900123", "Mob. 07700 900123",
        "Tel 07700 900123", "07700 900123 (mobile)", "(+44) 7700 900123", "07700 900123;",
        "M: 07700.900.123 (own)", "h: 07700 900123", "H 07700900123", "(own) 07700 900123",
        "07700 900123 - own", "own mobile: 07700-900-123", "07700900123 (pt's own)",
        "Tel. no. 07700 900123", "07700 900123 [M]", "Mob - +44 7700 900123 (patient)"],
    "?somebody else's": ["wife: 07700 900123", "07700 900123 (wife)", "07700 900123 (daughter's)",
        "07700 900123 - son Peter", "carer 07700 900123", "neighbour: 07700 900123",
        "care home 07700 900123", "wife's mob 07700 900123",
        "07700 900123 (NOK)", "next of kin 07700 900123", "Mob: 07700 900123 (Dad)",
        "07700 900123 (own), 07700 900124 (husband)"],
    "?there seem to be two": ["07700 900123, 07700 900124", "07700 900123 / 07700 900124",
        "07700900123 07700900124", "h: 01752 437706 m: 07700 900123"],
    "?something stands beside it": [
        "07700 90012S", "07700 900123 (h)", "W: 07700 900123", "07700 900123 x2",
        "07700 900123 (work)", "do not text 07700 900123", "07700 900123 (old)", "07700 900123 no",
        "no 07700 900123", "07700/900123", "07700 900123/4", "07700 900123?",
        "07700 900123 (Ann)", "contact 07700 900123", "07700 900123 (own?) ask"],
    "?write it in digits": ["ask his wife", "n/a", "07700 (wife)"],
    "?too short": ["O7700 9OO"],
}  # fmt: skip
NHS_NUMBERS = {
    "9990000069": ["NHS No: 999 000 0069", "NHS 999 000 0069", "nhs no. 999-000-0069",
        "999.000.0069", "999 OOO 0O69", "999 000 0069 (NHS)"],
    "?has ten digits": ["Hosp No: 9990000069", "99900000691", "999 000 006"],
}  # fmt: skip
ADDRESSES = {
    "k.osei@example.co.uk": [" k.osei@example.co.uk; ", "k.osei@example.co.uk.",
        '"k.osei@example.co.uk",', "Email: k.osei@example.co.uk",
        "'Osei, K' <k.osei@example.co.uk>;"],
    "Ann.Osei@example.com": ["Ann.Osei@EXAMPLE.COM", "mailto:Ann.Osei@example.com?subject=Hello"],
    "k.osei@ymail.com": ["k.osei@ymail.com"],
    "k.osei@gmail.co.uk": ["k.osei@gmail.co.uk"],
    "?looks mistyped": ["k.osei@gmial.com", "k.osei@hotmail.con", "k.osei@hotmial.co.uk",
        "k.osei@trust.example.couk", "k.osei@yahooo.com"],
    "?not an e-mail address": ["ren?e@example.com", "k.osei@example.co.uk?", "?k@example.com",
        "k.osei@example.co.uk (daughter)",
        "k.osei@example.co.uk; a@example.com", "wife: a@example.com",
        "k osei@example.co.uk", "k.osei@example,co.uk"],
}  # fmt: skip
DIABETIC = {
    True: ["IDDM", "NIDDM", "T2DM - diet controlled", "Type II", "T1DM (insulin)", "Yes - type 2",
        "Diabetic: Y", "non-insulin dependent"],
    False: ["Non-diabetic", "Nil", "None", "not diabetic", "No known diabetes", "N - not diabetic"],
    "?write yes or no": ["borderline", "pre-diabetic", "?T2DM", "previous gestational", "FHx T2DM",
        "N (T2DM)", "N/A", "Y/N", "T2DM in remission", "not known", "no insulin"],
}  # fmt: skip
STEROID = {
    True: ["Triamcinolone 40mg", "Yes - Depo-Medrone 80 mg", "non-particulate steroid"],
    False: ["LA only", "Nil", "No steroid - local anaesthetic only", "Lidocaine 1% only"],
    "?write yes or no": ["lidocaine 1%", "triamcinolone not given", "allergic to steroid",
        "planned"],
}  # fmt: skip
NAMES = {
    "Iain McAllister": ["McALLISTER,  Iain", "MCALLISTER, IAIN", "Iain McALLISTER (Mr)"],
    "Pieter van der Berg": ["van der Berg, Pieter (Mr)", "VAN DER BERG, PIETER"],
    "Siobhán O'Connor": ["SiobhÃ¡n O'Connor", "O'CONNOR, SIOBHÁN (MRS)",
        "Miss Siobhán O'CONNOR"],
    "Anna-Marie Smith-Jones": ["smith-jones, anna-marie", "Dr. Anna-Marie Smith-JONES"],
    "JP Ng": ["NG, JP", "JP Ng"],
    "Ada Lee-Jones": ["LEE-JONES Ada", "Mrs LEE-JONES Ada", "ada lee-jones"],
    "Ann Lee MBE": ["Ann Lee MBE"],
    "Mrs Hale": ["Mrs Hale"],
    "Lee, Ann, MBE": ["Lee, Ann, MBE"],
    "Ann St John": ["St John, Ann"],
    "Nuñez 李": ["Nuñez 李"],
    "?more than a name": ["O'Neill, Declan (DNA x2)", "Total: 14 patients", "TEST do not use",
        "Mon 30th PM list - Dr Shah", "Ada Larkin - wheelchair", "Larkin, Ada (deceased)",
        "Ditto", "TBC"],
    "Dan Rip": ["Rip, Dan"],
    "?a letter was lost": ["Sia\N{REPLACEMENT CHARACTER}n O'Neill"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "cases", "got"),
    [
        ("procedure_at", TIMES, lambda it: f"{it.procedure_at.astimezone(ZONE):%Y-%m-%dT%H:%M}"),
        ("date_of_birth", BIRTH_DATES, lambda it: f"{it.person.date_of_birth}"),
        ("mobile", MOBILES, lambda it: it.person.mobile),
        ("nhs_number", NHS_NUMBERS, lambda it: it.person.nhs_number),
        ("email", ADDRESSES, lambda it: it.person.email),
        ("diabetic", DIABETIC, lambda it: it.attributes["diabetic"]),
        ("steroid", STEROID, lambda it: it.attributes["steroid_given"]),
        ("name", NAMES, lambda it: it.person.name),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_cell_is_read_as_it_is_meant_or_its_row_is_asked_back(column, cases, got):
    wanted = [(cell, meant) for meant, written in cases.items() for cell in written]
    file = io.StringIO()
    lines = [RIGHT, *({**RIGHT, column: cell} for cell, _ in wanted)]
    csv.writer(file).writerows([RIGHT, *(line.values() for line in lines)])

    _, *found = read_rows(
        HANDBOOK,
        io.BytesIO(file.getvalue().encode()),
        defaults=Defaults("derriford-pain", "nerve-root-block"),
    )

    told = [
        got(row.request) if row.request else "; ".join(each.message for each in row.problems)
        for row in found
    ]
    wrong = [
        (cell, meant, was)
        for (cell, meant), was in zip(wanted, told, strict=True)
        if was != meant and not (str(meant).startswith("?") and str(meant)[1:] in str(was))
    ]
    assert not wrong, "\n".join(map(str, wrong))
