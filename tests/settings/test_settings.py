"""Settings: what counts, what is refused, and that each refusal says what to set."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from followup.domain.errors import ConfigurationError
from followup.settings.paths import ROOT
from followup.settings.rules import remarks
from followup.settings.settings import Settings, load_settings
from followup.settings.unknown_names import SETTING_PREFIX

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
CLOCK = "2026-10-23T09:00:00Z=2026-11-22T14:00:00Z@60"
TWILIO = {
    "SMS_CHANNEL": "twilio",
    "TWILIO_ACCOUNT_SID": "AC0123456789abcdef0123456789abcdef",
    "TWILIO_AUTH_TOKEN": "made-up token",
    "TWILIO_FROM": "+447700900000",
    "PUBLIC_URL": "https://followup.example.com",
}
SECOND = {
    "TWILIO_FALLBACK_ACCOUNT_SID": "ACfedcba9876543210fedcba9876543210",
    "TWILIO_FALLBACK_AUTH_TOKEN": "made-up second token",
    "TWILIO_FALLBACK_FROM": "+447700900001",
}
SMTP = {"EMAIL_CHANNEL": "smtp", "SMTP_URL": "smtp://u:made-up@mail.example.com:587"}


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch, tmp_path):
    """Leave nothing of the machine's own settings: no variables, no .env file."""
    for name in list(os.environ):
        if name.upper().startswith(SETTING_PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setattr("followup.settings.settings.env_files", lambda: (tmp_path / ".env",))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def environment(monkeypatch):
    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"{SETTING_PREFIX}{name}", value)

    return put


def refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    return str(refused.value)


# ---------------------------------------------------------------------------- what counts


def test_nothing_needs_to_be_set_to_try_it_out():
    settings = load_settings()

    assert settings.database_url == f"sqlite:///{settings.data_dir}/followup.db"
    assert settings.broker_url == "memory://"
    assert (settings.sms_channel, settings.email_channel) == ("sandbox", "sandbox")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.is_sqlite
    assert settings.is_embedded


def test_a_process_with_an_entirely_empty_environment_starts():
    program = (
        "from followup.settings.settings import load_settings; print(load_settings().data_dir)"
    )

    told = subprocess.run(
        [sys.executable, "-c", program],
        env={},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert Path(told.stdout.strip()).is_absolute()


def test_each_setting_is_read_from_its_variable(environment):
    environment(
        PORT="9000", DATA_DIR="/srv/followup", SMS_PER_SECOND="12.5", WORKER_CONCURRENCY="4",
        LOG_LEVEL="DEBUG", LOG_FORMAT="JSON", MASTER_KEYS=f"{KEY},{OTHER_KEY}", CLOCK=CLOCK,
    )  # fmt: skip

    settings = load_settings()

    assert settings.port == 9000
    assert settings.public_url == "http://127.0.0.1:9000"
    assert settings.database_url == "sqlite:////srv/followup/followup.db"
    assert settings.sms_per_second == 12.5
    assert settings.worker_concurrency == 4
    assert (settings.log_level, settings.log_format) == ("debug", "json")
    assert settings.load_master_keys() == (bytes(range(32)), bytes(range(1, 33)))
    assert settings.clock == CLOCK


def test_settings_do_not_change_once_read():
    settings = load_settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 9000


def test_an_empty_variable_counts_as_unset(environment):
    environment(TWILIO_FROM="", PORT="", CLOCK="")

    settings = load_settings()

    assert (settings.twilio_from, settings.port, settings.clock) == (None, 8000, None)


def test_a_dotenv_file_counts_after_the_environment_and_before_defaults(tmp_path, environment):
    (tmp_path / ".env").write_text(
        "FOLLOWUP_PORT=9000\nFOLLOWUP_HOST=127.0.0.2\nPOSTGRES_PASSWORD=for something else\n"
    )
    environment(PORT="9001")

    settings = load_settings()

    assert (settings.host, settings.port) == ("127.0.0.2", 9001)


def test_an_option_of_the_command_line_counts_before_everything(environment):
    environment(PORT="9001")

    assert load_settings(port=9002).port == 9002


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_each_way_of_writing_a_postgresql_address_means_our_driver(environment, scheme):
    environment(DATABASE_URL=f"{scheme}://u:p@db/followup", MASTER_KEYS=KEY)

    settings = load_settings()

    assert settings.database_url == "postgresql+psycopg://u:p@db/followup"
    assert not settings.is_sqlite


def test_protocols_and_clinics_may_come_from_a_folder_of_ones_own(environment, tmp_path):
    environment(CONFIG_DIR=str(tmp_path))

    assert load_settings().config_dir == tmp_path


def test_a_slash_at_the_end_of_an_address_makes_no_difference(environment):
    environment(PUBLIC_URL="https://nhs.example.com/followup/")

    assert load_settings().public_url == "https://nhs.example.com/followup"


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ({}, set()),
        (TWILIO, {"enrol", "audit", "manage"}),
        ({"SECOND_FACTOR": "all"}, {"enrol", "audit", "manage"}),
        ({**TWILIO, "SECOND_FACTOR": "none"}, set()),
        ({"SECOND_FACTOR": "Manage, audit"}, {"audit", "manage"}),
    ],
    ids=["practising", "a real channel", "all", "none", "some"],
)
def test_a_second_factor_is_needed_once_a_message_can_go_out_or_where_it_is_set(
    environment, given, roles
):
    environment(**given)

    assert load_settings().code_roles == roles


