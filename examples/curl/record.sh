#!/usr/bin/env bash
# bash examples/curl/record.sh: the API as it is. Needs curl and jq; verifies with the command line.
set -euo pipefail
url=${LOOPGRID_URL:-http://localhost:8000}
auth=(${LOOPGRID_API_KEY:+-H "Authorization: Bearer $LOOPGRID_API_KEY"})
post() { curl -sS --fail-with-body ${auth[@]+"${auth[@]}"} -H 'Content-Type: application/json' "$@"; }

# The key makes every retry safe, for ever: run the script again and nothing is written twice.
key="curl-example-$(date +%F)"
decision=$(post "$url/v1/decisions" -H "Idempotency-Key: $key" --retry 3 -d '{
  "service_name": "support-agent", "decision_type": "customer_support_reply",
  "input": {"message": "I was charged twice"},
  "model": {"provider": "openai", "name": "gpt-4o"},
  "output": {"response": "Your account looks fine."}}')
id=$(jq -r .decision_id <<<"$decision")
echo "recorded $id at index $(jq .index <<<"$decision")"

post "$url/v1/decisions/$id/correction" -H "Idempotency-Key: $key-correction" -d '{
  "correction": {"response": "The second charge is refunded."}, "corrected_by": "dana"}' |
  jq -r '"status " + .status'

# Evidence verifies itself; the public key is what you kept from the first day.
vkey=$(curl -sS ${auth[@]+"${auth[@]}"} "$url/v1/ledger" | jq -r '.verifier_keys[0]')
file=$(mktemp)
trap 'rm -f "$file"' EXIT
curl -sS ${auth[@]+"${auth[@]}"} "$url/v1/decisions/$id/evidence" -o "$file"
cd "$(dirname "$0")/../.."
npm run -s loopgrid -- verify "$file" --key "$vkey"
