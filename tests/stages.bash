# The stages that `tests/run` and `tests/full` have in common, and what runs them. Both source this file in the root.
set -euo pipefail
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
# The stages name what they run by its path.
export CARGO_TARGET_DIR=$PWD/target
# The workspace's own crates are compiled by Clippy: see `stage_build`.
export RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings
# Tests talk to loopback only; a proxy of the machine's must not come between.
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

stage_format() { cargo fmt --all --check; }

# Words that are out, long prose, arrows between layers, benchmarks by hand.
stage_guards() { python3 tests/guards.py; }

# Where cargo-deny is installed; compiling it is no part of the tests.
stage_deny() {
  if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; else not_run deny "cargo-deny is not installed"; fi
}

# One build serves every later stage: the same packages and targets, so the same features. Clippy is its compiler and
# each warning an error, as with `cargo clippy --workspace --all-targets -- -D warnings`, which would compile everything
# once more.
stage_build() { cargo build --quiet --locked --workspace --all-targets && is_built=yes; }

stage_unit() { cargo test --quiet --locked --workspace --lib --bins --test aws; }

# More threads than cores: some of these tests wait.
stage_integration() {
  integration --test-threads 4 --skip local::pacing --skip local::kill --skip local::schedules --nocapture
}

# Minutes of real time, in which little is computed.
stage_realtime() { integration --test-threads 3 --nocapture local::pacing local::kill local::schedules; }

# Both crates' test `it`: the simulator's and the one that crosses crates.
integration() { cargo test --quiet --locked --workspace --test it -- "$@"; }

stage_sdk() {
  built
  receivers
  venv sdk tests/sdk/requirements.txt
  local checks folder=$scratch/sdk
  start_local "$folder"
  for checks in tests/sdk/test_*.py; do
    echo "-- $checks"
    target/venv-sdk/bin/python "$checks" "$folder/ready.json"
  done
  # The last: it closes the sandbox.
  echo "-- every method"
  target/venv-sdk/bin/python tests/sdk/every_method.py "$folder/ready.json"
  stop
}

# Receivers of webhooks that others wrote, or that know the contract alone.
receivers() {
  local modules=()
  venv receivers tests/receivers/requirements.txt
  if command -v npm >/dev/null; then
    npm_packages receivers tests/receivers/package.json
    modules=(target/npm-receivers/node_modules)
  else
    not_run npm_receiver "npm is not installed"
  fi
  echo "-- receivers of webhooks"
  target/venv-receivers/bin/python tests/receivers/test_receivers.py "${modules[@]}"
}

schema_examples=12
# The OpenAPI document: linters, a client that is generated from it, and what the API answers to requests that are made
# of it, valid and not.
stage_schema() {
  built
  venv schema tests/schema/requirements.txt
  local examples=${1:-$schema_examples} folder=$scratch/schema
  # Thousands of requests a minute, of one key: without limits, or what is checked depends on the machine.
  PINBRIDGE_REGISTRATION=open PINBRIDGE_CALLER_CREDITS=0 PINBRIDGE_SOURCE_CREDITS=0 start_local "$folder"
  target/venv-schema/bin/python tests/schema/prepare.py "$folder/ready.json" "$folder" >"$folder/credentials"
  lint_document "$folder/openapi.json"
  generate_client "$folder"
  # The credentials of the work would not survive a lucky hit of these: they are tried with another organisation's.
  local ends=(update_api_key revoke_api_key disconnect_account reset_sandbox change_password) ends_args=() others_args=() id
  for id in "${ends[@]}"; do
    ends_args+=(--include-operation-id "$id")
    others_args+=(--exclude-operation-id "$id")
  done
  (source "$folder/credentials" && schemathesis "$folder/openapi.json" "${others_args[@]}")
  (source "$folder/credentials" && KEY=$SPARE_KEY SESSION=$SPARE_SESSION schemathesis "$folder/spare.json" "${ends_args[@]}")
  stop
}

# Warnings count as errors. Both linters at once: Spectral takes most of the time.
lint_document() {
  local document=$1 bin=target/npm-schema/node_modules/.bin spectral
  command -v npm >/dev/null || { not_run schema_linters "npm is not installed"; return; }
  npm_packages schema tests/schema/package.json
  "$bin/spectral" lint --ruleset tests/schema/spectral.yaml --fail-severity hint --quiet "$document" &
  spectral=$!
  REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
    "$bin/redocly" lint --config tests/schema/redocly.yaml --max-problems 1000 --format json "$document" \
    >"$document.redocly" 2>"$document.said" || true
  python3 -c 'import json, sys
problems = json.load(open(sys.argv[1]))["problems"]
for one in problems: print(one["severity"], one["ruleId"], one["message"], one["location"][0].get("pointer"))
sys.exit(bool(problems))' "$document.redocly" || { cat "$document.said" >&2; return 1; }
  wait "$spectral"
  echo "-- redocly and spectral have no complaint"
}

# As `venv`, with npm. Scripts of packages are not run.
npm_packages() {
  local folder=target/npm-$1 wanted=$2
  cmp -s "$wanted" "$folder/installed.json" && return
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$wanted" "$folder/package.json"
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-package-lock --silent
  cp "$wanted" "$folder/installed.json"
}

# Every warning of the generator is an error, and what it makes is used.
generate_client() {
  local folder=$1
  venv generated tests/schema/requirements-generated.txt
  mkdir "$folder/generated"
  target/venv-generated/bin/openapi-python-client generate --path "$folder/openapi.json" --meta none --fail-on-warning \
    --output-path "$folder/generated/pinbridge" --config tests/schema/generator.yaml
  target/venv-generated/bin/python tests/schema/generated_client.py "$folder/ready.json" "$folder/generated"
}

