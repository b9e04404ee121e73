"""What users think of answers: the body of ``/v1/feedback`` and its answer.

A replica knows the ids of its own recent answers only. One that it does not know may be another
replica's, or of before a restart, and the journal in the store is not searched while a client
waits. So feedback on any id is kept and joins its choice when it is read (``records``), where ids
that no choice has are counted and left out. The status says which it was: 200 on an answer of this
replica, 202 on one that it cannot vouch for.
"""

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from pydantic import Field

from actors.router.journal import Journal
from cluster.settings import Section


class FeedbackRequest(Section):
    """Body of ``/v1/feedback``."""

    id: str = Field(
        min_length=1, max_length=256, pattern=r"^[!-~]+$", description="that of the answer"
    )
    score: float = Field(
        ge=0, le=1, allow_inf_nan=False, strict=True, description="1: right, 0: wrong"
    )
    comment: str | None = Field(None, max_length=4096)


def take_feedback(
    journal: Journal | None, body: FeedbackRequest, key_name: str | None = None
) -> JSONResponse:
    """Takes feedback down and says whether its answer is known. Raises HTTPException 404.

    Args:
        journal: where it goes; without one there is no such place (404).
        body: the feedback.
        key_name: of the API key that it came with.
    """
    if journal is None:
        raise HTTPException(404, "feedback is not taken here (key 'router.journal.enabled')")
    known = journal.knows(body.id)
    journal.feedback(body.id, body.score, body.comment, key_name)
    content = {"object": "feedback", "id": body.id, "score": body.score, "known": known}
    return JSONResponse(content, 200 if known else 202)