@pytest.mark.parametrize("sender", ["+447700900000", "60777", "PainClinic", "Pain & Co"])
def test_a_sender_may_be_a_number_a_short_code_or_a_name(environment, sender):
    environment(TWILIO_FROM=sender)

    assert load_settings().twilio_from == sender


def test_secrets_do_not_show_when_settings_are_printed(environment):
    environment(
        **TWILIO, **SECOND, **SMTP, MASTER_KEYS=KEY, BROKER_URL="redis://:hush-redis@h",
        DATABASE_URL="postgresql://u:hush-database@h/x",
        REPLICA_URL="postgresql://u:hush-replica@h/x",
    )  # fmt: skip

    shown = repr(load_settings()) + str(load_settings())

    for secret in ("made-up", KEY, "hush-redis", "hush-database", "hush-replica"):
        assert secret not in shown


# ---------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATA_DIR", "~no-such-account/x", "this account has none: set it to a folder"),
        ("CONFIG_DIR", "/no/such/folder", "is not a folder: set it to a folder that holds"),
        ("DATABASE_URL", "mysql://h/x", "no database that followup knows: set it to sqlite:///PATH"),
        ("DATABASE_URL", "sqlite://", "set it to sqlite:///PATH, or postgresql+psycopg://"),
        ("DATABASE_URL", "sqlite:///", "set it to sqlite:///PATH, or postgresql+psycopg://"),
        ("DATABASE_URL", "sqlite:///:memory:", "set it to sqlite:///PATH"),
        ("REPLICA_URL", "mysql://h/x", "no database that followup knows: set it to postgresql"),
        ("REPLICA_BEHIND", "0", "is '0': set it to seconds"),
        ("BROKER_URL", "amqp://h", "no broker that followup knows: set it to redis://HOST:6379/0"),
        ("BROKER_URL", "redis:", "set it to redis://HOST:6379/0"),
        ("BROKER_URL", "sentinel://a,b/0", "does not name Sentinels and their master"),
        ("BROKER_URL", "sentinel://a:x/0?master=m", "has a Sentinel's port that is no number"),
        ("MASTER_KEYS", "###", "a key (number 1) that is not base64: set it to keys of 32 bytes"),
        ("MASTER_KEYS", "é", "a key (number 1) that is not base64: set it to keys of 32 bytes"),
        ("MASTER_KEYS", f"{KEY},a2V5", "(number 2) of 3 bytes where 32 are needed: set it to keys"),
        ("MASTER_KEYS", "A" * 43 + "=", "(number 1) that is not random: make one with openssl"),
        ("TRUSTED_PROXIES", "my-proxy", "else than networks: set it to networks such as 172.30."),
        ("METRICS_TOKEN", "short", "set it to at least 20 characters"),
        ("MASTER_KEYS", ",", "holds no key: set it to keys of 32 bytes in base64"),
        ("MODE", "test", "is 'test': set it to practice (nothing needs approval) or live"),
        ("SMS_CHANNEL", "vodafone", "is 'vodafone': set it to sandbox"),
        ("EMAIL_CHANNEL", "post", "is 'post': set it to sandbox"),
        ("TWILIO_ACCOUNT_SID", "SK01", "is 'SK01': set it to the Account SID"),
        ("TWILIO_FROM", "07700 900000", "not a sender of texts: set it to a number such as +44"),
        ("TWILIO_FROM", "Derriford Pain", "a name of at most 11 characters"),
        ("TWILIO_MESSAGING_SERVICE_SID", "AC01", "is 'AC01': set it to the SID of a Twilio Messag"),
        ("TWILIO_API_URL", "ftp://x", "not a web address: set it to https://api.twilio.com"),
        ("TWILIO_API_URL", "http://stand-in.example.com", "is not encrypted"),
        ("TWILIO_FALLBACK_ACCOUNT_SID", "SK01", "is 'SK01': set it to the SID of a second Twilio"),
        ("TWILIO_FALLBACK_FROM", "07700 900000", "not a sender of texts: set it to a number of"),
        ("TWILIO_FALLBACK_MESSAGING_SERVICE_SID", "AC01", "set it to the SID of a service of the"),
        ("TWILIO_FALLBACK_API_URL", "ftp://x", "not a web address: set it to https://api.twilio"),
        ("HL7_PORT", "70000", "is '70000': set it to a port number from 1 to 65535, such as 2575"),
        ("HL7_TLS_CERTIFICATE", "/nowhere", "which is not a file: set it to a file with the"),
        ("HL7_TLS_KEY", "/nowhere", "which is not a file: set it to a file with the private key"),
        ("HL7_TLS_CLIENT_CA", "/nowhere", "which is not a file: set it to a file with the certif"),
        ("SMTP_URL", "mail.example.com", "is not the address of a mail server: set it to smtp://"),
        ("RETURN_PATH", "bounces", "is not such an address, or leaves too little room for {id}"),
        ("RETURN_PATH", "a+{id}{id}@example.org", "set it to the address that bounces come to"),
        ("RETURN_PATH", "much-too-long-a-name-for-it+{id}@example.org", "too little room for {id}"),
        ("BOUNCE_IMAP_URL", "mail.example.org", "is not the address of a mailbox, its user and"),
        ("PORT", "tcp://10.0.0.1:80", "is 'tcp://10.0.0.1:80': set it to a port number"),
        ("PORT", "0", "is '0': set it to a port number from 1 to 65535"),
        ("PUBLIC_URL", "followup.example.com", "not a web address: set it to the https:// address"),
        ("PUBLIC_URL", "https://h.example.com/?a=b", "is not a web address"),
        ("PUBLIC_URL", "http://followup.example.com", "is not encrypted"),
        ("SECOND_FACTOR", "nurses", "names something else than roles: set it to all, none"),
        ("OIDC_ISSUER", "http://id.example.com", "is not encrypted"),
        ("NHS_IDENTITY", "maybe", "is 'maybe': set it to true or false"),
        ("CLOCK", "60", "FOLLOWUP_CLOCK is '60', but it has three parts"),
        ("TICK", "0", "is '0': set it to seconds between two looks"),
        ("LEASE", "a minute", "is 'a minute': set it to seconds"),
        ("RECONCILE_AFTER", "-1", "is '-1': set it to seconds"),
        ("MISSED_TEXTS_EVERY", "0", "is '0': set it to seconds"),
        ("PROVIDER_TIMEOUT", "inf", "is 'inf': set it to seconds"),
        ("PROVIDER_CONNECT_TIMEOUT", "nan", "is 'nan': set it to seconds"),
        ("SEND_CONCURRENCY", "0", "is '0': set it to a whole number from 1 to 1000"),
        ("BATCH_SIZE", "1.5", "is '1.5': set it to a whole number from 1 to 1000"),
        ("VERSION_PER_MINUTE", "0", "is '0': set it to a whole number from 1 to 1000000"),
        ("SMS_SEGMENT_PENCE", "x", "is 'x': set it to what one segment costs in pence, as in 3.9"),
        ("PATIENT_PER_DAY", "1001", "is '1001': set it to a whole number from 1 to 1000"),
        ("BREAKER_AFTER", "0", "is '0': set it to a whole number from 1 to 1000000"),
        ("IN_FLIGHT_LIMIT", "many", "is 'many': set it to a whole number from 1 to 100000"),
        ("SMS_PER_SECOND", "0", "is '0': set it to a number above 0"),
        ("EMAIL_PER_SECOND", "fast", "is 'fast': set it to a number above 0"),
        ("WORKER_CONCURRENCY", "0", "is '0': set it to a whole number from 1"),
        ("ON_CALL_MOBILE", "0770", "something else than numbers: set it to numbers such as"),
        ("ON_CALL_EMAIL", "on-call", "something else than e-mail addresses: set it to e-mail"),
        ("ON_CALL_WEBHOOK", "chat", "is not a web address: set it to the https:// address"),
        ("ALERT_EMAIL", "on-call", "something else than e-mail addresses: set it to e-mail"),
        ("ALERT_FROM", "<a@example.com>", "set it to one e-mail address"),
        ("ALERT_SMTP_URL", "mail.example.com", "is not the address of a mail server: set it to"),
        ("ALERT_WEBHOOK", "chat", "is not a web address: set it to the https:// address"),
        ("ALERT_EVERY", "0", "is '0': set it to seconds"),
        ("ALERT_AGAIN", "a day", "is 'a day': set it to seconds"),
        ("ALERT_LATE", "0", "is '0': set it to seconds"),
        ("ALERT_SILENT", "0", "is '0': set it to seconds"),
        ("ALERT_UNKNOWN", "0", "is '0': set it to seconds"),
        ("ALERT_FAILING", "101", "is '101': set it to per cent"),
        ("ALERT_UNMATCHED", "0", "is '0': set it to a whole number from 1 to 1000000"),
        ("CHECKPOINT_EMAIL", "auditor", "something else than e-mail addresses: set it to e-mail"),
        ("TIME_STAMP_URL", "tsa.example", "is not a web address: set it to the http:// or https://"),
        ("TIME_STAMP_ROOTS", "/nowhere.pem", "set it to a file with the authority's root"),
        ("ALERT_REFUSED", "0", "is '0': set it to a whole number from 1 to 1000000"),
        ("WEBHOOK_NETWORKS", "10.20.0.1/16", "something else than networks: set it to networks"),
        ("OTLP_ENDPOINT", "collector:4318", "is not a web address: set it to the http:// or https"),
        ("OTLP_ENDPOINT", "http://a:b@collector", "FOLLOWUP_OTLP_HEADERS is for those"),
        ("OTLP_HEADERS", "Authorization", "something else than headers: set it to NAME=VALUE"),
        ("TRACE_RATIO", "0", "is '0': set it to a number above 0 and at most 1"),
        ("LOG_LEVEL", "loud", "is 'loud': set it to debug, info, warning or error"),
        ("LOG_FORMAT", "xml", "is 'xml': set it to console or json"),
    ],
    ids=lambda part: part if len(part) < 40 else part[:40],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_what_to_set_instead(environment, name, value, says):
    environment(**{name: value})

    said = refusal()

    assert f"- {SETTING_PREFIX}{name} " in said
    assert says in said
    # One mistake, one sentence: what depends on the setting is not blamed as well.
    assert said.count("\n- ") == 1