schemathesis() {
  local document=$1
  shift
  target/venv-schema/bin/st --config-file tests/schema/schemathesis.toml run --max-examples "$examples" "$@" "$document"
}

# Pinterest's own client and one generated from its OpenAPI description, both against the simulator.
stage_fidelity() {
  built
  local log=$scratch/fidelity.log base tests=infra/pinterest-simulator/fidelity
  venv sdk tests/sdk/requirements.txt
  venv typed "$tests/requirements-typed.txt"
  start target/debug/pinterest-simulator --port 0 --media-processing-ms 300 >"$log"
  await grep -q 'http://127' "$log"
  base=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$log" | head -n 1)
  target/venv-sdk/bin/python "$tests/test_official_client.py" "$base"
  target/venv-typed/bin/python "$tests/test_typed_client.py" "$base"
  stop
}

stage_rehearsal() {
  built
  infra/rehearsal/run --bin-dir target/debug
}

# Builds, unless the stage before has.
built() { [[ -n ${is_built:-} ]] || stage_build; }

# A virtual environment under target/, made again when its requirements change.
venv() {
  local folder=target/venv-$1 pins=$2
  cmp -s "$pins" "$folder/pins.txt" && return
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet -r "$pins"
  cp "$pins" "$folder/pins.txt"
}

install_venv() {
  [[ $(id -u) == 0 ]] || { echo "python3 has no venv module: install python3-venv" >&2; exit 1; }
  apt-get update -qq && apt-get install -y -qq python3-venv
}

start_local() {
  local folder=$1
  mkdir "$folder"
  start target/debug/pinbridge-local --port 0 --no-demo --no-receiver --data-dir "$folder/data" \
    --ready-file "$folder/ready.json" >"$folder/out"
  await test -s "$folder/ready.json"
}

started=
start() { "$@" & started=$!; }

stop() {
  [[ -z $started ]] || { kill "$started" 2>/dev/null && wait "$started" || true; }
  started=
}

await() {
  local try
  for ((try = 0; try < 300; try++)); do
    "$@" 2>/dev/null && return
    kill -0 "$started" 2>/dev/null || break
    sleep 0.1
  done
  echo "did not start: $*" >&2
  return 1
}

# Says that a stage could not run; the last line says it again.
not_run() {
  echo "NOT RUN: $2"
  echo "$1 ($2)" >>"$scratch/not_run"
}

# Prints what a stage took: of the clock, and of the processors.
run_stage() {
  local stage=$1 began=$SECONDS used_s
  shift
  echo "== $stage"
  measure
  used_s=$cpu_s
  # Not in a condition: there, a failing command in the stage would not stop it.
  "stage_$stage" "$@"
  measure
  if grep -qs "^$stage " "$scratch/not_run"; then
    echo "== $stage not run"
  else
    echo "== $stage passed in $((SECONDS - began)) s ($((cpu_s - used_s)) s of CPU)"
  fi
}

# The CPU seconds of this shell and of what it has waited for. (In a command substitution, `times` would begin at 0.)
measure() {
  local file=$scratch/times_$BASHPID
  times >"$file"
  cpu_s=$(awk '{ for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); sum += 60 * part[1] + part[2] } } END { printf "%d", sum }' "$file")
}

# Jobs under way, by process group: their stages, and the file to which they write if it isn't shown at once.
declare -A running=() log_of=()

# Runs stages one after another in a process group of their own, which can be ended as a whole. Sets `job`.
spawn() { # file or "", stages...
  local log=$1 stage is_first=
  shift
  ((${#running[@]})) || is_first=yes
  set -m
  (
    set +m
    trap stop EXIT
    trap 'exit 143' TERM
    [[ -z $log ]] || exec >"$log" 2>&1
    # What is measured in real time beside this comes first.
    [[ -n $log || -n $is_first ]] || renice -n 19 "$BASHPID" >/dev/null
    for stage in "$@"; do run_stage "$stage"; done
  ) </dev/null &
  job=$!
  set +m
  running[$job]=$*
  [[ -z $log ]] || log_of[$job]=$log
}

# Waits for that job. The first job that fails ends all; what others wrote meanwhile is shown at the end.
finish() {
  local wanted=$1 ended status through=()
  while [[ -v running[$wanted] ]]; do
    status=0
    wait -n -p ended "${!running[@]}" || status=$?
    ((status == 0)) || give_up "$ended"
    unset "running[$ended]"
    through+=("$ended")
  done
  for ended in "${through[@]}"; do show "$ended"; done
}

show() { [[ ! -v log_of[$1] ]] || cat "${log_of[$1]}"; }

give_up() {
  local stages=${running[$1]}
  unset "running[$1]"
  end_all
  show "$1"
  echo "FAILED: $stages" >&2
  exit 1
}

end_all() {
  local group
  for group in "${!running[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
  for group in "${!running[@]}"; do wait "$group" 2>/dev/null || true; done
  running=()
}

tear_down() {
  end_all
  stop
  rm -rf "$scratch"
}

last_line() {
  local missing=
  [[ ! -s $scratch/not_run ]] || missing="; NOT RUN: $(paste -sd, "$scratch/not_run" | sed 's/,/, /g')"
  echo "all stages passed in $((SECONDS - $1)) s$missing"
}

# Whether the first word is one of the others.
among() {
  local word=$1
  shift
  [[ " $* " == *" $word "* ]]
}

check_stages() {
  local stage
  for stage in "$@"; do
    among "$stage" "${stages[@]}" || { echo "no stage $stage; there are: ${stages[*]}" >&2; exit 2; }
  done
}

scratch=$(mktemp -d)
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
python3 -c 'import ensurepip, venv' 2>/dev/null || install_venv
