import KubernetesModel
import SeawayAPI

// The build Job. A Dockerfile is foreign code, so the pod holds no credentials that outlive or exceed the build: the
// container that fetches the sources alone sees a token, which the source API accepts for this namespace only.
extension Rendering {
    private var build: EnvironmentSpec.Build { spec.build ?? EnvironmentSpec.Build() }
    private static var tokens: String { "/var/run/secrets/seaway" }

    var builder: Builder { settings.builder(of: spec) }
    private var tree: String { BuilderPreset.tree(builder) }
    var buildDeadline: Int { build.deadlineSeconds ?? settings.buildDeadline }
    var buildRetries: Int { build.retries ?? settings.buildRetries }

    /// Keeps the layers of earlier builds.
    var cacheClaim: JSONValue {
        sealed([
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata(Names.buildCache(of: name)),
            "spec": [
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": (build.cache?.storageClassName).json,
                "resources": ["requests": ["storage": .string(build.cache?.size?.description ?? settings.cacheSize)]],
            ],
        ])
    }

    func buildJob(cache: LayerCache) -> JSONValue {
        let preset = BuilderPreset.make(builder, inputs(cache))
        let labels: JSONValue = [
            Names.buildLabel: .string(name), Names.applicationLabel: .string(name), Names.managedByLabel: .string(Names.managedByValue),
            Names.digestLabel: .string(digestLabel),
        ]
        let job: JSONValue = [
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata(
                Names.buildJob(of: name), labels: [Names.buildLabel: .string(name)],
                annotations: [
                    Names.buildDigestAnnotation: .string(digest), Names.attemptAnnotation: .string(String(attempt)),
                    Names.revisionAnnotation: .string(spec.revision),
                ]),
            "spec": [
                // A build that failed fails again, as a rule; the developer decides about the next try.
                "backoffLimit": .int(buildRetries),
                "activeDeadlineSeconds": .int(buildDeadline),
                "template": [
                    "metadata": [
                        "labels": labels,
                        "annotations": preset.mounts && !settings.hasAppArmorField
                            ? ["container.apparmor.security.beta.kubernetes.io/\(Names.buildContainer)": "unconfined"] : .null,
                    ],
                    "spec": [
                        "restartPolicy": "Never",
                        "automountServiceAccountToken": false,
                        "serviceAccountName": build.serviceAccountName.json,
                        "enableServiceLinks": false,
                        "imagePullSecrets": imagePullSecrets,
                        "terminationGracePeriodSeconds": 2,
                        "securityContext": preset.podSecurityContext,
                        "nodeSelector": build.nodeSelector.map(\.json) ?? .null,
                        "tolerations": build.tolerations.json,
                        // A container that waits for nobody runs after the sources are there; one that waits starts beside them,
                        // which saves the second that a node may take to see that an init container has ended.
                        "initContainers": isBeside(preset) ? .null : [sourceContainer(handsOver: false)],
                        "containers": .array(
                            (settings.registryGateway ? [registryContainer] : []) + (isBeside(preset) ? [sourceContainer(handsOver: true)] : [])
                                + [buildContainer(preset)]),
                        "volumes": [
                            ["name": "context", "emptyDir": [:]],
                            ["name": "handover", "emptyDir": [:]],
                            cache == .volume
                                ? ["name": "layers", "persistentVolumeClaim": ["claimName": .string(Names.buildCache(of: name))]]
                                : ["name": "layers", "emptyDir": [:]],
                            [
                                "name": "token",
                                "projected": [
                                    "sources": [
                                        ["serviceAccountToken": ["audience": .string(Names.audience), "expirationSeconds": 3600, "path": "token"]]
                                    ]
                                ],
                            ],
                        ],
                    ],
                ],
            ],
        ]
        return job.droppingNulls
    }

