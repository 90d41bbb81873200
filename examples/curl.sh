#!/bin/sh
# Talks to the sonar of the current folder's project with curl: first on its Unix socket, then on its TCP port.
# Needs curl and jq. The second half needs `amalfa config set sonar.http.enabled true` and `amalfa sonar restart`.
set -eu

amalfa sonar start
status="$(amalfa sonar status --json)"
socket="$(echo "$status" | jq -r .data.socket)"
json='Content-Type: application/json'

echo "== a question, answered from the notes"
curl -sS --fail-with-body --unix-socket "$socket" -H "$json" \
  -d '{"question": "Who is on call this week?"}' http://sonar/sonar/ask | jq '{answer, model, usage}'

echo "== the same, as events while it is written"
curl -sS --fail-with-body --no-buffer --unix-socket "$socket" -H "$json" \
  -d '{"question": "Who is on call this week?", "stream": true}' http://sonar/sonar/ask

echo "== a task, sent twice under one key and done once"
for time in first second; do
  curl -sS --fail-with-body --unix-socket "$socket" -H "$json" -H "Idempotency-Key: on-call-$$" \
    -d '{"input": {"query": "Who is on call this week?"}}' http://sonar/sonar/tasks/analyze | jq -c .route.requestId
done

url="$(echo "$status" | jq -r '.data.http.url // empty')"
if [ -z "$url" ]; then
  echo "== the TCP port is off"
  exit 0
fi

echo "== a model, asked the way OpenAI's API is, on the TCP port"
# The token goes in through standard input, because other users can read the arguments of a process.
printf 'Authorization: Bearer %s\n' "$(amalfa sonar token)" | curl -sS --fail-with-body -H @- -H "$json" \
  -d '{"model": "amalfa", "messages": [{"role": "user", "content": "Say hello."}]}' \
  "$url/v1/chat/completions" | jq -r '.choices[0].message.content'