def test_every_setting_that_can_be_wrong_is_tried_above():
    (mark,) = test_a_wrong_value_is_refused_with_what_to_set_instead.pytestmark
    tried = {case[0].lower() for case in mark.args[1]}

    # Any text may be a token, a name or a file's, and any name a network address. A folder of
    # another machine's may be away when we start.
    free = {
        "checkpoint_folder",
        "shred_list",
        "host",
        "hl7_host",
        "oidc_client_id",
        "oidc_client_secret",
        "oidc_name",
    }
    tokens = {"twilio_auth_token", "twilio_fallback_auth_token"}
    assert set(Settings.model_fields) - tried == free | tokens


def test_every_mistake_is_named_at_once(environment):
    environment(PORT="x", LEASE="y", SMS_CHANNEL="z")

    assert refusal().count("\n- ") == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:hush-hush@h/x"),
        ("BROKER_URL", "amqp://u:hush-hush@h"),
        ("SMTP_URL", "http://u:hush-hush@h"),
        ("MASTER_KEYS", "hush-hush"),
    ],
)
def test_a_refusal_never_shows_a_secret(environment, name, value):
    environment(**{name: value})

    assert "hush" not in refusal()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("DATABASE_ULR", "DATABASE_URL"),
        ("MASTER_KEY", "MASTER_KEYS"),
        ("EMAIL_CHANEL", "EMAIL_CHANNEL"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_right_one(environment, given, meant):
    environment(**{given: "x"})

    assert f"FOLLOWUP_{given} is no setting: write FOLLOWUP_{meant}, or unset it" in refusal()


def test_a_misspelt_name_in_a_dotenv_file_is_refused_too(tmp_path):
    (tmp_path / ".env").write_text("FOLLOWUP_PROT=9000\nFOLLOWUP_BROKER_ULR=redis://h\n")

    assert "write FOLLOWUP_BROKER_URL" in refusal()


def test_names_that_a_container_platform_adds_are_left_alone(environment):
    environment(SERVICE_HOST="10.0.0.1", PORT_8000_TCP_ADDR="10.0.0.1")

    assert load_settings().port == 8000


def test_a_dotenv_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / ".env").write_bytes(b"FOLLOWUP_HOST=\xff\xfe\n")

    assert "a .env file can't be read" in refusal()
    assert "save it as UTF-8" in refusal()


