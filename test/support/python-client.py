"""What LoopGrid 0.1's Python SDK does on the wire, by its README: paths appended to the base URL, the
credential in the URL, which `requests` turns into HTTP Basic. Standard library where `requests` is not
installed. Prints what it got as JSON."""

import json
import sys

base_url = sys.argv[1]

try:
    import requests

    def call(method, path, body=None):
        response = requests.request(method, base_url + path, json=body, timeout=30)
        return response.status_code, response.json()

except ImportError:
    import base64
    import urllib.error
    import urllib.parse
    import urllib.request

    def call(method, path, body=None):
        url = urllib.parse.urlsplit(base_url)
        bare = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
        request = urllib.request.Request(bare + path, method=method)
        if url.username is not None:
            pair = f"{urllib.parse.unquote(url.username)}:{urllib.parse.unquote(url.password or '')}"
            encoded = base64.b64encode(pair.encode()).decode()
            request.add_header("Authorization", f"Basic {encoded}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


decision = {
    "service_name": "python",
    "decision_type": "reply",
    "input": {"message": "I was charged twice"},
    "model": {"provider": "openai", "name": "gpt-4"},
    "output": {"response": "Your account looks fine."},
    "prompt": None,
    "tool_calls": None,
    "metadata": None,
}
results = [call("POST", "/v1/decisions", decision)]
decision_id = results[0][1].get("decision_id", "none")
at = f"/v1/decisions/{decision_id}"
results.append(call("GET", at))
results.append(call("POST", f"{at}/incorrect", {"reason": "charged twice"}))
correction = {"correction": {"response": "refunded"}, "corrected_by": "jane", "notes": None}
results.append(call("POST", f"{at}/correction", correction))
results.append(call("POST", "/v1/replays", {"decision_id": decision_id, "triggered_by": "sdk"}))
results.append(call("GET", "/v1/decisions?service_name=python"))
results.append(call("GET", "/v1/integrity/verify"))
results.append(call("GET", "/v1/compliance/report"))
print(json.dumps([{"status": status, "body": body} for status, body in results]))
