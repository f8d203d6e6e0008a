"""What all routes share: the key that callers send, the errors they may get, and what answers them."""

import secrets
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.admission import admitted
from api.ledger import Ledger, ledger_of
from api.problems import ApiError
from api.schemas.answers import Problem
from api.state.serving import Keeper


def problem_response(text: str) -> dict[str, Any]:
    """A problem document in the OpenAPI document."""
    schema = {"schema": Problem.model_json_schema()}
    return {"description": text, "content": {"application/problem+json": schema}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: problem_response(text)
    for status, text in (
        (401, "The key is missing or wrong."),
        (404, "No such item."),
        (415, "The body is no JSON, or its Content-Type does not say so."),
        (422, "A field has a bad value; the document names it."),
        (500, "The API failed; its log has the trace."),
        (
            503,
            "The graph, the model or the encoder is missing, or too much is asked; it says what to do.",
        ),
    )
}
_bearer = HTTPBearer(auto_error=False, description="The key in SHOPGRAPH_API_KEY, where one is set.")


def keeper_of(request: Request) -> Keeper:
    """The process's snapshot keeper."""
    keeper: Keeper = request.app.state.keeper
    return keeper


def authorised(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Let through who carries the key, and everybody where no key is set."""
    key = request.app.state.settings.api_key
    if key is None:
        return
    if given is None or not secrets.compare_digest(
        given.credentials.encode(), key.get_secret_value().encode()
    ):
        detail = "Send the key of SHOPGRAPH_API_KEY as 'Authorization: Bearer <key>'."
        raise ApiError(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})


KeeperOf = Annotated[Keeper, Depends(keeper_of)]
LedgerOf = Annotated[Ledger, Depends(ledger_of)]
guarded: dict[str, Any] = {"prefix": "/v1", "dependencies": [Depends(authorised)], "responses": PROBLEMS}
# Of what takes computing.
admitting: dict[str, Any] = guarded | {"dependencies": [Depends(authorised), Depends(admitted)]}
