"""Several recommendations at once, none of which shows what an earlier one shows."""

from pydantic import ValidationError

from api.problems import EXPECTED, document, invalid, with_status
from api.reads import Reads
from api.recommender import Given, give
from api.schemas import BatchRequest, RecommendationRequest
from api.schemas.answers import Problem
from api.state.served import Serving


async def recommend_each(
    batch: BatchRequest, serving: Serving, reads: Reads, path: str
) -> list[Given | Problem]:
    """Answer the requests in order, from one snapshot; one that fails leaves the others as they are.

    Args:
        path: where the batch was asked for; a problem points to its request below it.
    """
    answers: list[Given | Problem] = []
    taken: list[str] = []
    for n, given in enumerate(batch.requests):
        try:
            request = RecommendationRequest.model_validate(given)
            answer = await give(request, serving, reads, taken=taken)
        except (ValidationError, *EXPECTED) as error:
            found = invalid(error) if isinstance(error, ValidationError) else with_status(error)
            answers.append(Problem(**document(found, f"{path}#/requests/{n}")))
        else:
            answers.append(answer)
            taken += [item.item_id for item in answer.response.items]
    return answers