# ---------------------------------------------------------------------------- contradictions


@pytest.mark.parametrize("missing", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"])
def test_twilio_needs_an_account(environment, missing):
    environment(**{name: value for name, value in TWILIO.items() if name != missing})

    assert f"FOLLOWUP_SMS_CHANNEL is twilio, which needs FOLLOWUP_{missing}: set it to" in refusal()


def test_twilio_needs_a_sender(environment):
    environment(**{name: value for name, value in TWILIO.items() if name != "TWILIO_FROM"})

    assert "set either FOLLOWUP_TWILIO_FROM or FOLLOWUP_TWILIO_MESSAGING_SERVICE_SID" in refusal()


def test_twilio_needs_one_sender_and_not_two(environment):
    environment(**TWILIO, TWILIO_MESSAGING_SERVICE_SID="MG01")

    assert "FOLLOWUP_TWILIO_MESSAGING_SERVICE_SID, not both" in refusal()


def test_a_messaging_service_is_sender_enough(environment):
    environment(**(TWILIO | {"TWILIO_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG01"}))

    assert load_settings().twilio_messaging_service_sid == "MG01"


def test_twilio_needs_an_address_that_it_can_call_back(environment):
    environment(**(TWILIO | {"PUBLIC_URL": "http://localhost:8000"}))

    assert (
        "FOLLOWUP_PUBLIC_URL is http://localhost:8000, where Twilio can't report deliveries or "
        "pass on replies: set it to the https:// address of the web process" in refusal()
    )


def test_a_stand_in_for_twilio_on_this_machine_calls_back_on_this_machine(environment):
    environment(**(TWILIO | {"PUBLIC_URL": "", "TWILIO_API_URL": "http://127.0.0.1:4010"}))

    assert load_settings().twilio_api_url == "http://127.0.0.1:4010"


def test_smtp_needs_a_server(environment):
    environment(EMAIL_CHANNEL="smtp")

    assert "FOLLOWUP_EMAIL_CHANNEL is smtp, which needs FOLLOWUP_SMTP_URL: set it to" in refusal()


def test_a_second_account_stands_beside_the_first(environment):
    environment(**TWILIO, **SECOND)

    settings = load_settings()

    first, second = settings.twilio, settings.twilio_fallback
    assert first is not None
    assert second is not None
    assert (first.sid, first.from_) == (TWILIO["TWILIO_ACCOUNT_SID"], "+447700900000")
    assert (second.sid, second.from_) == (SECOND["TWILIO_FALLBACK_ACCOUNT_SID"], "+447700900001")
    assert second.auth_token.get_secret_value() == "made-up second token"
    in_force = settings.in_force()
    assert in_force["FOLLOWUP_TWILIO_FALLBACK_AUTH_TOKEN"] == "set"
    assert in_force["FOLLOWUP_TWILIO_FALLBACK_FROM"] == "+447700900001"


@pytest.mark.parametrize("given", SECOND)
def test_half_a_second_account_is_refused(environment, given):
    environment(**TWILIO, **{given: SECOND[given]})

    said = refusal()

    for name in set(SECOND) - {given, "TWILIO_FALLBACK_FROM"}:
        assert f"which needs FOLLOWUP_{name}: set it to" in said
    if given != "TWILIO_FALLBACK_FROM":
        assert f"FOLLOWUP_{given} is set, which needs one sender of that account" in said
    assert "made-up" not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"TWILIO_FALLBACK_MESSAGING_SERVICE_SID": "MG01"}, "needs one sender of that account"),
        ({"TWILIO_FALLBACK_ACCOUNT_SID": TWILIO["TWILIO_ACCOUNT_SID"]}, "is the first account's"),
        ({"SMS_CHANNEL": "sandbox"}, "is for Twilio alone: set FOLLOWUP_SMS_CHANNEL to twilio"),
    ],
    ids=["two senders", "the same account", "no Twilio"],
)
def test_a_second_account_that_would_be_of_no_use_is_refused(environment, changes, says):
    environment(**{**TWILIO, **SECOND, **changes})

    assert says in refusal()


