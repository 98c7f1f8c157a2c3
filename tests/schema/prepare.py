"""Creates two organisations for schemathesis, each with a connected account and a pin: one to work in, and one whose
key may be revoked and whose account may be disconnected. For each it writes the API's document with real ids in place
of the examples', so that requests don't fail because of unknown ids. Prints the credentials as shell assignments.

Usage: prepare.py READY_FILE FOLDER   (of a local stack with PINBRIDGE_REGISTRATION=open, which prints to FOLDER/out)
"""

import http.client
import json
import re
import sys
import time
import urllib.parse
import urllib.request
import uuid

PASSWORD = "correct horse battery"


def call(base, method, path, body=None, bearer=None):
    headers = {"content-type": "application/json", "accept": "application/json"}
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, method=method, headers=headers, data=data)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def agree(url, person):
    """The path to which Pinterest's page redirects the browser of a user who authorizes the app."""
    parts = urllib.parse.urlsplit(f"{url}&account={person}")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}")
    location = urllib.parse.urlsplit(connection.getresponse().headers["location"])
    return f"{location.path}?{location.query}"


def link(printed, email):
    """The path of the link in the mail to that address, which the local stack prints."""
    for _ in range(100):
        with open(printed) as file:
            found = re.search(rf"Mail to {re.escape(email)}:.*?(/v1/auth/email/verify\?token=\w+)", file.read(), re.DOTALL)
        if found:
            return found[1]
        time.sleep(0.1)
    raise SystemExit(f"{printed} has no mail to {email}")


def organisation(base, person, printed, document):
    email = f"{uuid.uuid4()}@example.com"
    session = call(base, "POST", "/v1/auth/register", {"full_name": "Fuzz", "email": email, "password": PASSWORD})
    call(base, "GET", link(printed, email))
    token = session["access_token"]
    key = call(base, "POST", "/v1/api-keys", {"name": "schemathesis"}, token)["api_key"]
    start = call(base, "GET", "/v1/pinterest/oauth/start", bearer=key)
    account = call(base, "GET", agree(start["authorization_url"], person))["account_id"]
    board = call(base, "GET", f"/v1/pinterest/boards?account_id={account}", bearer=key)[0]["id"]
    described = call(base, "GET", "/openapi.json")
    operation = described["paths"]["/v1/pins"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    made = operation["responses"]["201"]["content"]["application/json"]["example"]
    pin = call(base, "POST", "/v1/pins", example | {"account_id": account, "board_id": board}, key)
    text = json.dumps(described)
    for of_example, real in [(example["account_id"], account), (example["board_id"], board), (made["id"], pin["id"]),
                             (made["workspace_id"], pin["workspace_id"])]:
        text = text.replace(of_example, real)
    with open(document, "w") as file:
        file.write(text)
    return key, token


def main():
    with open(sys.argv[1]) as file:
        base = json.load(file)["base_url"]
    printed = f"{sys.argv[2]}/out"
    key, session = organisation(base, "sim_account_2", printed, f"{sys.argv[2]}/openapi.json")
    spare_key, spare_session = organisation(base, "sim_account_3", printed, f"{sys.argv[2]}/spare.json")
    print(f"export BASE_URL={base} KEY={key} SESSION={session} SPARE_KEY={spare_key} SPARE_SESSION={spare_session}")


if __name__ == "__main__":
    main()
