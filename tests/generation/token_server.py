"""A completions server over transformers' `generate`, as small as one can be: python token_server.py WEIGHTS PORT

It speaks what of vLLM's protocol `generation.prompts=tokens` needs: token ids in and out, stop tokens, /health.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

import torch
from transformers import AutoModelForCausalLM

weights, port = sys.argv[1], int(sys.argv[2])
print(f"loading {weights}", flush=True)
model = AutoModelForCausalLM.from_pretrained(weights)
one_at_a_time = Lock()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer(200 if self.path == "/health" else 404, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] != weights:
            self._answer(404, {"error": {"message": f"The model {body['model']} does not exist."}})
            return
        with one_at_a_time, torch.inference_mode():
            (row,) = model.generate(
                torch.tensor([body["prompt"]]),
                max_new_tokens=body["max_tokens"],
                eos_token_id=body["stop_token_ids"],
                do_sample=False,
            ).tolist()
        tokens = row[len(body["prompt"]) :]
        reason = "stop" if tokens[-1] in body["stop_token_ids"] else "length"
        self._answer(200, {"choices": [{"text": "", "token_ids": tokens, "finish_reason": reason}]})

    def _answer(self, status, answer):
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