def test_a_fast_clock_never_meets_a_real_second_account(environment):
    stand_in = {"TWILIO_API_URL": "http://127.0.0.1:4010", "PUBLIC_URL": "http://127.0.0.1:8000"}
    environment(**{**TWILIO, **SECOND, **stand_in}, CLOCK=CLOCK)

    assert "or FOLLOWUP_TWILIO_FALLBACK_API_URL to a stand-in on this machine" in refusal()


def test_a_fast_clock_never_meets_the_real_twilio(environment):
    environment(**TWILIO, CLOCK=CLOCK)

    assert "must never reach a real provider: unset it, or set FOLLOWUP_SMS_CHANNEL" in refusal()


@pytest.mark.parametrize(
    ("provider", "refused"),
    [(TWILIO, "go through Twilio: unset it"), (SMTP, "go to a real mail server: unset it")],
    ids=["texts", "e-mails"],
)
def test_a_practice_system_has_no_real_provider(environment, provider, refused):
    environment(**provider, MODE="practice")

    assert refused in refusal()


def test_it_is_live_once_a_provider_is_set_unless_that_is_a_stand_in_and_one_says_so(environment):
    environment()
    assert not load_settings().is_live
    environment(MODE="live")
    assert load_settings().is_live
    stand_in = {"EMAIL_CHANNEL": "smtp", "SMTP_URL": "smtp://127.0.0.1:2525"}
    environment(**stand_in)
    assert load_settings().is_live
    environment(**stand_in, MODE="practice")
    assert not load_settings().is_live


