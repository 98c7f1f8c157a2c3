"""The Python of infra/docs/api.md verifies a receipt of the local stack, and nothing that was forged.

The code runs as it is printed, with `python -O` too, in a folder with the two files that it reads.

Usage: test_receipts.py READY_FILE
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checks import await_published, body, run

API_MD = Path(__file__).resolve().parents[2] / "infra" / "docs" / "api.md"
KEYS = "/.well-known/pinbridge-receipt-keys.json"
TYPE = "pinbridge-receipt+jwt"
# The options of Python that the code is run with.
OPTIONS = ([], ["-O"])


def printed_code():
    """The block of the section on receipts that verifies one."""
    section = API_MD.read_text().split("\n## Receipts\n")[1].split("\n## ")[0]
    blocks = [block for block in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
              if "decode_complete" in block]
    assert len(blocks) == 1, f"{len(blocks)} blocks of {API_MD} verify a receipt"
    return blocks[0]


def verify(answer, keys, options):
    """Runs the code on these files: its exit code, what it prints, and the last line of an error."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "answer.json").write_text(json.dumps(answer))
        (Path(folder) / "pinbridge-receipt-keys.json").write_text(json.dumps(keys))
        ended = subprocess.run([sys.executable, *options, "-c", printed_code()], cwd=folder, capture_output=True,
                               text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, (ended.stderr.strip().splitlines() or [""])[-1]


def refused(answer, keys, why):
    for options in OPTIONS:
        code, out, error = verify(answer, keys, options)
        assert code != 0 and not out, (why, options, out)
        assert why in error, (why, options, error)


def receipt_of(client, ready):
    """The answer with the receipt of a published pin, and the published keys."""
    pin = client.pins.create(body(ready))
    await_published(client, pin.id)
    answer = client.request("GET", "/v1/pins/{id}/receipt", path_params={"id": str(pin.id)}).json()
    with urllib.request.urlopen(ready["base_url"] + KEYS) as published:
        return answer, json.load(published)


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def the_printed_code_verifies_a_receipt(client, ready):
    answer, keys = receipt_of(client, ready)
    claims = answer["claims"]
    wanted = f"{claims['status']} {claims['pinterest_pin_id']} {claims['outcome_known_by']}\n"
    assert claims["status"] == "published", claims
    for options in OPTIONS:
        assert verify(answer, keys, options) == (0, wanted, ""), (options, wanted)


def the_printed_code_refuses_changed_claims(client, ready):
    answer, keys = receipt_of(client, ready)
    head, _, signature = answer["receipt"].split(".")
    forged = encoded(answer["claims"] | {"pinterest_pin_id": "1"})
    refused({"receipt": f"{head}.{forged}.{signature}"}, keys, "InvalidSignatureError")


def the_printed_code_refuses_a_key_of_somebody_else(client, ready):
    answer, keys = receipt_of(client, ready)
    somebody = Ed25519PrivateKey.generate()
    header = {"typ": TYPE, "kid": answer["kid"]}
    forged = jwt.encode(answer["claims"], somebody, algorithm="EdDSA", headers=header)
    refused({"receipt": forged}, keys, "InvalidSignatureError")
    unsigned = jwt.encode(answer["claims"], None, algorithm="none", headers=header)
    refused({"receipt": unsigned}, keys, "InvalidAlgorithmError")


def the_printed_code_refuses_what_the_key_signed_as_something_else(client, ready):
    answer, _ = receipt_of(client, ready)
    # The deployment's private key isn't here: a key of this test takes its place, and is published as that one is.
    own = Ed25519PrivateKey.generate()
    published = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(own.public_key()))
    keys = {"keys": [published | {"kid": answer["kid"], "alg": "EdDSA", "use": "sig"}]}
    signed = {typ: jwt.encode(answer["claims"], own, algorithm="EdDSA", headers={"typ": typ, "kid": answer["kid"]})
              for typ in (TYPE, "JWT")}
    for options in OPTIONS:
        assert verify({"receipt": signed[TYPE]}, keys, options)[0] == 0, options
    refused({"receipt": signed["JWT"]}, keys, "this is no receipt")


CHECKS = [
    the_printed_code_verifies_a_receipt,
    the_printed_code_refuses_changed_claims,
    the_printed_code_refuses_a_key_of_somebody_else,
    the_printed_code_refuses_what_the_key_signed_as_something_else,
]

if __name__ == "__main__":
    run(CHECKS)
