"""A refused request: an HTTP status and one line."""

from fastapi.responses import JSONResponse


class Refused(Exception):
    """A request that is not answered; `status` is that of HTTP."""

    def __init__(self, status: int, line: str):
        super().__init__(line)
        self.status = status


def refusal(status: int, line: str) -> JSONResponse:
    """The answer ``{"error": line}``; one of 429 and 503 names when to try again."""
    headers = {"Retry-After": "1"} if status in (429, 503) else None
    return JSONResponse({"error": " ".join(line.split())}, status, headers)
