"""A real HTTP server that speaks OpenAI's chat completions, with an opinion of the test's choosing."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class ChatServer(ThreadingHTTPServer):
    """`reply(question)` is what it answers; `refusals` are (status, headers) to be sent first, one a request.

    Each of `refuses`, by the name of a parameter, says of its value whether it is refused, as OpenAI refuses it.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = lambda question: "Verdict: tie"
        self.refusals = []
        self.refuses = {}
        self.requests = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        with server.lock:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.requests.append((self.path, dict(self.headers), body))
            refusal = server.refusals.pop(0) if server.refusals else None
        status, headers = refusal or (200, {})
        answer = {"error": "no"} if refusal else server.reply(body["messages"][0]["content"])
        named = [name for name, refused in server.refuses.items() if name in body and refused(body[name])]
        if named and not refusal:
            status, answer = 400, {"error": {"message": f"Unsupported: {named[0]!r}.", "param": named[0]}}
        if isinstance(answer, str):
            answer = {"choices": [{"message": {"role": "assistant", "content": answer}}]}
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        with server.lock:
            server.at_once -= 1
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    chat = ChatServer()
    thread = threading.Thread(target=chat.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield chat
    chat.shutdown()
    chat.server_close()
