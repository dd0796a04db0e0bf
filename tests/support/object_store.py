"""A real S3 server (moto over HTTP) before which stands what can go wrong on the way."""

import threading
from contextlib import contextmanager

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def error(status, code):
    """An answer in the words of S3."""
    body = f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>".encode()
    return status, body


class Faulty:
    """WSGI: answers as `faults` say, each (matches(method, path), act) once; everything else is moto's.

    `act` is `error(...)`, "break" (the body stops half way), "lose" (done, but the answer never comes).
    """

    def __init__(self):
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.faults, self.requests = [], []

    def fail(self, method, part, act, times=1):
        self.faults += [(method, part, act)] * times

    def count(self, method, part=""):
        return sum(m == method and part in path for m, path in self.requests)

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        fault = next((f for f in self.faults if f[0] == method and f[1] in path), None)
        if fault is None:
            return self._moto(environ, start_response)
        self.faults.remove(fault)
        return self._fail(fault[2], environ, start_response)

    def _fail(self, act, environ, start_response):
        if isinstance(act, tuple):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{act[0]} -", [("Content-Type", "application/xml"), ("Connection", "close")])
            return [act[1]]
        answer = b"".join(self._moto(environ, start_response if act == "break" else lambda *_: None))
        if act == "break":
            return _half(answer)
        start_response("503 -", [("Connection", "close")])
        return [b""]


def _half(answer):
    yield answer[: len(answer) // 2]
    raise ConnectionResetError("as the test wants it")


@contextmanager
def object_store():
    """(the WSGI application, its address)."""
    app = Faulty()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield app, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
