"""Search: the words alone, with facets counted over the best results."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.recommender import give
from api.routes.guard import KeeperOf, LedgerOf, admitting
from api.routes.recommendations import kept
from api.schemas.search import Facets, FacetValue, Prices, SearchOptions, SearchResponse
from api.state.columns import value_key

_COUNTED = 100  # results that facets are counted over
_MOST = 10  # values of a facet, and attributes
router = APIRouter(**admitting, tags=["search"])


@router.get("/search", response_model=SearchResponse)
async def search(options: Annotated[SearchOptions, Query()], keeper: KeeperOf, ledger: LedgerOf) -> Response:
    """Items for words alone: by what they mean and by how they are written."""
    wanted = options.request("search", None, [])
    best = wanted.model_copy(
        update={
            "limit": _COUNTED,
            "page_token": None,
            "explain": "none",
            "fields": ["categories", "brand", "attributes", "price"],
        }
    )
    serving, reads = keeper.serving, keeper.reads
    given = await give(wanted, serving, reads)
    counted = (await give(best, serving, reads)).response
    told = given.response.__dict__ | {"took_ms": given.response.took_ms + counted.took_ms}
    response = SearchResponse.model_construct(**told, facets=facets_of([i.fields for i in counted.items]))
    return Response(kept(given._replace(response=response), ledger), media_type="application/json")


def facets_of(results: Sequence[Mapping[str, Any]]) -> Facets:
    """Counts over the fields of results, best first."""
    having = [fields["attributes"] for fields in results]
    prices = sorted(fields["price"] for fields in results if fields["price"] is not None)
    return Facets(
        counted=len(results),
        category=_counts(fields["categories"] or () for fields in results),
        brand=_counts([fields["brand"]] for fields in results if fields["brand"]),
        attributes={
            name.value: _counts(_values(of, name.value) for of in having) for name in _counts(having)
        },
        price=Prices(lowest=prices[0], median=prices[len(prices) // 2], highest=prices[-1])
        if prices
        else None,
    )


def _counts(results: Iterable[Iterable[Any]]) -> list[FacetValue]:
    """How many results have each value, in any case, as it is written in the best of them."""
    counts: Counter[str] = Counter()
    written: dict[str, str] = {}
    for values in results:
        found: dict[str, str] = {}
        for value in values:
            found.setdefault(value_key(value), value if isinstance(value, str) else value_key(value))
        counts.update(found.keys())
        written = found | written
    return [FacetValue(value=written[key], count=n) for key, n in counts.most_common(_MOST)]


def _values(attributes: Mapping[str, Any], name: str) -> Iterator[Any]:
    for own, values in attributes.items():
        if value_key(own) == value_key(name):
            yield from values if isinstance(values, list) else [values]
