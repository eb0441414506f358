"""What a run of the benchmark found, as lines for a person or as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, with what is wanted of it where something is."""

    name: str
    value: float
    unit: str = ""
    wanted: str = ""

    @property
    def text(self) -> str:
        if self.value != 0 and abs(self.value) < 10:
            return f"{self.value:.2f}"
        return f"{self.value:,.0f}"


@dataclass
class Figures:
    """All figures so far; each is shown as it comes, unless all come as JSON at the end."""

    as_json: bool = False
    found: list[Figure] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str = "", *, wanted: str = "") -> None:
        figure = Figure(name=name, value=round(value, 4), unit=unit, wanted=wanted)
        self.found.append(figure)
        if not self.as_json:
            aim = f"   (wanted: {wanted})" if wanted else ""
            self._say(f"{name:<66}{figure.text:>10} {unit}{aim}")

    def title(self, words: str) -> None:
        self.say(f"\n{words}")

    def say(self, line: str) -> None:
        """Show a line that is no figure."""
        if not self.as_json:
            self._say(line)

    def finish(self) -> None:
        """Print everything as JSON, if that is what is wanted."""
        if self.as_json:
            told = {"machine": machine(), "figures": [asdict(one) for one in self.found]}
            self._say(json.dumps(told, indent=2))

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{line.rstrip()}\n")
        sys.stdout.flush()


def machine() -> dict[str, object]:
    """Return what the figures depend on: no names, and what else was going on."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "load_average": [round(one, 2) for one in os.getloadavg()],
    }
