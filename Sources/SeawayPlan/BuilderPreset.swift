import KubernetesModel
import SeawayAPI

/// What one build is about, in no builder's terms.
struct BuildInputs {
    /// Directory of the sources in the container.
    var tree: String
    /// Relative to the tree.
    var dockerfile: String
    /// Relative to the tree; empty for the whole tree.
    var context: String
    var target: String?
    var platform: String?
    var arguments: [(name: String, value: String)]
    /// The image to push.
    var image: String
    /// `host:port` of the registry.
    var registry: String
    /// Whether the registry speaks plain HTTP.
    var isInsecure: Bool
    /// What else Dockerfiles call the registry, where `registry` is a gateway to it.
    var alias: String?
    var cache: LayerCache
    /// Repository of the cache in the registry.
    var cacheRepository: String

    /// Whether the context is the whole tree.
    var isWhole: Bool { context.isEmpty || context == "." }
    var contextPath: String { isWhole ? tree : "\(tree)/\(context)" }
    var dockerfilePath: String { "\(tree)/\(dockerfile)" }
}

/// How a builder is run: data that a manifest can override piece by piece.
struct BuilderPreset {
    var command: [String]
    var arguments: [String]
    var environment: [(name: String, value: String)]
    /// The least that the builder works with.
    var securityContext: JSONValue
    var podSecurityContext: JSONValue = .null
    /// Whether AppArmor's default profile would forbid the mounts that the builder makes.
    var mounts: Bool
    /// Where the volume with the layers is mounted.
    var layers: String
    /// Whether `command` waits for the sources itself, so that they can be fetched while the builder's container starts.
    var waitsForSource: Bool

    /// Where the sources lie in the builder's container.
    static func tree(_ builder: Builder) -> String {
        // kaniko's root is the image that it builds: whatever is mounted is left out of it, so `WORKDIR /workspace` would be lost.
        // What is below /kaniko is its own.
        builder == .kaniko ? "/kaniko/buildcontext" : "/workspace"
    }

    static func make(_ builder: Builder, _ inputs: BuildInputs) -> BuilderPreset {
        switch builder {
        case .buildah: buildah(inputs)
        case .buildkit: buildkit(inputs)
        case .kaniko: kaniko(inputs)
        }
    }

    // MARK: buildah

    private static func buildah(_ inputs: BuildInputs) -> BuilderPreset {
        var arguments = ["--layers=\(inputs.cache != .none)", "--file=\(inputs.dockerfilePath)"]
        if let target = inputs.target { arguments.append("--target=\(target)") }
        if let platform = inputs.platform { arguments.append("--platform=\(platform)") }
        arguments += inputs.arguments.map { "--build-arg=\($0.name)=\($0.value)" }
        if inputs.isWhole { arguments.append("--ignorefile=\(ignoreFile)") }
        if inputs.cache == .registry { arguments += ["--cache-from=\(inputs.cacheRepository)", "--cache-to=\(inputs.cacheRepository)"] }
        arguments += ["--tag=localhost/build", inputs.contextPath]
        return BuilderPreset(
            command: ["/bin/sh", "-ec", buildahScript, "build"], arguments: arguments,
            environment: [("BUILDAH_ISOLATION", "chroot")],
            // It makes a user namespace of its own, which seccomp's default profile forbids.
            securityContext: [
                "runAsUser": 0, "allowPrivilegeEscalation": false,
                "capabilities": ["drop": ["ALL"], "add": ["SETUID", "SETGID", "SETFCAP"]],
                "seccompProfile": ["type": "Unconfined"],
            ],
            mounts: true, layers: "/var/lib/containers", waitsForSource: true)
    }

    /// Where the source container tells the build container how it ended.
    static let handover = "/run/seaway"

    /// Stands in for the `.dockerignore`: the sources were selected by it already, in Docker's own meaning, which buildah's is not.
    static let ignoreFile = "\(handover)/ignore"

    /// Until the sources are there. Nothing in a shell waits for a file without looking for it.
    private static let wait = """
        until [ -e \(handover)/\(Names.sourceReadyFile) ]; do
          [ ! -e \(handover)/\(Names.sourceFailedFile) ] || exit 1
          sleep 0.05
        done
        """

    /// Build, then push. What the manifest gives arrives as arguments, never as shell text.
    private static let buildahScript = """
        if [ "$SEAWAY_REGISTRY_INSECURE" = true ]; then
          mkdir -p /etc/containers/registries.conf.d
          printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' "$SEAWAY_REGISTRY" > /etc/containers/registries.conf.d/seaway.conf
          # A Dockerfile says FROM with the registry's own name, which leads past the gateway.
          if [ -n "${SEAWAY_REGISTRY_ALIAS:-}" ]; then
            printf '[[registry]]\\nprefix = "%s"\\nlocation = "%s"\\ninsecure = true\\n' "$SEAWAY_REGISTRY_ALIAS" "$SEAWAY_REGISTRY" \
              >> /etc/containers/registries.conf.d/seaway.conf
          fi
        fi
        \(wait)
        # The pod of a build that was ended lives on for seconds, and what two builds write to one storage does not fit together.
        exec 9> /var/lib/containers/seaway-lock
        if ! flock --nonblock 9; then
          echo "waiting for the end of an earlier build"
          flock 9
        fi
        # A build that was killed may leave half a layer. The first command that writes drops it, and fails if it is the build.
        unfinished=/var/lib/containers/seaway-unfinished
        if [ -e $unfinished ]; then
          buildah --storage-driver overlay rm "$(buildah --storage-driver overlay from scratch)" >/dev/null || true
        fi
        : > $unfinished
        buildah --storage-driver overlay build "$@"
        pause=1
        waited=0
        until buildah --storage-driver overlay push --quiet localhost/build "docker://$SEAWAY_IMAGE"; do
          if [ $waited -ge "$SEAWAY_PATIENCE" ]; then
            echo '\(Names.pushFailedLine)'
            exit 1
          fi
          echo "the registry does not take the image; trying again in $pause s"
          sleep $pause
          waited=$((waited + pause))
          pause=$((pause * 2))
        done
        rm -f $unfinished
        echo '\(Names.pushedLine)'
        """

