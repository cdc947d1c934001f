#!/usr/bin/env bash
# Builds the two images; with --push and --deploy also pushes them and rolls them out with the chart.
set -euo pipefail

readonly IMAGES=(api assets)
readonly ROLLOUT_TIMEOUT=10m

usage() {
  cat <<'TEXT'
Usage: scripts/build_push_deploy.sh [options]

  -t, --tag TAG         tag of both images (default: the commit, with -dirty where files have changed)
      --registry NAME   registry and folder of the images (default: $REGISTRY, else ghcr.io/rps-quest)
      --namespace NAME  namespace of the release (default: $NAMESPACE, else rps)
      --release NAME    release of the chart (default: rps)
      --values FILE     values of the chart, on top of those of the last roll-out; may be given several times
      --no-build        use images that exist
      --push            push both images
      --deploy          roll out, and wait until everything is ready
      --no-deploy       do not roll out; the default
      --dry-run         print the commands, run none
  -h, --help            show this

The engine is docker, or what $CONTAINER_ENGINE names (podman).
TEXT
}

fail() {
  echo "build_push_deploy: $1" >&2
  exit 1
}

# Prints the value of an option; another option does not count as one.
value_of() {
  [[ -n "${2:-}" && "${2:0:1}" != - ]] || fail "$1 needs a value; see --help"
  printf '%s' "$2"
}

default_tag() {
  git describe --always --dirty --exclude '*' 2>/dev/null || fail "this is not a git checkout; name a tag with --tag"
}

# Prints a command in a form that can be pasted, and runs it unless this is a dry run.
run() {
  printf '+'
  printf ' %q' "$@"
  printf '\n'
  "$dry_run" || "$@"
}

needs() {
  "$dry_run" || command -v "$1" >/dev/null || fail "$1 is missing; $2"
}

build() {
  needs "$engine" "install a container engine, or name one in CONTAINER_ENGINE"
  local image
  for image in "${IMAGES[@]}"; do
    run "$engine" build --file "ops/docker/$image.Dockerfile" --tag "$registry/rps-$image:$tag" .
  done
}

push() {
  needs "$engine" "install a container engine, or name one in CONTAINER_ENGINE"
  local image
  for image in "${IMAGES[@]}"; do
    run "$engine" push "$registry/rps-$image:$tag"
  done
}

deploy() {
  needs helm "see https://helm.sh"
  needs kubectl "see https://kubernetes.io/docs/tasks/tools"
  local options=(--namespace "$namespace" --create-namespace --reset-then-reuse-values) file
  for file in "${values[@]}"; do
    options+=(--values "$file")
  done
  options+=(--set-string "image.registry=$registry" --set-string "image.tag=$tag")
  run helm upgrade "$release" helm/rps --install "${options[@]}" --wait --timeout "$ROLLOUT_TIMEOUT"
  # Helm waits for what it changed; this also fails if a pod of the release died afterwards.
  run kubectl --namespace "$namespace" rollout status deployment \
    --selector "app.kubernetes.io/instance=$release" --timeout "$ROLLOUT_TIMEOUT"
}

unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."
engine=${CONTAINER_ENGINE:-docker}
registry=${REGISTRY:-ghcr.io/rps-quest}
namespace=${NAMESPACE:-rps}
release=rps
tag=''
values=()
do_build=true do_push=false do_deploy=false dry_run=false

while (($#)); do
  case $1 in
    -t | --tag | --registry | --namespace | --release | --values)
      # A separate statement: a failure inside `a && b` would go unnoticed.
      value=$(value_of "$@")
      case $1 in
        -t | --tag) tag=$value ;;
        --registry) registry=$value ;;
        --namespace) namespace=$value ;;
        --release) release=$value ;;
        --values) values+=("$value") ;;
      esac
      shift
      ;;
    --push) do_push=true ;;
    --deploy) do_deploy=true ;;
    --no-deploy) do_deploy=false ;;
    --no-build) do_build=false ;;
    --dry-run) dry_run=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown option $1; see --help" ;;
  esac
  shift
done

[[ -n $tag ]] || tag=$(default_tag)
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || fail "$tag is not a valid image tag"
registry=${registry%/}
for file in "${values[@]}"; do
  [[ -r $file ]] || fail "the file $file does not exist"
done

if $do_build; then build; fi
if $do_push; then push; fi
if $do_deploy; then deploy; fi
$do_build || $do_push || $do_deploy || echo "nothing to do: --no-build without --push or --deploy"