def test_a_fast_clock_never_meets_a_real_mail_server(environment):
    environment(**SMTP, CLOCK=CLOCK)

    said = refusal()

    assert "must never reach a real mail server (mail.example.com): unset it" in said
    assert "or set FOLLOWUP_EMAIL_CHANNEL to sandbox" in said
    assert "made-up" not in said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "[::1]"])
def test_a_fast_clock_may_meet_providers_on_this_machine(environment, host):
    local = {"TWILIO_API_URL": f"http://{host}:4010", "SMTP_URL": f"smtp://{host}:1025"}
    environment(**(TWILIO | SMTP | local), CLOCK=CLOCK)

    assert load_settings().clock == CLOCK


@pytest.mark.parametrize("host", ["localhost.example.com", "127.0.0.1.example.com", "10.0.0.1"])
def test_a_name_that_only_looks_like_this_machine_is_not(environment, host):
    environment(**SMTP | {"SMTP_URL": f"smtp://{host}:1025"}, CLOCK=CLOCK)

    assert "must never reach a real mail server" in refusal()


def test_a_shared_database_needs_shared_keys(environment):
    environment(DATABASE_URL="postgresql://db/followup")

    said = refusal()

    assert "FOLLOWUP_MASTER_KEYS is unset" in said
    assert "set the same ones for every process (openssl rand -base64 32 makes one)" in said


