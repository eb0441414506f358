"""Provider webhooks: receipts and inbound texts from Twilio, and e-mails that came back.

A request without Twilio's signature is refused before it is read any further. The use cases decide
what a report means; while the database is away the answer is 503, so that Twilio knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import ImmutableMultiDict

from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.receipts import TakenReceipt, take_receipt
from followup.delivery.returned_mail_ledger import MailSource, TakenMail
from followup.domain.errors import InvalidInput
from followup.providers.email.returned_mail import LONGEST_MAIL
from followup.providers.twilio.webhooks import (
    INBOUND_PATH,
    SETTINGS_HEADER,
    SIGNATURE_HEADER,
    STATUS_PATH,
    ids_of,
    parse_inbound,
    parse_status,
)
from followup.replies.inbound import take_inbound
from followup.web.caller import Caller
from followup.web.errors import Refused
from followup.web.forms import read_form
from followup.web.site import Here, Site

PROVIDER = "twilio"
Result = TypeVar("Result")

NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

router = APIRouter(include_in_schema=False)


@router.post(STATUS_PATH)
async def status(request: Request, site: Here) -> Response:
    """Take in a delivery receipt."""
    params, account = await _signed_form(request, site)
    report = _parsed(parse_status, params)
    message_id, attempt_id = ids_of(request.query_params) or (None, None)
    taken = await run_in_threadpool(
        take_receipt,
        site.app,
        report,
        provider=PROVIDER,
        account=account,
        message_id=message_id,
        attempt_id=attempt_id,
    )
    if taken is TakenReceipt.MISDIRECTED:
        raise Refused(403, "the signature is that of another account than the text was sent by")
    return Response(status_code=204)


@router.post(INBOUND_PATH)
async def inbound(request: Request, site: Here) -> Response:
    """Take in a text. An answer goes out by itself, so that it can be proved, not in this reply."""
    params, _ = await _signed_form(request, site)
    text = _parsed(parse_inbound, params)
    await run_in_threadpool(take_inbound, site.app, text, provider=PROVIDER)
    return Response(NOTHING_TO_SAY, media_type="application/xml")


@router.post("/hooks/bounce", max_body_size=LONGEST_MAIL)
async def bounce(request: Request, site: Here, caller: Caller) -> Response:
    """Take in a mail of the bounce mailbox, as a mail server or a script posts it."""
    content = await request.body()
    taken = await run_in_threadpool(
        receive_bounce, site.app, content, source=MailSource.HOOK, clinic=caller.clinic
    )
    return JSONResponse({"bounced": taken is TakenMail.BOUNCED, "outcome": taken.value})


async def _signed_form(request: Request, site: Site) -> tuple[ImmutableMultiDict[str, str], str]:
    """Return the form and the account whose token signed it; raise `Refused` if none did."""
    params = await read_form(request)
    if not site.signatures:
        raise Refused(403, "no Twilio account is set up here: set FOLLOWUP_TWILIO_AUTH_TOKEN")
    path, header = _path_as_received(request), request.headers.get(SIGNATURE_HEADER)
    settings = request.headers.get(SETTINGS_HEADER, "")
    for account, signatures in site.signatures.items():
        if signatures.verify(path, params, header, settings=settings):
            return params, account
    raise Refused(
        403,
        "the signature is not Twilio's: is FOLLOWUP_PUBLIC_URL the address that Twilio calls, "
        "and FOLLOWUP_TWILIO_AUTH_TOKEN that account's?",
    )


def _parsed(parse: Callable[[Mapping[str, str]], Result], params: Mapping[str, str]) -> Result:
    try:
        return parse(params)
    except InvalidInput as error:
        raise Refused(400, str(error)) from None


def _path_as_received(request: Request) -> str:
    """Return path and query, undecoded: Twilio signed them as it wrote them."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("latin-1")
