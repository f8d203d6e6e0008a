"""The API from Python, typed: the same models that the server checks with, and none of the server.

    >>> with Client("http://127.0.0.1:8000") as shop:
    ...     answer = shop.recommendations(RecommendationRequest(user_id="4711", query="gift"))
    ...     print(answer.items[0].item_id)

Install with `pip install 'shopgraph[client]'`.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel, ValidationError

from api.answers import ModelList, Problem, RecommendationResponse
from api.audience_schemas import AudienceMember, AudienceRequest
from api.scenario_schemas import NamedScenario, Rule, Scenario, ScenarioList
from api.schemas import Options, RecommendationRequest, RelatedOptions
from api.suggest_schemas import SuggestResponse
from api.trend_schemas import TrendOptions, TrendResponse


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
        answer = self._send("POST", "/v1/recommendations", json=_body(request))
        return RecommendationResponse.model_validate_json(answer.content)

    def replay(self, recommendation_id: str) -> RecommendationResponse:
        """An answer of the last 24 hours as it was given."""
        answer = self._send("GET", f"/v1/recommendations/{recommendation_id}")
        return RecommendationResponse.model_validate_json(answer.content)

    def for_user(self, user_id: str, options: Options | None = None) -> RecommendationResponse:
        """Items for a user."""
        return self.recommendations((options or Options()).request("for_you", user_id, []))

    def related(self, item_id: str, options: RelatedOptions | None = None) -> RecommendationResponse:
        """Items similar to an item, bought with it, going with it or able to replace it."""
        options = options or RelatedOptions()
        return self.recommendations(options.request(options.kind, options.user_id, [item_id]))

    def suggest(self, typed: str, limit: int = 10) -> SuggestResponse:
        """Completions and next keywords; a space at the end says that the last word is finished."""
        answer = self._send("GET", "/v1/suggest", params={"q": typed, "limit": limit})
        return SuggestResponse.model_validate_json(answer.content)

    def trends(self, options: TrendOptions | None = None) -> TrendResponse:
        """Categories in which most happens lately, or more than usual."""
        params = (options or TrendOptions()).model_dump(exclude_none=True)
        return TrendResponse.model_validate_json(self._send("GET", "/v1/trends", params=params).content)

    def search(self, query: str, **options: Any) -> dict[str, Any]:
        """Items for words alone, with facets; `options` are the query parameters of `GET /v1/search`."""
        found: dict[str, Any] = self._send("GET", "/v1/search", params={"query": query, **options}).json()
        return found

    def explain(self, **body: Any) -> dict[str, Any]:
        """Why an item is recommended, or why not; `body` are the fields of `POST /v1/explain`."""
        found: dict[str, Any] = self._send("POST", "/v1/explain", json=body).json()
        return found

    def audiences(self, request: AudienceRequest, timeout: float = 600.0) -> Iterator[AudienceMember]:
        """The users whom an item or a need suits best, best first, as they arrive.

        Args:
            timeout: seconds to wait for the first: every user of the shop is scored before.
        """
        headers = self._headers | {"Accept": "application/x-ndjson"}
        with self._http.stream(
            "POST", "/v1/audiences", json=_body(request), headers=headers, timeout=timeout
        ) as response:
            if response.is_error:
                response.read()
                raise _problem(response)
            for line in response.iter_lines():
                yield AudienceMember.model_validate_json(line)

    def scenarios(self) -> list[NamedScenario]:
        """All placements with their rules."""
        answer = self._send("GET", "/v1/scenarios")
        return ScenarioList.model_validate_json(answer.content).scenarios

    def save_scenario(self, name: str, scenario: Scenario) -> NamedScenario:
        """A placement in place of the one of that name; without rules given, its rules stay."""
        answer = self._send("PUT", f"/v1/scenarios/{name}", json=_body(scenario))
        return NamedScenario.model_validate_json(answer.content)

    def save_rule(self, scenario: str, rule_id: str, rule: Rule) -> NamedScenario:
        """One rule of a placement, in place of the one of that id; returns the placement."""
        answer = self._send("PUT", f"/v1/scenarios/{scenario}/rules/{rule_id}", json=_body(rule))
        return NamedScenario.model_validate_json(answer.content)

    def delete_scenario(self, name: str, rule_id: str | None = None) -> None:
        """Delete a placement, or one rule of it."""
        self._send("DELETE", f"/v1/scenarios/{name}" + (f"/rules/{rule_id}" if rule_id else ""))

    def models(self) -> ModelList:
        """The published models and which of them is live."""
        return ModelList.model_validate_json(self._send("GET", "/v1/models").content)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        response = self._http.request(method, path, headers=self._headers, **content)
        if response.is_error:
            raise _problem(response)
        return response


def _body(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=True, by_alias=True)


def _problem(response: httpx.Response) -> ProblemError:
    try:
        return ProblemError(Problem.model_validate_json(response.content))
    except ValidationError:  # a proxy's page, for example
        return ProblemError(
            Problem(
                type="about:blank",
                title=response.reason_phrase or "Error",
                status=response.status_code,
                detail=response.text[:200],
                instance=response.url.path,
            )
        )
