import KubernetesModel
import SeawayAPI

// The build Job. A Dockerfile is foreign code, so the pod holds no credentials that outlive or exceed the build: the init
// container alone sees a token, which the source API accepts for this namespace only.
extension Rendering {
    private var build: EnvironmentSpec.Build { spec.build ?? EnvironmentSpec.Build() }
    private static var context: String { "/workspace" }
    private static var layers: String { "/var/lib/containers" }
    private static var tokens: String { "/var/run/secrets/seaway" }

    /// Keeps the layers of earlier builds.
    var cacheClaim: JSONValue {
        sealed([
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata(Names.buildCache(of: name)),
            "spec": ["accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": .string(settings.cacheSize)]]],
        ])
    }

    func buildJob(cacheOnVolume: Bool) -> JSONValue {
        let labels: JSONValue = [
            Names.buildLabel: .string(name), Names.applicationLabel: .string(name), Names.managedByLabel: .string(Names.managedByValue),
            Names.digestLabel: .string(digestLabel),
        ]
        return [
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata(
                Names.buildJob(of: name), labels: [Names.buildLabel: .string(name)],
                annotations: [
                    Names.buildDigestAnnotation: .string(digest), Names.attemptAnnotation: .string(String(attempt)),
                    Names.revisionAnnotation: .string(spec.revision),
                ]),
            "spec": [
                // A build that failed fails again; the developer decides about the next try.
                "backoffLimit": 0,
                "activeDeadlineSeconds": .int(settings.buildDeadline),
                "template": [
                    "metadata": ["labels": labels],
                    "spec": [
                        "restartPolicy": "Never",
                        "automountServiceAccountToken": false,
                        "enableServiceLinks": false,
                        "terminationGracePeriodSeconds": 2,
                        "initContainers": [sourceContainer],
                        "containers": [buildContainer(layersInRegistry: !cacheOnVolume)],
                        "volumes": [
                            ["name": "context", "emptyDir": [:]],
                            cacheOnVolume
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
    }

    private var sourceContainer: JSONValue {
        [
            "name": .string(Names.sourceContainer),
            "image": .string(settings.seawayImage),
            "imagePullPolicy": "IfNotPresent",
            "args": .array(
                [
                    "source", "fetch", "--endpoint=\(settings.endpoint)", "--namespace=\(namespace)", "--environment=\(name)",
                    "--revision=\(spec.revision)", "--token-file=\(Self.tokens)/token", "--into=\(Self.context)",
                ].map(JSONValue.string)),
            "env": [["name": "SEAWAY_CA", "value": .string(settings.certificateAuthority)]],
            "securityContext": [
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true, "runAsUser": 65532,
                "capabilities": ["drop": ["ALL"]],
            ],
            "volumeMounts": [
                ["name": "context", "mountPath": .string(Self.context)],
                ["name": "token", "mountPath": .string(Self.tokens), "readOnly": true],
            ],
        ]
    }

    private func buildContainer(layersInRegistry: Bool) -> JSONValue {
        [
            "name": .string(Names.buildContainer),
            "image": .string(build.image ?? settings.builderImage),
            "imagePullPolicy": "IfNotPresent",
            "command": .array((build.command ?? ["/bin/sh", "-ec", Self.script, "build"]).map(JSONValue.string)),
            "args": .array((build.args ?? buildArguments(layersInRegistry: layersInRegistry)).map(JSONValue.string)),
            "workingDir": .string(Self.context),
            "env": [
                ["name": "BUILDAH_ISOLATION", "value": "chroot"],
                ["name": "SEAWAY_IMAGE", "value": .string(pushImage)],
                ["name": "SEAWAY_REGISTRY", "value": .string(settings.registry)],
                ["name": "SEAWAY_REGISTRY_INSECURE", "value": .string(String(settings.registryInsecure))],
                ["name": "SEAWAY_CONTEXT", "value": .string(Self.context)],
                ["name": "SEAWAY_DOCKERFILE", "value": .string(build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile)],
            ],
            // The least that unprivileged buildah works with: it makes a user namespace of its own.
            "securityContext": [
                "runAsUser": 0, "allowPrivilegeEscalation": false,
                "capabilities": ["drop": ["ALL"], "add": ["SETUID", "SETGID", "SETFCAP"]],
                "seccompProfile": ["type": "Unconfined"],
            ],
            "volumeMounts": [
                ["name": "context", "mountPath": .string(Self.context)],
                ["name": "layers", "mountPath": .string(Self.layers)],
            ],
        ]
    }

    /// Build, then push. What the manifest gives arrives as arguments, never as shell text.
    private static let script = """
        if [ "$SEAWAY_REGISTRY_INSECURE" = true ]; then
          mkdir -p /etc/containers/registries.conf.d
          printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' "$SEAWAY_REGISTRY" > /etc/containers/registries.conf.d/seaway.conf
        fi
        buildah --storage-driver overlay build "$@" --tag localhost/build "$SEAWAY_CONTEXT"
        buildah --storage-driver overlay push --quiet localhost/build "docker://$SEAWAY_IMAGE"
        """

    private func buildArguments(layersInRegistry: Bool) -> [String] {
        var arguments = ["--layers", "--file=\(Self.context)/\(build.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile)"]
        if let target = build.target { arguments.append("--target=\(target)") }
        if let platform = build.platform { arguments.append("--platform=\(platform)") }
        for (name, value) in (build.buildArgs ?? [:]).sorted(by: { $0.key < $1.key }) { arguments.append("--build-arg=\(name)=\(value)") }
        if layersInRegistry {
            let cache = "\(settings.registry)/\(repository)/cache"
            arguments += ["--cache-from=\(cache)", "--cache-to=\(cache)"]
        }
        return arguments
    }
}
