"""Outside judges of what the product writes, and senders to it: npm packages, as processes.

Their files are pinned by hash in `tests/support/node/package-lock.json`, and brought once into
.venv.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "node"
VENV = Path(__file__).parents[2] / ".venv"
LOCK = HERE / "package-lock.json"


class Judge:
    """Answers each question, a line of JSON, with a line of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class FhirValidator(Judge):
    """Says what is wrong with a resource by FHIR R4's definitions and required value sets."""

    def problems(self, resource: Mapping[str, Any]) -> list[str]:
        """Return what is wrong; nothing with a resource that is right."""
        found: list[str] = self.ask(resource)
        return found


@contextmanager
def fhir_validator() -> Iterator[FhirValidator]:
    """Run npm's `fhir`."""
    with _running("validate.js") as process:
        yield FhirValidator(process)


@contextmanager
def webhook_library() -> Iterator[Judge]:
    """Run npm's `standardwebhooks`, which is asked to verify {secret, body, headers}."""
    with _running("verify.js") as process:
        yield Judge(process)


@contextmanager
def hl7_senders() -> Iterator[Judge]:
    """Run npm's `simple-hl7` and `@medplum/hl7`, which are asked to send {library, port, text}."""
    with _running("send.js") as process:
        yield Judge(process)


@contextmanager
def segment_calculator() -> Iterator[Judge]:
    """Run Twilio's `sms-segments-calculator`, which is asked for the size of {text}."""
    with _running("sizes.js") as process:
        yield Judge(process)


@contextmanager
def _running(script: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["node", str(HERE / script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(_modules())},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _modules() -> Path:
    """Return the folder of the packages of the lock, brought there by the first who asks."""
    assert shutil.which("node"), "these tests need Node: install the packages `nodejs` and `npm`"
    kept = VENV / f"node-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "complete").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(HERE / name, kept / name)
            # Nothing that a package brings is run at its installation.
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=kept, check=True, capture_output=True)
            (kept / "complete").touch()
    return kept / "node_modules"
