# shellcheck shell=bash
# Container images without a container engine: OCI layouts made of plain tar files, and their
# upload into a registry. Layers stay uncompressed: registry and nodes are on one machine, where
# compressing costs more than it saves, and the digests depend on nothing but the contents.
#
# Sourced by scripts/cluster and scripts/image; both define fail().

# image_write LAYOUT CONFIG LAYER.tar...: makes LAYOUT, an OCI layout directory with one image.
# CONFIG is the JSON of the image's "config" member. The layer files are moved into the layout.
image_write() {
  local layout=$1 config=$2 work layer digest diff_ids='[]' layers='[]' architecture
  shift 2
  architecture=$(image_architecture)
  work=$layout.new
  rm -rf "$work"
  mkdir -p "$work/blobs/sha256"
  for layer in "$@"; do
    digest=$(sha256sum "$layer" | cut -d' ' -f1)
    layers=$(jq -c --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$layer")" \
      '. + [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $digest, size: $size}]' <<<"$layers")
    diff_ids=$(jq -c --arg digest "sha256:$digest" '. + [$digest]' <<<"$diff_ids")
    mv "$layer" "$work/blobs/sha256/$digest"
  done
  jq -cn --arg architecture "$architecture" --argjson config "$config" --argjson diff_ids "$diff_ids" \
    '{created: "1970-01-01T00:00:00Z", architecture: $architecture, os: "linux", config: $config,
      rootfs: {type: "layers", diff_ids: $diff_ids},
      history: [$diff_ids[] | {created: "1970-01-01T00:00:00Z", created_by: "seaway"}]}' >"$work/config"
  image_add_blob "$work" config
  jq -cn --argjson config "$(image_descriptor "$work" config application/vnd.oci.image.config.v1+json)" \
    --argjson layers "$layers" \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: $layers}' \
    >"$work/manifest"
  image_add_blob "$work" manifest
  jq -cn --argjson manifest "$(image_descriptor "$work" manifest application/vnd.oci.image.manifest.v1+json)" \
    '{schemaVersion: 2, manifests: [$manifest]}' >"$work/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$work/oci-layout"
  rm "$work/config" "$work/manifest"
  rm -rf "$layout"
  mv "$work" "$layout" # last, so that a layout that exists is a whole one
}

image_add_blob() { cp "$1/$2" "$1/blobs/sha256/$(sha256sum "$1/$2" | cut -d' ' -f1)"; }

image_descriptor() { # LAYOUT FILE MEDIA-TYPE
  jq -cn --arg type "$3" --arg digest "sha256:$(sha256sum "$1/$2" | cut -d' ' -f1)" \
    --argjson size "$(stat -c %s "$1/$2")" '{mediaType: $type, digest: $digest, size: $size}'
}

image_architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) fail "no name is known here for the architecture $(uname -m)" ;;
  esac
}

# image_archive LAYOUT NAME: the layout as a tar stream which an import stores under NAME.
image_archive() {
  local index
  index=$(mktemp -d)
  jq -c --arg name "$2" '.manifests[0].annotations = {"io.containerd.image.name": $name}' \
    "$1/index.json" >"$index/index.json"
  tar -c -C "$1" oci-layout blobs -C "$index" index.json
  rm -rf "$index"
}

image_manifest_digest() { jq -r '.manifests[0].digest' "$1/index.json"; }

registry_curl() { curl --noproxy '*' --silent --show-error --fail --max-time 300 "$@"; }

# registry_has REGISTRY REPOSITORY REFERENCE
registry_has() {
  registry_curl --output /dev/null --head -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    "http://$1/v2/$2/manifests/$3" 2>/dev/null
}

registry_put_blob() { # REGISTRY REPOSITORY DIGEST FILE
  local location separator='?'
  if registry_curl --output /dev/null --head "http://$1/v2/$2/blobs/$3" 2>/dev/null; then return 0; fi
  location=$(registry_curl --output /dev/null --dump-header - --request POST "http://$1/v2/$2/blobs/uploads/" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: *//p')
  [ -n "$location" ] || return 1
  case $location in *\?*) separator='&' ;; esac
  case $location in /*) location=http://$1$location ;; esac
  registry_curl --output /dev/null --upload-file "$4" -H 'Content-Type: application/octet-stream' \
    "$location${separator}digest=$3"
}

# image_push LAYOUT REGISTRY REPOSITORY TAG
image_push() {
  local layout=$1 registry=$2 repository=$3 tag=$4 manifest digest
  manifest=$layout/blobs/sha256/$(image_manifest_digest "$layout" | cut -d: -f2)
  for digest in $(jq -r '.config.digest, .layers[].digest' "$manifest"); do
    registry_put_blob "$registry" "$repository" "$digest" "$layout/blobs/sha256/${digest#sha256:}" ||
      fail "cannot upload $digest to $registry/$repository"
  done
  registry_curl --output /dev/null --upload-file "$manifest" \
    -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
    "http://$registry/v2/$repository/manifests/$tag" || fail "cannot put $registry/$repository:$tag"
}

# debian_rootfs TAR PACKAGES [MMDEBSTRAP-OPTION...]: a small Debian with some packages as a tar file.
debian_rootfs() {
  local tar=$1 packages=$2 log=$1.log sources=() list
  shift 2
  for list in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [ ! -s "$list" ] || sources+=("$list")
  done
  # No device nodes: unpacking them needs a capability that build pods do not have.
  SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
    --skip=output/dev,output/mknod --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --format=tar "$@" bookworm "$tar.new" "${sources[@]}" >"$log" 2>&1 ||
    fail "mmdebstrap of $packages failed, see $log: $(tail -n 3 "$log")"
  rm "$log"
  mv "$tar.new" "$tar"
}

# tar_layer TAR DIRECTORY MEMBER...: a layer which is the same whenever its files are.
tar_layer() {
  local tar=$1 directory=$2
  shift 2
  tar -c -f "$tar" -C "$directory" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner "$@"
}
