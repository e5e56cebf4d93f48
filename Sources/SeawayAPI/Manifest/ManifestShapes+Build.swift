import KubernetesModel

extension ManifestShapes {
    static var build: Shape<EnvironmentSpec.Build> {
        MappingShape<EnvironmentSpec.Build>(
            "a mapping, as {dockerfile: Dockerfile}", buildSources + buildEngine + buildPod
        ) { _, _ in }.shape(EnvironmentSpec.Build())
    }

    /// What is built.
    private static var buildSources: [MappingShape<EnvironmentSpec.Build>.Member] {
        [
            .optional(
                "dockerfile", \.dockerfile, .pathInTree("a path in the source tree, as Dockerfile"),
                "Path of the Dockerfile in the source tree. Default Dockerfile."),
            .optional(
                "context", \.context, .pathInTree("a directory of the source tree, as app"),
                "Directory of the source tree that COPY sees. Default the whole tree; the Dockerfile's path stays relative to the tree."),
            .optional("target", \.target, .nonEmpty("the name of a stage of the Dockerfile"), "Stage of the Dockerfile to build. Default the last."),
            .optional(
                "buildArgs", \.buildArgs, Shape<String>.map(of: .expanded(), "values by name, as {BASE: debian}"),
                "Values of the Dockerfile's ARGs. Variables allowed."),
            .optional("platform", \.platform, .platform, "os/arch, as linux/amd64. Default the node's."),
            .optional("include", \.include, Shape<String>.patterns("[\"^app/\"]"), "Files that are sent, as regular expressions (RE2). Default all."),
            .optional("exclude", \.exclude, Shape<String>.patterns("[\"^docs/\"]"), "Files that are not sent, of those included."),
        ]
    }

    /// What builds it.
    private static var buildEngine: [MappingShape<EnvironmentSpec.Build>.Member] {
        [
            .optional("builder", \.builder, .oneOf(["buildah", "buildkit", "kaniko"]), "What builds the image. Default the operator's."),
            .optional("cache", \.cache, cache, "Where layers are kept between builds: volume, registry or none."),
            .optional("image", \.image, .nonEmpty("the builder's image"), "The builder's image, in place of the operator's."),
            .optional("command", \.command, Shape<String>.strings("a list of strings"), "The builder's command, in place of its own."),
            .optional("args", \.args, Shape<String>.strings("a list of strings"), "The builder's arguments, in place of its own."),
            .optional("env", \.env, variables, "Variables of the build's container. They make a new image."),
            .optional("envFrom", \.envFrom, variableSources, "ConfigMaps and Secrets for the build's container. The Dockerfile can read them."),
        ]
    }

    /// Where and how it is built.
    private static var buildPod: [MappingShape<EnvironmentSpec.Build>.Member] {
        [
            .optional(
                "resources", \.resources, .resourceRequirements,
                "Of the build's container: quantities by resource, or requests and limits apart."),
            .optional(
                "securityContext", \.securityContext, .object("a Kubernetes security context, as {runAsUser: 1000}"),
                "A Kubernetes SecurityContext, in place of the builder's own."),
            .optional(
                "serviceAccountName", \.serviceAccountName, .objectName("the name of a ServiceAccount"), "ServiceAccount of the build's pod."),
            .optional("deadline", \.deadlineSeconds, .seconds("30m"), "How long a build may take. Default the operator's."),
            .optional(
                "retries", \.retries, .integer(0...10, "a whole number from 0 to 10"),
                "How often a failed build is tried again. Default the operator's."),
            .optional(
                "nodeSelector", \.nodeSelector, Shape<String>.map(of: .string(), "labels of nodes, as {disk: ssd}"),
                "Labels of the nodes that may build."),
            .optional(
                "tolerations", \.tolerations, .list(of: toleration, "a list, as [{key: builds, operator: Exists}]"),
                "Taints of nodes that builds tolerate."),
            .refused("secrets", "is not there, builds hold no credentials, remove it (envFrom gives the build a Secret that it may know)"),
            .refused("serviceAccount", "is called 'serviceAccountName' here"),
            .refused("deadlineSeconds", "is called 'deadline' here, as deadline: 30m"),
        ]
    }

    private static var cache: Shape<EnvironmentSpec.Cache> {
        let types = ["volume", "registry", "none"]
        let mapping = MappingShape<EnvironmentSpec.Cache>(
            "volume, registry, none, or a mapping, as {type: volume, size: 20Gi}",
            [
                .required("type", \.type, .oneOf(types), missing: "expected volume, registry or none", "Where layers are kept."),
                .optional("size", \.size, .quantity, "Size of the volume."),
                .optional("storageClassName", \.storageClassName, .nonEmpty("the name of a StorageClass"), "Class of the volume."),
            ]
        ) { field, cache in
            guard types.contains(cache.type), cache.type != "volume" else { return }
            for name in ["size", "storageClassName"] {
                field.present(name)?.fail("belongs to a volume, remove it or write 'type: volume'")
            }
        }
        var schema = mapping.schema
        schema["type"] = ["string", "object"]
        schema["pattern"] = .string("^(\(types.joined(separator: "|")))$")
        return Shape(schema) { field in
            guard case .scalar = field.node.content else { return mapping.read(field, into: EnvironmentSpec.Cache(type: "")) }
            return field.oneOf(types).map { EnvironmentSpec.Cache(type: $0) }
        }
    }

    private struct Toleration {
        var key: String?
        var `operator`: String?
        var value: String?
        var effect: String?
        var tolerationSeconds: Int?
    }

    private static var toleration: Shape<JSONValue> {
        MappingShape<Toleration>(
            "a mapping, as {key: builds, operator: Exists}",
            [
                .optional("key", \.key, .string(), "The taint's key. Default all keys, with the operator Exists."),
                .optional("operator", \.operator, .oneOf(["Equal", "Exists"]), "How key and value are compared. Default Equal."),
                .optional("value", \.value, .string(), "The taint's value."),
                .optional("effect", \.effect, .oneOf(["NoSchedule", "PreferNoSchedule", "NoExecute"]), "The taint's effect. Default all."),
                .optional(
                    "tolerationSeconds", \.tolerationSeconds, .integer(0...Int(Int32.max), "a number of seconds"),
                    "How long a NoExecute taint is tolerated."),
            ]
        ) { field, toleration in
            if toleration.key == nil, toleration.operator != "Exists" {
                field.fail("has no 'key', expected one, or 'operator: Exists' for all taints")
            }
            if toleration.operator == "Exists", let value = field.present("value") { value.fail("stands beside 'operator: Exists', remove it") }
        }.shape(Toleration()).map { toleration in
            JSONValue.object([
                "key": toleration.key.map(JSONValue.string) ?? .null,
                "operator": toleration.operator.map(JSONValue.string) ?? .null,
                "value": toleration.value.map(JSONValue.string) ?? .null,
                "effect": toleration.effect.map(JSONValue.string) ?? .null,
                "tolerationSeconds": toleration.tolerationSeconds.map(JSONValue.int) ?? .null,
            ]).droppingNulls
        }
    }
}
