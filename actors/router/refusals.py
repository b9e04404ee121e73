"""Answers that refuse a request, in the form that OpenAI's clients read."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as HTTPError

_SERVERS_FAULT = 500
_REASON_LENGTH = 200


def short(reason: object) -> str:
    """Why something failed, in one line that logs and callers can bear."""
    return " ".join(str(reason).split())[:_REASON_LENGTH]


class RefusedError(Exception):
    """A request that goes no further, and what it is answered."""

    def __init__(self, answer: JSONResponse) -> None:
        super().__init__(answer)
        self.answer = answer


def openai_error(
    status: int,
    message: str,
    *,
    kind: str | None = None,
    code: str | int | None = None,
    param: str | None = None,
) -> dict[str, Any]:
    """OpenAI's error object; its ``code`` is the HTTP status where there is no better word."""
    kind = kind or ("invalid_request_error" if status < _SERVERS_FAULT else "server_error")
    error = {"message": message, "type": kind, "param": param, "code": code or status}
    return {"error": error}


def refusal(
    status: int, message: str, *, headers: Mapping[str, str] | None = None, **told: Any
) -> JSONResponse:
    """The answer to a request that goes no further; ``told`` as of ``openai_error``."""
    return JSONResponse(openai_error(status, message, **told), status, headers)


def answer_errors_as_openai(http: FastAPI) -> None:
    """Has ``http`` answer what FastAPI and Ray refuse in the form that OpenAI's clients read."""
    http.add_exception_handler(RequestValidationError, _invalid)
    http.add_exception_handler(HTTPError, _refused)


# Ray's own handler sends back what it found, and fails where that is no JSON, such as NaN.
async def _invalid(request: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return refusal(400, f"{place}: {first['msg']}", param=place)


async def _refused(request: Request, error: Any) -> JSONResponse:
    return refusal(error.status_code, error.detail, headers=error.headers)