    private func inputs(_ cache: LayerCache) -> BuildInputs {
        BuildInputs(
            tree: tree, dockerfile: build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile, context: build.context ?? "",
            target: build.target, platform: build.platform,
            arguments: (build.buildArgs ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, image: pushImage,
            registry: buildRegistry, isInsecure: isInsecure, alias: registryAlias, cache: cache,
            cacheRepository: "\(buildRegistry)/\(repository)/cache")
    }

    private var isInsecure: Bool { settings.registryGateway || settings.registryInsecure }
    private var registryAlias: String? { settings.registryGateway ? settings.registry : nil }

    private func isBeside(_ preset: BuilderPreset) -> Bool { preset.waitsForSource && build.command == nil }

    private func sourceContainer(handsOver: Bool) -> JSONValue {
        var handover = handsOver ? ["--tell=\(BuilderPreset.handover)"] : []
        if builder == .buildah {
            handover += ["--ignore-file=\(BuilderPreset.ignoreFile)", "--dockerfile=\(build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile)"]
        }
        return [
            "name": .string(Names.sourceContainer),
            "image": .string(settings.seawayImage),
            "imagePullPolicy": "IfNotPresent",
            "args": .array(
                ([
                    "source", "fetch", "--endpoint=\(settings.endpoint)", "--namespace=\(namespace)", "--environment=\(name)",
                    "--revision=\(spec.revision)", "--token-file=\(Self.tokens)/token", "--into=\(tree)",
                ] + handover).map(JSONValue.string)),
            "env": [["name": "SEAWAY_CA", "value": .string(settings.certificateAuthority)]],
            "securityContext": Self.ownSecurityContext,
            "volumeMounts": [
                ["name": "context", "mountPath": .string(tree)],
                ["name": "handover", "mountPath": .string(BuilderPreset.handover)],
                ["name": "token", "mountPath": .string(Self.tokens), "readOnly": true],
            ],
        ]
    }

    /// Of the containers that run Seaway itself.
    private static var ownSecurityContext: JSONValue {
        [
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true, "runAsUser": 65532,
            "capabilities": ["drop": ["ALL"]],
        ]
    }

    /// A registry on the loopback for the time of the build. Kubelets start containers in their order, and go on when `postStart` is
    /// done: no builder looks for it in vain.
    private var registryContainer: JSONValue {
        [
            "name": .string(Names.registryContainer),
            "image": .string(settings.seawayImage),
            "imagePullPolicy": "IfNotPresent",
            "args": .array(
                [
                    "registry", "serve", "--endpoint=\(settings.endpoint)", "--namespace=\(namespace)", "--environment=\(name)",
                    "--token-file=\(Self.tokens)/token", "--port=\(Self.gatewayPort)",
                ].map(JSONValue.string)),
            "env": [
                ["name": "SEAWAY_CA", "value": .string(settings.certificateAuthority)],
                ["name": "SEAWAY_POD", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]],
            ],
            "lifecycle": ["postStart": ["exec": ["command": ["seaway", "registry", "await", .string("--port=\(Self.gatewayPort)")]]]],
            "securityContext": Self.ownSecurityContext,
            "volumeMounts": [["name": "token", "mountPath": .string(Self.tokens), "readOnly": true]],
        ]
    }

    private func buildContainer(_ preset: BuilderPreset) -> JSONValue {
        [
            "name": .string(Names.buildContainer),
            "image": .string(build.image ?? settings.builderImages[builder]),
            "imagePullPolicy": "IfNotPresent",
            "command": .array((build.command ?? preset.command).map(JSONValue.string)),
            "args": .array((build.args ?? preset.arguments).map(JSONValue.string)),
            "workingDir": .string(tree),
            "env": .array(environment(preset)),
            "envFrom": build.envFrom.json,
            "resources": build.resources ?? .null,
            "securityContext": securityContext(preset),
            "volumeMounts": [
                ["name": "context", "mountPath": .string(tree)],
                ["name": "handover", "mountPath": .string(BuilderPreset.handover), "readOnly": true],
                ["name": "layers", "mountPath": .string(preset.layers)],
            ],
        ]
    }

    /// The manifest's in place of the builder's; a builder that mounts does so under each.
    private func securityContext(_ preset: BuilderPreset) -> JSONValue {
        var context = build.securityContext ?? preset.securityContext
        if preset.mounts, settings.hasAppArmorField, context["appArmorProfile"] == nil { context["appArmorProfile"] = ["type": "Unconfined"] }
        return context
    }

    /// The builder's variables, then the manifest's; of two with one name the manifest's stands, since a list with both is refused.
    private func environment(_ preset: BuilderPreset) -> [JSONValue] {
        let given = build.env ?? []
        let names = Set(given.compactMap { $0["name"]?.stringValue })
        let own: [(name: String, value: String)] =
            preset.environment + [
                ("SEAWAY_IMAGE", pushImage),
                ("SEAWAY_REGISTRY", buildRegistry),
                ("SEAWAY_REGISTRY_INSECURE", String(isInsecure)),
                ("SEAWAY_PATIENCE", String(settings.patience)),
                ("SEAWAY_CONTEXT", inputs(.none).contextPath),
                ("SEAWAY_DOCKERFILE", build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile),
            ] + (registryAlias.map { [("SEAWAY_REGISTRY_ALIAS", $0)] } ?? [])
        return own.filter { !names.contains($0.name) }.map { ["name": .string($0.name), "value": .string($0.value)] } + given
    }
}
