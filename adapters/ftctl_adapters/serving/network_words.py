"""Errors of a connection in plain words."""

import http.client
import socket
import ssl
import urllib.error

WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "nothing listens at that address (connection refused)"),
    (ConnectionResetError, "it closed the connection"),
    (BrokenPipeError, "it closed the connection"),
    (ssl.SSLCertVerificationError, "its certificate cannot be verified"),
    (ssl.SSLError, "it does not speak TLS, or another one; is it http:// and not https://?"),
    (socket.gaierror, "no machine has that name"),
    (TimeoutError, "it did not answer in time"),
    (http.client.RemoteDisconnected, "it closed the connection without an answer"),
    (http.client.IncompleteRead, "its answer was cut off"),
    (http.client.BadStatusLine, "what answers there is no HTTP server"),
    (http.client.InvalidURL, "that is no address"),
    (http.client.HTTPException, "its answer is not HTTP"),
)


def network_words(error: BaseException) -> str:
    """Return what went wrong with a connection, as a clause; other errors by their type and text."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, BaseException):
        for kind, words in WORDS:
            if isinstance(cause, kind):
                return words
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        if isinstance(cause, ValueError):
            return "its answer is no JSON that OpenAI's servers send"
    return f"{type(error).__name__}: {error}"