def test_a_lease_shorter_than_a_call_is_allowed_and_remarked_on(environment):
    environment(LEASE="13")

    said = " ".join(remarks(load_settings()))

    assert "FOLLOWUP_LEASE is 13, and one call of a provider may take 13 seconds" in said


def test_a_whole_batch_may_be_in_flight(environment):
    environment(IN_FLIGHT_LIMIT="50")

    assert "FOLLOWUP_IN_FLIGHT_LIMIT is 50: set it to at least FOLLOWUP_BATCH_SIZE" in refusal()


def test_processes_of_their_own_need_a_shared_broker(environment):
    with pytest.raises(ConfigurationError, match=r"set it to redis://.* start everything with"):
        load_settings().require_shared_broker()

    environment(BROKER_URL="redis://127.0.0.1:6379/0")
    load_settings().require_shared_broker()


# ---------------------------------------------------------------------------- remarks


def test_an_operator_is_told_that_nothing_is_really_sent():
    said = " ".join(remarks(load_settings()))

    assert "no text reaches a phone" in said
    assert "no e-mail reaches a mailbox" in said


def test_an_operator_is_told_of_a_rehearsal(environment):
    environment(CLOCK=CLOCK)

    assert f"FOLLOWUP_CLOCK is {CLOCK}: this is a rehearsal" in " ".join(remarks(load_settings()))


def test_an_operator_is_told_of_stop_links_that_work_on_this_machine_only(environment):
    environment(**SMTP)

    assert "the link by which a patient stops e-mails" in " ".join(remarks(load_settings()))


def test_there_is_nothing_to_remark_on_a_complete_production_set_up(environment):
    told = {"ALERT_EMAIL": "on-call@example.com", "ON_CALL_MOBILE": "+447700900700"}
    environment(**TWILIO, **SMTP, **told)

    assert list(remarks(load_settings())) == []


def test_an_operator_is_told_that_nobody_is_on_call(environment):
    environment(**TWILIO, **SMTP, ALERT_EMAIL="on-call@example.com")

    assert "FOLLOWUP_ON_CALL_MOBILE" in " ".join(remarks(load_settings()))


def test_an_operator_is_told_that_nobody_is_told_of_trouble(environment):
    environment(**TWILIO, **SMTP)

    assert "nobody is told when the service is in trouble" in " ".join(remarks(load_settings()))


