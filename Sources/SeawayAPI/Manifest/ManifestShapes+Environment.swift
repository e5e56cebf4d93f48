import KubernetesModel

extension ManifestShapes {
    /// How long a temporary environment lives after its last sync, where the manifest does not say.
    static let defaultTTLSeconds = 8 * 3600

    static var environment: MappingShape<ManifestEnvironment> {
        MappingShape("a mapping that describes one environment", identity + workload + refused) { field, environment in
            if field.present("namespace") == nil {
                let name = "\(field.context.applicationName)-\(environment.name)"
                environment.namespace = ManifestVariables.shortened(name, to: ManifestNames.labelLimit)
            }
            if environment.isTemporary {
                environment.spec.ttlSeconds = environment.spec.ttlSeconds ?? defaultTTLSeconds
            } else if let ttl = field.present("ttl") {
                ttl.fail("is the life of a temporary environment, expected 'temporary: true' beside it")
            }
            checkIngressPort(field, environment.spec)
        }
    }

    private static var identity: [MappingShape<ManifestEnvironment>.Member] {
        [
            .required("name", \.name, .environmentName, missing: "expected the environment's name", "What is typed: `seactl env sync dev`."),
            .defaulted(
                "namespace", \.namespace, .namespaceName, "Created when missing. Default NAME-ENVIRONMENT. Variables allowed, as shop-${USER}."),
            .defaulted(
                "temporary", \.isTemporary, .bool, "Whether the environment goes away by itself. Its namespace goes too if Seaway made it."),
            .optional("ttl", \.spec.ttlSeconds, .seconds("8h"), "How long after the last sync a temporary environment goes away. Default 8h."),
            .defaulted("secrets", \.secrets, secrets, "Secrets made from files of this machine. What they hold is never shown."),
            .defaulted("dependencies", \.dependencies, dependencies, "Objects that the application needs."),
        ]
    }

    private static var workload: [MappingShape<ManifestEnvironment>.Member] {
        let probe = Shape.object("a Kubernetes probe, as {httpGet: {path: /, port: 8080}}")
        return [
            .optional("replicas", \.spec.replicas, .integer(0...Int(Int32.max), "a whole number, 0 or more"), "Number of pods. Default 1."),
            .optional("vars", \.spec.vars, vars, "Variables of the running application; the build never sees them."),
            .optional("build", \.spec.build, build, "How the image is made. Only a change here or in the sources makes a new image."),
            .optional("ports", \.spec.ports, ports, "The older form of network.service.ports: creates a Service."),
            .optional("network", \.spec.network, network, "How the application is reached."),
            .optional(
                "resources", \.spec.resources, .quantities, "Quantities by resource, as memory: 256Mi and cpu: 100m: requests and limits alike."),
            .optional(
                "command", \.spec.command, Shape<String>.strings("a list of strings, as [\"python3\", \"-m\", \"app\"]"),
                "Command in place of the image's entry point."),
            .optional(
                "args", \.spec.args, Shape<String>.strings("a list of strings, as [\"--port\", \"8080\"]"), "Arguments in place of the image's."),
            .optional("workingDir", \.spec.workingDir, .absolutePath, "Working directory of the command. Default the image's."),
            .optional("livenessProbe", \.spec.livenessProbe, probe, "A Kubernetes Probe; the container is started again when it fails."),
            .optional("readinessProbe", \.spec.readinessProbe, probe, "A Kubernetes Probe; the pod gets no requests while it fails."),
            .optional("startupProbe", \.spec.startupProbe, probe, "A Kubernetes Probe; the other probes wait until it succeeds."),
            .optional(
                "lifecycle", \.spec.lifecycle, .object("a Kubernetes lifecycle, as {preStop: {exec: {command: [stop]}}}"),
                "A Kubernetes Lifecycle: what the container does after its start and before its end."),
            .optional(
                "securityContext", \.spec.securityContext, .object("a Kubernetes security context, as {runAsUser: 1000}"),
                "A Kubernetes SecurityContext of the container."),
            .optional("endpoint", \.endpoint, .string(), "Accepted from earlier manifests; not used."),
            .ignored("config", "Accepted from earlier manifests; not used."),
        ]
    }

