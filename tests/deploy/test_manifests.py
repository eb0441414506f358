"""The Kubernetes manifests fit Kubernetes's own schemas, each other, and the program."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from typer.main import get_command

from followup.cli.framework.registry import app
from followup.settings.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMA = json.loads(Path(__file__).with_name("kubernetes.schema.json").read_text(encoding="utf-8"))
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
]
NAMED = {f"{each['kind']}/{each['metadata']['name']}": each for each in MANIFESTS}
PODS = {
    name: each["spec"]["template"]
    for name, each in NAMED.items()
    if "template" in each.get("spec", {})
}


def what_is_wrong(manifest: dict[str, Any]) -> list[str]:
    kind = f"{manifest['apiVersion']}/{manifest['kind']}"
    schema = {**SCHEMA["kinds"][kind], "$defs": SCHEMA["$defs"]}
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft7Validator(schema).iter_errors(manifest)
    ]


@pytest.mark.parametrize("name", NAMED)
def test_a_manifest_fits_its_schema(name: str):
    assert what_is_wrong(NAMED[name]) == []


def test_a_misspelt_key_would_be_noticed():
    worker = json.loads(json.dumps(NAMED["Deployment/worker"]))
    worker["spec"]["template"]["spec"]["terminationGracePeriod"] = 1

    assert what_is_wrong(worker)


def test_every_file_is_applied_and_nothing_is_named_twice():
    files = {path.name for path in FOLDER.glob("*.yaml")}

    assert set(KUSTOMIZATION["resources"]) == files - {"kustomization.yaml"}
    assert len(NAMED) == len(MANIFESTS)


def test_the_processes_are_those_of_compose_and_run_what_those_run():
    ours = {name: each for name, each in COMPOSE["services"].items() if "followup" in each["image"]}

    commands = {
        each["spec"]["containers"][0]["name"]: each["spec"]["containers"][0]["command"]
        for each in PODS.values()
    }

    assert commands == {name: each["command"] for name, each in ours.items()}
    known = get_command(app).list_commands(None)
    assert all(words[1] in known for words in commands.values() if words[0] == "followup")


def test_images_are_pinned_to_the_version_of_this_checkout():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]

    assert {each["spec"]["containers"][0]["image"] for each in PODS.values()} == {
        f"followup:{version}"
    }
    assert [each["newTag"] for each in KUSTOMIZATION["images"]] == [version]


def test_no_pod_is_root_writes_to_its_image_or_talks_to_kubernetes():
    for template in PODS.values():
        pod, [container] = template["spec"], template["spec"]["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()


def selected(manifest: dict[str, Any]) -> Iterator[dict[str, str]]:
    spec = manifest["spec"]
    if manifest["kind"] == "Service":
        yield spec["selector"]
    for key in ("selector", "podSelector"):
        if "matchLabels" in spec.get(key, {}):
            yield spec[key]["matchLabels"]


def test_what_selects_pods_and_what_names_a_deployment_finds_one():
    labels = [template["metadata"]["labels"] for template in PODS.values()]

    for name, manifest in NAMED.items():
        if "spec" in manifest and "volumeMode" not in manifest["spec"]:
            for wanted in selected(manifest):
                assert any(wanted.items() <= each.items() for each in labels), name
    assert f"Deployment/{NAMED['ScaledObject/worker']['spec']['scaleTargetRef']['name']}" in NAMED
    budgets = {name.split("/")[1] for name in NAMED if name.startswith("PodDisruptionBudget/")}
    several = {
        name.split("/")[1]
        for name, each in NAMED.items()
        if name.startswith("Deployment/") and each["spec"].get("replicas", 2) > 1
    }
    assert budgets == several


def test_settings_are_the_program_s_and_no_secret_stands_in_a_manifest():
    known = {f"FOLLOWUP_{field.upper()}" for field in Settings.model_fields}
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")]
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")

    named = set(re.findall(r"FOLLOWUP_[A-Z0-9_]+", " ".join([*texts, guide])))

    assert named <= known
    told = NAMED["ConfigMap/followup-settings"]["data"].keys() - {"FOLLOWUP_PUBLIC_URL"}
    assert not [name for name in told if re.search("PASSWORD|KEYS|TOKEN|SECRET|_URL$", name)]