def test_alarms_by_e_mail_need_a_mail_server(environment):
    environment(ALERT_EMAIL="a@example.com, b@example.com")
    assert "FOLLOWUP_ALERT_EMAIL is set, which needs FOLLOWUP_ALERT_SMTP_URL" in refusal()

    environment(ALERT_SMTP_URL="smtp://127.0.0.1:1025")
    assert load_settings().alert_email == "a@example.com,b@example.com"


def test_checkpoints_by_e_mail_need_a_mail_server_and_time_stamps_a_folder(environment, tmp_path):
    environment(CHECKPOINT_EMAIL="auditor@example.com", TIME_STAMP_URL="http://tsa.example/tsr")
    said = refusal()
    assert "FOLLOWUP_CHECKPOINT_EMAIL is set, which needs FOLLOWUP_ALERT_SMTP_URL" in said
    assert "FOLLOWUP_TIME_STAMP_URL is set, which needs FOLLOWUP_CHECKPOINT_FOLDER" in said
    assert "FOLLOWUP_TIME_STAMP_URL is set, which needs FOLLOWUP_TIME_STAMP_ROOTS" in said

    roots = tmp_path / "roots.pem"
    roots.touch()
    environment(
        CHECKPOINT_FOLDER="/mnt/elsewhere",
        TIME_STAMP_ROOTS=str(roots),
        ALERT_SMTP_URL="smtp://[::1]",
    )
    assert load_settings().checkpoint_folder == Path("/mnt/elsewhere")


def test_networks_that_webhooks_may_go_to_are_named_with_commas_between(environment):
    assert load_settings().webhook_networks_named == ()

    environment(WEBHOOK_NETWORKS="10.20.0.0/16, fd00:20::/32")

    named = [str(network) for network in load_settings().webhook_networks_named]
    assert named == ["10.20.0.0/16", "fd00:20::/32"]


# ---------------------------------------------------------------------------- documentation

EXAMPLE = (ROOT / "config" / "example.env").read_text("utf-8")
DOCUMENTED = dict(re.findall(rf"^#?{SETTING_PREFIX}([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_every_setting_is_documented_in_the_example_and_nothing_else_is():
    assert sorted(DOCUMENTED) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_the_example_shows_the_default(name):
    documented, default = DOCUMENTED[name], getattr(load_settings(), name.lower())

    if default is None or name == "DATA_DIR":
        assert documented == ""
    elif isinstance(default, bool):
        assert documented == str(default).lower()
    elif isinstance(default, float):
        assert float(documented) == default
    else:
        shown = documented.replace("<data dir>", str(load_settings().data_dir))
        assert shown.replace("<port>", "8000") == str(default)


def test_the_example_sets_nothing_until_it_is_edited():
    assert not re.search(rf"^{SETTING_PREFIX}", EXAMPLE, re.MULTILINE)


def test_every_setting_can_tell_what_to_set_it_to():
    assert all(field.description for field in Settings.model_fields.values())


def test_sqlite_has_no_replica(environment):
    environment(REPLICA_URL="postgresql://replica/followup")
    assert "SQLite has no replicas: unset it" in refusal()

    environment(
        DATABASE_URL="postgresql://db/followup",
        REPLICA_URL="postgresql://replica/followup",
        MASTER_KEYS=KEY,
    )
    assert load_settings().replica_url == "postgresql+psycopg://replica/followup"


def test_traces_go_to_a_collector_that_is_named_by_its_address_or_its_path(environment):
    environment(OTLP_HEADERS="Authorization=Bearer a=b, X-Scope=1")
    assert "FOLLOWUP_OTLP_HEADERS is set, which needs FOLLOWUP_OTLP_ENDPOINT" in refusal()

    environment(OTLP_ENDPOINT="http://otel-collector:4318")

    settings = load_settings()
    assert settings.otlp_endpoint == "http://otel-collector:4318/v1/traces"
    assert settings.otlp_headers_named == {"Authorization": "Bearer a=b", "X-Scope": "1"}
    environment(OTLP_ENDPOINT="https://otlp.example.org/otlp/v1/traces")
    assert load_settings().otlp_endpoint == "https://otlp.example.org/otlp/v1/traces"
