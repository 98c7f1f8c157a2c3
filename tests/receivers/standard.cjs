// Verifies vectors.json with `standardwebhooks` of npm.
//
// Usage: node tests/receivers/standard.cjs NODE_MODULES
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");

const { Webhook, WebhookVerificationError } = require(path.resolve(process.argv[2], "standardwebhooks"));
const vectors = JSON.parse(fs.readFileSync(path.join(__dirname, "vectors.json"), "utf8"));
const verify = (secret, body, headers) => secret.verify(body, Object.fromEntries(headers));

for (const vector of vectors) {
  // The library compares the request's time with the clock.
  Date.now = () => vector.sent_at;
  const current = new Webhook(vector.standard_key);
  const payload = verify(current, vector.body, vector.headers);
  assert.deepStrictEqual(payload, JSON.parse(vector.body), vector.name);
  if (vector.secret === `whsec_${vector.standard_key}`) {
    verify(new Webhook(vector.secret), vector.body, vector.headers);
  } else {
    verify(new Webhook(Buffer.from(vector.secret), { format: "raw" }), vector.body, vector.headers);
  }
  if (vector.previous) {
    const previous = () => verify(new Webhook(vector.previous.standard_key), vector.body, vector.headers);
    if (vector.previous.is_valid) previous();
    else assert.throws(previous, WebhookVerificationError, vector.name);
  }
  const tampered = vector.body.replace("pin", "Pin");
  assert.notStrictEqual(tampered, vector.body);
  assert.throws(() => verify(current, tampered, vector.headers), WebhookVerificationError, vector.name);
}
console.log(`  ok  standardwebhooks of npm verifies ${vectors.length} vectors`);
