"""A contestant: the usual design, one Celery task with an ETA for each message.

    celery -A tests.bench.usual_design worker

Celery and Twilio's client are as they come. A task reads its message, calls, and notes the SID;
nothing is checked again, written ahead or audited.
"""

from __future__ import annotations

import os
from functools import cache

import psycopg
from celery import Celery
from twilio.rest import Client

TABLE = "CREATE TABLE usual (id int PRIMARY KEY, recipient text, body text, sid text)"
FILL = (
    "INSERT INTO usual SELECT n, '+447700900' || lpad((n %% 1000)::text, 3, '0'), repeat('x', 250)"
    " FROM generate_series(1, %s) n"
)

app = Celery("usual", broker=os.environ.get("BENCH_BROKER"))
app.conf.task_ignore_result = True


@cache
def client() -> Client:
    made = Client(os.environ["BENCH_ACCOUNT"], os.environ["BENCH_TOKEN"])  # type: ignore[no-untyped-call]
    made.api.base_url = os.environ["BENCH_TWILIO"]
    return made


@cache
def database() -> psycopg.Connection:
    return psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True)


@app.task
def send(message_id: int) -> None:
    query = "SELECT recipient, body FROM usual WHERE id = %s"
    row = database().execute(query, [message_id]).fetchone()
    assert row is not None
    sent = client().messages.create(to=row[0], body=row[1], from_="+447700900999")
    database().execute("UPDATE usual SET sid = %s WHERE id = %s", [sent.sid, message_id])
