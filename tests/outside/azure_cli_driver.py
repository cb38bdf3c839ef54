"""Run az commands in the real Azure CLI, with everything beyond its HTTP client cut off.

Runs inside the environment that holds azure-cli. One JSON object a line comes in: ``argv``
(without the leading ``az``) and, if wanted, ``status`` and ``answer`` (what to answer the first
request with). One goes out for each: ``exit_code``, ``requests`` (each with ``method``, ``url``
and ``body``), ``output`` and ``error``.

The CLI's own parser reads the arguments, its own code builds the request, and the request stops
here: nothing is signed in and no socket can be opened.
"""

import io
import json
import os
import socket
import sys
import tempfile
import time
from urllib.parse import urlsplit

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def _no_network(*_arguments, **_options):
    raise OSError("the test environment has no network")


def main():
    answers = sys.stdout
    # One buffer for good: the CLI's logging keeps the stream it finds at its first command.
    sys.stdout = sys.stderr = complaints = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            AZURE_CONFIG_DIR=folder,
            AZURE_CORE_COLLECT_TELEMETRY="no",
            AZURE_CORE_NO_COLOR="yes",
            AZURE_CORE_ONLY_SHOW_ERRORS="yes",
        )
        os.chdir(folder)
        socket.socket.connect = _no_network
        run = _prepare(complaints)
        for line in sys.stdin:
            question = json.loads(line)
            answer = run(question["argv"], question.get("status"), question.get("answer"))
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def _prepare(complaints):
    import requests
    import urllib3
    from azure.cli.core import get_default_cli
    from azure.cli.core._profile import Profile
    from azure.core.credentials import AccessToken, AccessTokenInfo

    sent = []
    first = {}

    class Credential:
        def get_token(self, *_scopes, **_options):
            return AccessToken("token", int(time.time()) + 3600)

        def get_token_info(self, *_scopes, **_options):
            return AccessTokenInfo("token", int(time.time()) + 3600)

    def credentials(self, *_arguments, subscription_id=None, **_options):
        return Credential(), subscription_id or SUBSCRIPTION, "tenant"

    def send(self, request, **_options):
        if urlsplit(request.url).hostname != "management.azure.com":
            raise requests.exceptions.ConnectionError("only the management endpoint is played")
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        sent.append({"method": request.method, "url": request.url, "body": body})
        status, answer = first.pop("status", None), first.pop("answer", None)
        if answer is None:
            answer = _answer(request.method, request.url, body)
        content = b"" if answer is None else json.dumps(answer).encode()
        response = requests.Response()
        created = request.method == "PUT" and "/restorePoints/" in request.url
        response.status_code = status or (201 if created else 200)
        response.request = request
        response.url = request.url
        response.headers["Content-Type"] = "application/json"
        response.raw = urllib3.HTTPResponse(
            body=io.BytesIO(content), status=response.status_code, preload_content=False
        )
        return response

    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, 0.001))  # nothing here takes time to finish
    requests.Session.send = send
    Profile.get_login_credentials = credentials
    Profile.get_raw_token = lambda self, *_a, **_k: (("Bearer", "token", {}), SUBSCRIPTION, "t")
    Profile.get_subscription_id = lambda self, subscription=None: subscription or SUBSCRIPTION

    def run(argv, status, answer):
        sent.clear()
        first.clear()
        first.update(status=status, answer=answer)
        complaints.seek(0)
        complaints.truncate()
        output = io.StringIO()
        try:
            exit_code = get_default_cli().invoke(argv, out_file=output)
        except SystemExit as stop:
            exit_code = stop.code
        return {
            "exit_code": exit_code,
            "requests": list(sent),
            "output": output.getvalue(),
            "error": complaints.getvalue(),
        }

    return run


def _answer(method, url, body):
    path = urlsplit(url).path
    if method in {"DELETE", "POST"}:
        return None
    parts = path.split("/")
    if "providers" in parts and (len(parts) - parts.index("providers")) % 2 == 1:
        return {"value": []}
    properties = {"provisioningState": "Succeeded"}
    if body:
        properties |= json.loads(body).get("properties", {})
    return {"id": path, "name": parts[-1], "location": "westeurope", "properties": properties}


if __name__ == "__main__":
    main()
