"""A classifier behind an OpenAI-compatible address: ``POST {url}/moderations``."""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence

from attrs import frozen

from ftctl.ports import EvaluatorError

BATCH = 32
SECONDS = 60.0


@frozen
class Classifier:
    """``url`` ends before ``/moderations``; ``key_env`` names the variable that holds the key."""

    url: str
    model: str
    key_env: str | None = None

    def flagged(self, texts: Sequence[str]) -> list[list[str]]:
        """The categories that each text was flagged for.

        Raises:
            EvaluatorError: it does not answer, or not as the API says.
        """
        found: list[list[str]] = []
        for start in range(0, len(texts), BATCH):
            part = list(texts[start : start + BATCH])
            try:
                results = self._ask(part)["results"]
                found += [sorted(name for name, hit in one["categories"].items() if hit) for one in results]
            except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                raise EvaluatorError(f"the classifier at {self.url} does not answer: {error}") from error
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise EvaluatorError(f"the classifier at {self.url} answers no moderations: {error!r}") from error
            if len(found) != start + len(part):
                raise EvaluatorError(f"the classifier at {self.url} judged {len(found)} of {start + len(part)} texts")
        return found

    def _ask(self, texts: list[str]) -> dict[str, list[dict[str, dict[str, bool]]]]:
        body = json.dumps({"model": self.model, "input": texts}).encode()
        headers = {"Content-Type": "application/json"}
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/moderations", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 # what the user named
            document: dict[str, list[dict[str, dict[str, bool]]]] = json.load(answer)
        return document
