"""The Python client against the running API, and against what is not the API."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.schemas import Filters, Options, RecommendationRequest, RelatedOptions
from api.schemas.answers import Problem, RecommendationResponse
from api.schemas.audience import AudienceRequest
from api.schemas.scenarios import Rule, Scenario, Target
from api.schemas.why import ExplainRequest
from kg.driver import Graph
from kg.encode import vector_index
from kg.queries import load
from kg.schema import make_keys
from kg.settings import Settings
from shopgraph.client import Client, ProblemError
from tests.api.test_recommendations import wait_for


@pytest.fixture
def shop(client: TestClient) -> Client:
    return Client(http=client)


def writable(graph: Graph) -> None:
    """With what items are written by."""
    make_keys(graph)
    graph.write(load("encode").create_index, options=vector_index(384))
    graph.write(load("ingest").await_indexes)


def test_every_method_answers_with_its_model(shop: Client) -> None:
    request = RecommendationRequest(user_id="ann", limit=2, filters=Filters(category=["Tea"]))
    found = [i.item_id for i in shop.recommendations(request).items]
    assert len(found) == 2
    assert {*found} <= {"tea-3", "tea-4", "tea-5"}
    answer = shop.for_user("ann")
    assert len(answer.items) == 10
    assert shop.replay(answer.recommendation_id) == answer
    assert len(shop.for_user("ann", Options(limit=1, in_stock=True, category=["Tea", "Coffee"])).items) == 1
    together = shop.related("tea-0", RelatedOptions(kind="bought_together", limit=1))
    assert [i.item_id for i in together.items] == ["coffee-1"]
    assert shop.suggest("gard", limit=1).suggestions[0].text == "Garden"
    assert [m.user_id for m in shop.audiences(AudienceRequest(item_id="tea-3", limit=1))] == ["ann"]
    assert [m.version for m in shop.models().models] == ["model-1"]


def test_search_and_explanations_are_typed(shop: Client) -> None:
    found = shop.search("tea", Options(limit=2, brand=["Acme"], in_stock=True))
    assert len(found.items) == 2
    assert [(v.value, v.count) for v in found.facets.brand] == [("Acme", 6)]
    after = shop.search("tea", Options(limit=2, brand=["Acme"], page_token=found.next_page_token))
    assert not {i.item_id for i in found.items} & {i.item_id for i in after.items}
    why = shop.explain(ExplainRequest(item_id="tea-0", user_id="ann"))
    assert (why.returned, why.removed_by, why.reasons[0].type) == (False, "seen", "history")


def test_a_batch_has_a_problem_in_the_place_of_what_fails(shop: Client) -> None:
    first, failed, last = shop.batch(
        [
            RecommendationRequest(query="tea", limit=3),
            RecommendationRequest(kind="similar", item_ids=["nothing"]),
            RecommendationRequest(query="tea", limit=3),
        ]
    )
    assert isinstance(first, RecommendationResponse)
    assert isinstance(last, RecommendationResponse)
    assert not {i.item_id for i in first.items} & {i.item_id for i in last.items}
    assert isinstance(failed, Problem)
    assert failed.status == 404


def test_events_and_items_are_written(shop: Client, filled: Graph) -> None:
    writable(filled)
    bought = {"event_id": "1", "type": "purchase", "user_id": "zoe", "item_id": "teas/no 9"}
    waiting, refused = shop.events([bought, {"event_id": "2", "type": "view"}])
    assert (waiting.status, refused.status) == ("pending", "rejected")
    assert refused.reason == "neither user_id nor session_id is given"

    created = shop.put_item("teas/no 9", title="Oolong tea leaves", categories=["Food > Tea"], price=3.0)
    assert (created.item_id, created.status, created.attached_events) == ("teas/no 9", "created", 1)
    assert shop.patch_item("teas/no 9", price=4.5).status == "changed"
    exact = Options(limit=1, fields=["title", "price"])
    wait_for(lambda: [i.item_id for i in shop.search("oolong", exact).items] == ["teas/no 9"], seconds=5)
    (item,) = shop.search("oolong", exact).items
    assert item.fields == {"title": "Oolong tea leaves", "price": 4.5}
    assert shop.delete_item("teas/no 9").status == "deleted"
    with pytest.raises(ProblemError, match="404 Unknown item"):
        shop.patch_item("teas/no 9", price=1)


def test_a_scenario_chooses_the_kind_unless_the_caller_does(shop: Client) -> None:
    shop.save_scenario("product", Scenario(kind="bought_together"))
    shop.save_scenario("plain", Scenario(kind=None))

    def related(**options: Any) -> str:
        return shop.related("tea-0", RelatedOptions(limit=1, **options)).items[0].item_id

    assert related(scenario="product", in_stock=True) == "coffee-1"
    assert related(scenario="product", kind="similar") == related(scenario="plain") == related()
    shop.save_scenario("hot", Scenario(kind="trending"))
    hot = shop.for_user("ann", Options(scenario="hot", limit=1))
    assert hot.intent.signals == ["popularity"]
    assert "history" in shop.for_user("ann").intent.signals


def test_filters_arrive_as_they_are_meant(shop: Client) -> None:
    request = RecommendationRequest(limit=18, filters=Filters.model_validate({"not": {"category": ["Food"]}}))
    assert {i.item_id.split("-")[0] for i in shop.recommendations(request).items} == {"tools"}


def test_scenarios_are_saved_and_deleted(shop: Client) -> None:
    rule = Rule.model_validate(
        {"effect": "hide", "applies_to": {"category": ["Food"]}, "until": "2099-01-01T00:00Z"}
    )
    shop.save_scenario("home", Scenario(note="First page."))
    assert [r.rule_id for r in shop.save_rule("home", "no-food", rule).rules or ()] == ["no-food"]
    assert shop.scenarios()[0].rules == shop.save_scenario("home", Scenario(diversity=0.1)).rules
    answer = shop.recommendations(RecommendationRequest(scenario="home", limit=18))
    assert {i.item_id.split("-")[0] for i in answer.items} == {"tools"}
    shop.delete_scenario("home", "no-food")
    assert shop.scenarios()[0].rules == []
    shop.delete_scenario("home")
    assert shop.scenarios() == []


def test_problems_are_exceptions_that_carry_the_document(shop: Client) -> None:
    with pytest.raises(ProblemError, match="404 Unknown item: There is no item 'no/thing'") as caught:
        shop.related("no/thing")
    assert caught.value.problem.type == "/problems/unknown-item"
    with pytest.raises(ProblemError) as refused:
        shop.recommendations(RecommendationRequest(kind="similar"))
    assert refused.value.problem.errors is not None
    assert refused.value.problem.errors[0]["field"] == "item_ids"
    with pytest.raises(ProblemError) as unknown:
        list(shop.audiences(AudienceRequest(item_id="nothing")))
    assert unknown.value.problem.status == 404


def test_the_key_is_sent(filled: Graph, settings: Settings) -> None:
    assert filled.connection.uri == settings.neo4j_uri
    locked = Settings.model_validate({**settings.model_dump(), "api_key": "secret"})
    with TestClient(create_app(locked)) as http:
        assert Client(http=http, api_key="secret").for_user("ann").items
        with pytest.raises(ProblemError, match="401"):
            Client(http=http).for_user("ann")


def test_what_is_no_problem_document_becomes_one() -> None:
    proxy = httpx.MockTransport(lambda _: httpx.Response(502, text="<h1>Bad gateway</h1>"))
    with (
        Client(http=httpx.Client(base_url="http://shop", transport=proxy)) as shop,
        pytest.raises(ProblemError, match="502 Bad Gateway: <h1>Bad gateway</h1>") as caught,
    ):
        shop.search("tea")
    assert caught.value.problem.instance == "/v1/search"


def test_the_client_loads_none_of_the_server() -> None:
    code = (
        "import sys, shopgraph.client\n"
        "heavy = {'torch', 'neo4j', 'numpy', 'fastapi', 'starlette', 'onnxruntime', 'kg', 'gnn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_python_has_goes_out_as_it_is(shop: Client, filled: Graph) -> None:
    writable(filled)
    seen = {"event_id": "e-1", "type": "view", "user_id": "bea", "item_id": "tea-1", "at": datetime.now(UTC)}
    (event,) = shop.events([seen])
    assert event.status == "accepted"
    item = shop.put_item(
        "new", title="White tea", price=Decimal("4.5"), released_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    assert item.status == "created"
    one, none = shop.items([{"item_id": "new", "price": 5}, {"item_id": "no", "price": 5}], whole=False)
    assert (one.status, none.status) == ("changed", "unknown")
    shop.erase_user("bea")
    assert shop.for_user("bea").fallback_used is not None
    others = shop.search("tea", Options(limit=18))
    brand = Filters(not_=Filters(brand=["Acme"]))
    left = shop.recommendations(RecommendationRequest(query="tea", kind="search", limit=18, filters=brand))
    assert 0 < len(left.items) < len(others.items)


def test_a_scenario_that_was_read_can_be_sent_back(shop: Client) -> None:
    rule = Rule(
        effect="boost", factor=2, applies_to=Target(brand=["Acme"]), from_=datetime(2026, 1, 2, tzinfo=UTC)
    )
    shop.save_scenario("home", Scenario(diversity=0.2))
    saved = shop.save_rule("home", "acme", rule)
    assert saved.rules is not None
    assert shop.save_scenario("home", saved) == saved
    assert shop.save_rule("home", "acme", saved.rules[0]) == saved
    with pytest.raises(ProblemError, match="name is 'home'"):
        shop.save_scenario("away", saved)
    with pytest.raises(ProblemError, match="rule_id is 'acme'"):
        shop.save_rule("home", "other", saved.rules[0])
