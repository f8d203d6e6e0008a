"""Errors as RFC 9457 problem documents."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from kg.errors import GraphError, ModelError, ShopgraphError


class ApiError(ShopgraphError):
    """An error with its status and a word that names its kind, for example unknown-item."""

    def __init__(self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers


_MISSING = "Field required"  # in pydantic's words
EXPECTED = (ApiError, GraphError, ModelError)  # what answering a request may raise


def bad_field(field: str, value: Any, expected: str) -> "InvalidRequestError":
    """A field whose value is fine by itself but not in this request."""
    return InvalidRequestError([{"field": field, "value": value, "expected": expected}])


class InvalidRequestError(ApiError):
    """The request names a bad value: which field, what it was, what was expected."""

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__(422, "invalid-request", "; ".join(map(_line, errors)))
        self.errors = list(errors)


def _line(error: dict[str, Any]) -> str:
    if error["expected"] == _MISSING:
        return f"{error['field']} is missing"
    return f"{error['field']} is {error['value']!r:.200}: {error['expected']}"


def with_status(error: Exception) -> ApiError:
    """One of EXPECTED, or what the driver says, with its status."""
    match error:
        case ApiError():
            return error
        case ModelError():
            return ApiError(503, "no-model", str(error))
        case _:
            return ApiError(503, "graph-unreachable", str(error))


def invalid(error: ValidationError | RequestValidationError) -> InvalidRequestError:
    """What a model says against a value, as an error of the request."""
    body = getattr(error, "body", None)
    return InvalidRequestError([_told({**e, "body": body}) for e in error.errors()])


def shown_id(told: Any, name: str) -> str | None:
    """The id in something that was rejected, always valid as JSON."""
    value = told.get(name) if isinstance(told, dict) else None
    return _shown(value) if isinstance(value, str) else None


def problem(request: Request, error: ApiError) -> JSONResponse:
    """The response for an error."""
    body = document(error, request.url.path)
    return JSONResponse(body, error.status, error.headers, media_type="application/problem+json")


def document(error: ApiError, instance: str) -> dict[str, Any]:
    """The problem document of an error at `instance`, the path asked for."""
    body: dict[str, Any] = {
        "type": f"/problems/{error.kind}",
        "title": error.kind.replace("-", " ").capitalize(),
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
    }
    if isinstance(error, InvalidRequestError):
        body["errors"] = error.errors
    return body


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""

    async def _expected(request: Request, error: Exception) -> JSONResponse:
        return problem(request, with_status(error))

    for kind in EXPECTED:
        app.add_exception_handler(kind, _expected)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        if isinstance(error.body, bytes):  # read as JSON only where the header says so
            sent = request.headers.get("content-type", "none")
            detail = f"The body has the Content-Type {sent}. Send JSON, as 'Content-Type: application/json'."
            return problem(request, ApiError(415, "unsupported-media-type", detail))
        return problem(request, invalid(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        detail = f"{request.method} {request.url.path}: {error.detail}. See /docs for what there is."
        return problem(request, ApiError(error.status_code, phrase, detail, dict(error.headers or {})))

    @app.exception_handler(500)
    async def _unexpected(request: Request, _: Exception) -> JSONResponse:
        detail = "The API failed on this request; its log has the trace. This is a bug: please report it."
        return problem(request, ApiError(500, "internal-error", detail))


def _told(error: Any) -> dict[str, Any]:
    # The first part says where the field was sent; a field may be called query itself.
    sent = error["loc"][:1] in (("body",), ("query",), ("path",)) and len(error["loc"]) > 1
    where = [str(p) for p in error["loc"][sent:]]
    if error["type"] == "json_invalid":
        at = f"{error['ctx']['error']} at character {error['loc'][-1]}"
        return {"field": "body", "value": _shown(error["body"]), "expected": f"JSON ({at})"}
    # Of what is missing, pydantic's input is all that was sent.
    value = None if error["msg"] == _MISSING else _shown(error.get("input"))
    expected = "no field of this name; see /docs" if error["type"] == "extra_forbidden" else error["msg"]
    return {"field": ".".join(where) or "body", "value": value, "expected": expected}


def _shown(value: Any) -> Any:
    """The bad value, short and always valid as JSON: no NaN, no lone surrogates."""
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)[:200].encode("utf-8", "replace").decode()