    // MARK: buildkit

    /// Rootless buildkitd in the build's own container, for the time of one build (buildkit's docs/rootless.md and
    /// examples/kubernetes/job.rootless.yaml).
    private static func buildkit(_ inputs: BuildInputs) -> BuilderPreset {
        let insecure = inputs.isInsecure ? ",registry.insecure=true" : ""
        let path = inputs.dockerfilePath.split(separator: "/")
        var arguments = [
            "build", "--progress=plain", "--frontend=dockerfile.v0", "--local=context=\(inputs.contextPath)",
            "--local=dockerfile=/\(path.dropLast().joined(separator: "/"))", "--opt=filename=\(path.last ?? "Dockerfile")",
        ]
        if let target = inputs.target { arguments.append("--opt=target=\(target)") }
        if let platform = inputs.platform { arguments.append("--opt=platform=\(platform)") }
        arguments += inputs.arguments.map { "--opt=build-arg:\($0.name)=\($0.value)" }
        arguments.append("--output=type=image,name=\(inputs.image),push=true\(insecure)")
        if inputs.cache == .registry {
            let reference = "type=registry,ref=\(inputs.cacheRepository):buildkit\(insecure)"
            arguments += ["--export-cache=\(reference),mode=max", "--import-cache=\(reference)"]
        }
        return BuilderPreset(
            command: ["/bin/sh", "-ec", buildkitScript, "build"], arguments: arguments,
            // A pod's /proc is masked, so RUN steps cannot get one of their own.
            environment: [("BUILDKITD_FLAGS", "--oci-worker-no-process-sandbox")],
            // newuidmap is set-uid, so privilege escalation stays allowed; the user is not root.
            securityContext: [
                "runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": true, "allowPrivilegeEscalation": true,
                "seccompProfile": ["type": "Unconfined"],
            ],
            podSecurityContext: ["fsGroup": 1000], mounts: true, layers: "/home/user/.local/share/buildkit", waitsForSource: true)
    }

    /// A base image, too, may come from the registry that speaks plain HTTP, which only the daemon's configuration can say.
    private static let buildkitScript = """
        if [ "$SEAWAY_REGISTRY_INSECURE" = true ]; then
          mkdir -p "$HOME/.config/buildkit"
          printf '[registry."%s"]\\n  http = true\\n  insecure = true\\n' "$SEAWAY_REGISTRY" > "$HOME/.config/buildkit/buildkitd.toml"
          if [ -n "${SEAWAY_REGISTRY_ALIAS:-}" ]; then
            printf '[registry."%s"]\\n  mirrors = ["%s"]\\n' "$SEAWAY_REGISTRY_ALIAS" "$SEAWAY_REGISTRY" >> "$HOME/.config/buildkit/buildkitd.toml"
          fi
        fi
        \(wait)
        buildctl-daemonless.sh "$@"
        echo '\(Names.pushedLine)'
        """

    // MARK: kaniko

    /// The image has no shell: everything is arguments of its executor (the fork's README, "Additional Flags").
    private static func kaniko(_ inputs: BuildInputs) -> BuilderPreset {
        var arguments = [
            "--context=dir://\(inputs.contextPath)", "--dockerfile=\(inputs.dockerfilePath)", "--destination=\(inputs.image)",
        ]
        if inputs.isInsecure { arguments.append("--insecure-registry=\(inputs.registry)") }
        if let alias = inputs.alias { arguments.append("--registry-map=\(alias)=\(inputs.registry)") }
        if let target = inputs.target { arguments.append("--target=\(target)") }
        if let platform = inputs.platform { arguments.append("--custom-platform=\(platform)") }
        arguments += inputs.arguments.map { "--build-arg=\($0.name)=\($0.value)" }
        let layers = "/kaniko/layers"
        switch inputs.cache {
        case .none: arguments.append("--cache=false")
        case .registry: arguments += ["--cache=true", "--cache-copy-layers", "--cache-repo=\(inputs.cacheRepository)"]
        case .volume: arguments += ["--cache=true", "--cache-copy-layers", "--cache-repo=oci:\(layers)"]
        }
        return BuilderPreset(
            command: ["/kaniko/executor"], arguments: arguments, environment: [],
            // RUN steps are plain processes of the container, and layers are unpacked over its root as their owners.
            securityContext: [
                "runAsUser": 0, "allowPrivilegeEscalation": false,
                "capabilities": ["drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "SETGID", "SETUID"]],
                "seccompProfile": ["type": "RuntimeDefault"],
            ],
            mounts: false, layers: layers, waitsForSource: false)
    }
}
