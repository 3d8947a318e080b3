#!/usr/bin/env bash
# Start-up smoke that ends by itself: the demo comes up in a temporary data directory, answers, stops on Ctrl-C without leaving a process
# behind, resumes in seconds, and stops again. Loopback only. Usage: bash test/e2e/smoke.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
node=node_modules/.bin/node
[ -x "$node" ] || node=node
patience=60 # seconds each start may take, on a slow machine; a start takes some 10 at most

folder="$(mktemp -d "${TMPDIR:-/tmp}/axiom47-smoke-XXXXXX")"
data="$folder/demo"
server=''

# Processes at work below the folder: the engines, were the server gone without stopping them.
left() {
  local link cwd
  for link in /proc/[0-9]*/cwd; do
    cwd="$(readlink "$link" 2>/dev/null)" || continue
    case "$cwd" in "$folder" | "$folder"/*) link="${link#/proc/}" && echo "${link%/cwd}" ;; esac
  done
}
finish() {
  local code=$?
  [ -n "$server" ] && kill -9 "$server" 2>/dev/null
  for pid in $(left); do kill -9 "$pid" 2>/dev/null || true; done
  [ "$code" = 0 ] || { echo 'smoke: FAILED; what the server said:' && tail -n 40 "$folder/err" 2>/dev/null; } >&2
  rm -rf "$folder"
  exit "$code"
}
trap finish EXIT
fail() { echo "smoke: $1" >&2 && exit 1; }
now() { date +%s%N; }
since() { echo "$((($(now) - $1) / 1000000)) ms"; }
# json TEXT EXPRESSION: evaluates the expression with `it` being the document.
json() {
  "$node" -e 'const it = JSON.parse(require("node:fs").readFileSync(0, "utf8")); const value = eval(process.argv[1]);
    if (value === undefined) process.exit(1); console.log(value)' "$2" <<<"$1"
}

start() {
  local begun line
  begun="$(now)"
  : >"$folder/out"
  "$node" ops/axiom47.ts serve --demo --still --port 0 --json --data-dir "$data" >"$folder/out" 2>>"$folder/err" &
  server=$!
  until line="$(head -n 1 "$folder/out")" && [ -n "$line" ]; do
    kill -0 "$server" 2>/dev/null || fail 'the server ended before it answered'
    [ $((($(now) - begun) / 1000000000)) -lt "$patience" ] || fail "not up within $patience s"
    sleep 0.1
  done
  url="$(json "$line" it.url)"
  [ "$(json "$line" it.workspace)" = demo ] || fail "serves $line"
  token="$(json "$(cat "$data/run.json")" it.token)"
  echo "smoke: up at $url after $(since "$begun")"
}
# ask PATH [BODY] [TOKEN]: prints the answer's body, then its status on a line of its own. Node's fetch: a fresh machine may lack curl.
ask() {
  "$node" --input-type=module -e '
    const [url, body, token] = process.argv.slice(1);
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url, { ...(body && { method: "POST", body }), headers, signal: AbortSignal.timeout(10_000) });
    console.log(await answer.text());
    console.log(answer.status);' "$url$1" "${2-}" "${3-}"
}
# body PATH [BODY] [TOKEN]: the body of an answer that must be 200.
body() {
  local answer
  answer="$(ask "$@")"
  [ "${answer##*$'\n'}" = 200 ] || fail "$1: $answer"
  echo "${answer%$'\n'*}"
}
check() {
  local home answer id
  body /livez >/dev/null
  body /readyz >/dev/null
  [ "$(json "$(body /openapi.json)" it.openapi)" = 3.1.0 ] || fail 'no OpenAPI 3.1 document'
  home="$(body /api/home)"
  [ "$(json "$home" 'it.customers > 4000 && it.orders > it.customers')" = true ] || fail "home: $home"
  id="$(json "$(body '/api/customers?limit=1' '' "$token")" 'it.items[0].customer_id')"
  answer="$(body /api/predict/churn "{\"customer_id\":\"$id\"}" "$token")"
  [ "$(json "$answer" 'it.basis === "history" && it.p_churn > 0 && it.p_churn < 1')" = true ] || fail "predict: $answer"
  answer="$(ask /api/predict/churn "{\"customer_id\":\"$id\"}")"
  [ "${answer##*$'\n'}" = 401 ] || fail "a prediction without a credential: $answer"
  seen="$(json "$home" 'it.events + " events, " + it.customers + " customers, churn rate " + it.churn_rate')"
  echo "smoke: $seen"
}
stop() {
  local begun code=0
  begun="$(now)"
  kill -INT "$server"
  wait "$server" || code=$?
  server=''
  [ "$code" = 0 ] || fail "stopped with exit code $code"
  [ -z "$(left)" ] || fail "left running: $(left | tr '\n' ' ')"
  [ ! -e "$data/run.json" ] || fail 'the run file was left'
  echo "smoke: stopped after $(since "$begun"), nothing left running"
}

start
check
first="$seen"
stop
start
check
[ "$seen" = "$first" ] || fail "resumed with other figures: $seen"
stop
echo 'smoke: passed'
