"""The API from Python, typed: the same models that the server checks with, and none of the server.

    >>> with Client("http://127.0.0.1:8000") as shop:
    ...     answer = shop.recommendations(RecommendationRequest(user_id="4711", query="gift"))
    ...     print(answer.items[0].item_id)

Install with `pip install '.[client]'`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from api.schemas import Options, RecommendationRequest, RelatedOptions
from api.schemas.answers import BatchResponse, ModelList, Problem, RecommendationResponse
from api.schemas.audience import AudienceMember, AudienceRequest
from api.schemas.results import EventResult, EventResults, ItemResult, ItemResults
from api.schemas.scenarios import NamedScenario, Rule, Scenario, ScenarioList
from api.schemas.search import SearchResponse
from api.schemas.suggest import SuggestResponse
from api.schemas.trends import TrendOptions, TrendResponse
from api.schemas.why import ExplainRequest, Explanation

Answer = TypeVar("Answer", bound=BaseModel)


class ProblemError(Exception):
    """The API refused or failed; `problem` is its RFC 9457 document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.status} {problem.title}: {problem.detail}")
        self.problem = problem


class Client:
    """A connection to one API, to be closed or used in a `with` statement.

    Args:
        base_url: where the API is, for example http://127.0.0.1:8000.
        api_key: the key in SHOPGRAPH_API_KEY, where the API has one.
        http: another HTTP client to send with, for example one with retries; `base_url` is then its own.

    Every method raises ProblemError where the API answers with a problem, and httpx.TransportError where it
    cannot be reached.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        timeout: float = 10.0,
        http: httpx.Client | None = None,
    ) -> None:
        self._http = http or httpx.Client(base_url=base_url, timeout=timeout)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def recommendations(self, request: RecommendationRequest) -> RecommendationResponse:
        """Items for a user, a session, an item, words, or any of these together."""
        return self._ask(RecommendationResponse, "POST", "/v1/recommendations", json=_body(request))

    def batch(self, requests: Iterable[RecommendationRequest]) -> list[RecommendationResponse | Problem]:
        """Up to 20 recommendations without an item twice; where one fails, its problem is in its place."""
        body = {"requests": [_body(request) for request in requests]}
        return self._ask(BatchResponse, "POST", "/v1/recommendations:batch", json=body).answers

    def replay(self, recommendation_id: str) -> RecommendationResponse:
        """An answer of the last 24 hours as it was given."""
        return self._ask(RecommendationResponse, "GET", f"/v1/recommendations/{recommendation_id}")

    def for_user(self, user_id: str, options: Options | None = None) -> RecommendationResponse:
        """Items for a user."""
        return self.recommendations((options or Options()).request(None, user_id, []))

    def related(self, item_id: str, options: RelatedOptions | None = None) -> RecommendationResponse:
        """Items similar to an item, bought with it, going with it or able to replace it."""
        options = options or RelatedOptions()
        if options.scenario is None or "kind" in options.model_fields_set:
            return self.recommendations(options.request(options.kind, options.user_id, [item_id]))
        # only the API knows the scenario's kind
        path = f"/v1/items/{quote(item_id, safe='')}/related"
        return self._ask(RecommendationResponse, "GET", path, params=_params(options))

    def search(self, query: str, options: Options | None = None) -> SearchResponse:
        """Items for words alone, with facets."""
        params = _params(options or Options()) | {"query": query}
        return self._ask(SearchResponse, "GET", "/v1/search", params=params)

    def explain(self, request: ExplainRequest) -> Explanation:
        """Why an item is recommended, or why not."""
        return self._ask(Explanation, "POST", "/v1/explain", json=_body(request))

    def suggest(self, typed: str, limit: int = 10) -> SuggestResponse:
        """Completions and next keywords; a space at the end says that the last word is finished."""
        return self._ask(SuggestResponse, "GET", "/v1/suggest", params={"q": typed, "limit": limit})

    def trends(self, options: TrendOptions | None = None) -> TrendResponse:
        """Categories in which most happens lately, or more than usual."""
        return self._ask(TrendResponse, "GET", "/v1/trends", params=_params(options or TrendOptions()))

    def events(self, events: Iterable[Mapping[str, Any]]) -> list[EventResult]:
        """What became of up to 1,000 events, each told as docs/writes.md has it and judged by itself."""
        return self._ask(EventResults, "POST", "/v1/events", json={"events": [*events]}).results

    def put_item(self, item_id: str, **fields: Any) -> ItemResult:
        """A new item, or all that is known of one: the JSON fields of `PUT /v1/items/{item_id}`."""
        return self._ask(ItemResult, "PUT", f"/v1/items/{quote(item_id, safe='')}", json=fields)

    def patch_item(self, item_id: str, **fields: Any) -> ItemResult:
        """Some fields of an item; the others stay."""
        return self._ask(ItemResult, "PATCH", f"/v1/items/{quote(item_id, safe='')}", json=fields)

    def items(self, items: Iterable[Mapping[str, Any]], whole: bool = True) -> list[ItemResult]:
        """What became of many items, each with its item_id; with `whole=False` fields not given stay."""
        body = {"items": [*items], "whole": whole}
        return self._ask(ItemResults, "POST", "/v1/items:bulk", json=body).results

    def delete_item(self, item_id: str) -> ItemResult:
        """Delete an item with its edges."""
        return self._ask(ItemResult, "DELETE", f"/v1/items/{quote(item_id, safe='')}")

    def audiences(self, request: AudienceRequest, timeout: float = 600.0) -> Iterator[AudienceMember]:
        """The users whom an item or a need suits best, best first, as they arrive.

        Args:
            timeout: seconds to wait for the first: every user of the shop is scored before.
        """
        how: Any = {"headers": self._headers | {"Accept": "application/x-ndjson"}, "timeout": timeout}
        with self._http.stream("POST", "/v1/audiences", json=_body(request), **how) as response:
            if response.is_error:
                response.read()
                raise _problem(response)
            for line in response.iter_lines():
                yield AudienceMember.model_validate_json(line)

    def erase_user(self, user_id: str) -> None:
        """Erase a shopper with all that they did; an anonymous session is session:<its id>."""
        self._send("DELETE", f"/v1/users/{quote(user_id, safe='')}")

    def scenarios(self) -> list[NamedScenario]:
        """All placements with their rules."""
        return self._ask(ScenarioList, "GET", "/v1/scenarios").scenarios

    def save_scenario(self, name: str, scenario: Scenario) -> NamedScenario:
        """A placement in place of the one of that name; without rules given, its rules stay."""
        return self._ask(NamedScenario, "PUT", f"/v1/scenarios/{name}", json=_body(scenario))

    def save_rule(self, scenario: str, rule_id: str, rule: Rule) -> NamedScenario:
        """One rule of a placement, in place of the one of that id; returns the placement."""
        return self._ask(NamedScenario, "PUT", f"/v1/scenarios/{scenario}/rules/{rule_id}", json=_body(rule))

    def delete_scenario(self, name: str, rule_id: str | None = None) -> None:
        """Delete a placement, or one rule of it."""
        self._send("DELETE", f"/v1/scenarios/{name}" + (f"/rules/{rule_id}" if rule_id else ""))

    def models(self) -> ModelList:
        """The published models and which of them is live."""
        return self._ask(ModelList, "GET", "/v1/models")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, model: type[Answer], method: str, path: str, **content: Any) -> Answer:
        return model.model_validate_json(self._send(method, path, **content).content)

    def _send(self, method: str, path: str, json: Any = None, **content: Any) -> httpx.Response:
        if json is not None:
            content["json"] = to_jsonable_python(json)  # times as ISO 8601
        response = self._http.request(method, path, headers=self._headers, **content)
        if response.is_error:
            raise _problem(response)
        return response


def _body(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=True, by_alias=True)


def _params(options: BaseModel) -> dict[str, Any]:
    return options.model_dump(mode="json", exclude_unset=True, exclude_none=True)


def _problem(response: httpx.Response) -> ProblemError:
    try:
        return ProblemError(Problem.model_validate_json(response.content))
    except ValidationError:  # a proxy's page, for example
        title, path = response.reason_phrase or "Error", response.url.path
        told = {"type": "about:blank", "title": title, "detail": response.text[:200], "instance": path}
        return ProblemError(Problem.model_validate(told | {"status": response.status_code}))
