"""The OpenAPI document is complete: nothing without a description, an example or its errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.app import create_app
from kg.settings import Settings

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    return create_app(Settings()).openapi()


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def objects(node: Any, name: str) -> Iterator[tuple[str, Document]]:
    """Every schema with fields, wherever it stands."""
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            yield name, node
        for key, child in node.items():
            yield from objects(child, f"{name}/{key}")
    elif isinstance(node, list):
        for child in node:
            yield from objects(child, name)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def says_something(examples: list[Any]) -> bool:
    """Whether there are examples, and none of them is empty, null, or made of nothing else."""

    def filled(example: Any) -> bool:
        if isinstance(example, dict | list):
            inner = example.values() if isinstance(example, dict) else example
            return any(filled(value) for value in inner)
        return example not in (None, "")

    return bool(examples) and all(filled(example) for example in examples)


def models(above: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for model in above.__subclasses__():
        if model.__module__.startswith(("api.", "kg.live.")):
            yield model
        yield from models(model)


def test_what_is_empty_is_no_example() -> None:
    assert says_something([0, False, [{"a": "b", "c": []}]])
    for nothing in (None, "", [], {}, [[]], {"query": None}):
        assert not says_something([nothing])
    assert not says_something([1, []])


def test_every_field_has_a_description_and_an_example(document: Document) -> None:
    found = dict(objects(document, ""))
    assert len(found) >= 10
    lacking = {
        f"{name.rpartition('/')[2]}.{field}"
        for name, schema in found.items()
        for field, facts in schema["properties"].items()
        if not facts.get("description") or not says_something(facts.get("examples", []))
    }
    assert lacking == set()


def test_every_example_is_one() -> None:
    """What an example shows could be sent or answered."""
    examples = [
        (f"{model.__name__}.{name}", field.annotation, example)
        for model in models()
        for name, field in model.model_fields.items()
        for example in field.examples or ()
    ]
    assert len(examples) >= 100
    assert {name for name, annotation, example in examples if not fits(annotation, example)} == set()


def fits(annotation: Any, example: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_python(example)
    except ValidationError:
        return False
    return True


def test_every_parameter_has_a_description_and_an_example(document: Document) -> None:
    parameters = [
        (f"{name} {p['name']}", p) for name, o in operations(document) for p in o.get("parameters", [])
    ]
    assert len(parameters) >= 10
    assert [
        name
        for name, p in parameters
        if not p.get("description")
        or not says_something(p.get("examples") or p["schema"].get("examples", []))
    ] == []


def test_every_operation_is_described_with_its_problem_documents(document: Document) -> None:
    for name, operation in operations(document):
        assert operation.get("description"), name
        assert operation.get("tags"), name
        errors = {status: r for status, r in operation["responses"].items() if status >= "400"}
        assert {"500"} <= set(errors), name
        if name.split()[1].startswith("/v1"):
            assert {"401", "422", "500", "503"} <= set(errors), name
        for status, response in errors.items():
            assert response["description"], (name, status)
            assert list(response["content"]) == ["application/problem+json"], (name, status)
            fields = response["content"]["application/problem+json"]["schema"]["properties"]
            assert {"type", "title", "status", "detail", "instance"} <= set(fields), (name, status)


def test_every_reference_leads_somewhere(document: Document) -> None:
    found = set(references(document))
    assert found
    assert {
        r for r in found if r.removeprefix("#/components/schemas/") not in document["components"]["schemas"]
    } == set()


def test_an_event_alone_and_a_batch_are_both_described(document: Document) -> None:
    batch, one = document["components"]["schemas"]["EventBatch"]["anyOf"]
    assert batch["required"] == ["events"]
    assert set(one["required"]) == {"event_id", "type"}
