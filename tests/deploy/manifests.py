"""Reads the manifests as a cluster would get them: a folder with its bases, and the patches applied."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent.parent
KUBERNETES = ROOT / "deploy" / "kubernetes"
FOLDERS = ("base", "gpu", "ingress")

Document = dict[str, Any]


def read(path: Path) -> list[Any]:
    """The documents of a file."""
    return list(YAML(typ="safe").load_all(path.read_text("utf-8")))


def built(folder: str) -> list[Document]:
    """What `kubectl apply -k` would send for a folder, as far as these manifests use kustomize."""
    return list(_built(KUBERNETES / folder))


def _built(folder: Path) -> Iterator[Document]:
    (kustomization,) = read(folder / "kustomization.yaml")
    documents: list[Document] = []
    for resource in kustomization["resources"]:
        there = folder / resource
        documents += _built(there) if there.is_dir() else read(there)
    for patch in kustomization.get("patches", ()):
        (operations,) = read(folder / patch["path"])
        targets = [one for one in documents if _is_target(one, patch["target"])]
        assert targets, f"{folder.name}: the patch {patch['path']} finds nothing to change"
        for target in targets:
            _apply(target, operations)
    yield from documents


def _is_target(document: Document, target: dict[str, str]) -> bool:
    group = f"{target['group']}/" if target.get("group") else ""
    wanted = (f"{group}{target['version']}", target["kind"], target["name"])
    return (document["apiVersion"], document["kind"], document["metadata"]["name"]) == wanted


def _apply(document: Document, operations: list[dict[str, Any]]) -> None:
    """JSON Patch (RFC 6902), as far as it is used: `test` and `add`."""
    for operation in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        place: Any = document
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if operation["op"] == "test":
            assert place[last] == operation["value"], operation
        else:
            assert operation["op"] == "add", operation
            place[last] = deepcopy(operation["value"])


def only(documents: list[Document], kind: str) -> Document:
    """The one document of a kind."""
    (found,) = [document for document in documents if document["kind"] == kind]
    return found