    private static var refused: [MappingShape<ManifestEnvironment>.Member] {
        [
            .refused("source", ManifestAnswers.source),
            .refused("store", ManifestAnswers.store),
            .refused("networking", "was renamed, write 'network'"),
            .refused("revision", ManifestAnswers.written),
            .refused("attempt", ManifestAnswers.written),
            .refused("ttlSeconds", "is called 'ttl' here, as ttl: 8h"),
        ]
    }

    // MARK: Variables of the application

    static var vars: Shape<EnvironmentSpec.Vars> {
        MappingShape(
            "a mapping with 'env' and 'envFrom'",
            [
                .optional("env", \.env, variables, "Variables as in a container: name with value or valueFrom."),
                .optional("envFrom", \.envFrom, variableSources, "ConfigMaps and Secrets whose keys become variables."),
            ]
        ).shape(EnvironmentSpec.Vars())
    }

    /// Kubernetes `EnvVar`s, each name once.
    static var variables: Shape<[JSONValue]> {
        .list(of: variable, "a list, as [{name: MODE, value: dev}]") { fields in
            Field.reportDuplicates(fields, of: "name") {
                $0.member("name")?.text
            } _: {
                "a second variable called '\($0)' (the first is in line \($1)), keep one"
            }
        }
    }

    private struct Variable {
        var name = ""
        var value: String?
        var valueFrom: JSONValue?
    }

    private static var variable: Shape<JSONValue> {
        MappingShape<Variable>(
            "a mapping, as {name: MODE, value: dev}",
            [
                .required("name", \.name, .variableName, missing: "expected the variable's name", "Its name."),
                .optional("value", \.value, .expanded(), "Its value; numbers and booleans become strings as written. Variables allowed."),
                .optional(
                    "valueFrom", \.valueFrom, .expandedObject("a source, as {secretKeyRef: {name: db, key: password}}"),
                    "A Kubernetes EnvVarSource, as {secretKeyRef: {name: db, key: password}}."),
            ]
        ) { field, _ in
            if field.present("value") != nil, let source = field.present("valueFrom") { source.fail("stands beside 'value', keep one of them") }
        }.shape(Variable()).map { variable in
            JSONValue.object([
                "name": .string(variable.name), "value": variable.value.map(JSONValue.string) ?? .null, "valueFrom": variable.valueFrom ?? .null,
            ]).droppingNulls
        }
    }

    private struct VariableSource {
        var prefix: String?
        var configMapRef: JSONValue?
        var secretRef: JSONValue?
    }

    /// Kubernetes `EnvFromSource`s.
    static var variableSources: Shape<[JSONValue]> {
        let reference = Shape.expandedObject("a mapping with a 'name'")
        let source = MappingShape<VariableSource>(
            "a mapping, as {secretRef: {name: db}}",
            [
                .optional("prefix", \.prefix, .expanded(), "What the names of the variables begin with."),
                .optional("configMapRef", \.configMapRef, reference, "A ConfigMap, as {name: settings}."),
                .optional("secretRef", \.secretRef, reference, "A Secret, as {name: db}."),
            ]
        ) { field, _ in
            let sources = ["configMapRef", "secretRef"].count { field.present($0) != nil }
            if sources != 1 {
                field.fail("names \(sources == 0 ? "no source" : "two sources"), expected either 'configMapRef' or 'secretRef'")
            }
        }.shape(VariableSource()).map { source in
            JSONValue.object([
                "prefix": source.prefix.map(JSONValue.string) ?? .null, "configMapRef": source.configMapRef ?? .null,
                "secretRef": source.secretRef ?? .null,
            ]).droppingNulls
        }
        return .list(of: source, "a list, as [{secretRef: {name: db}}]")
    }
}
