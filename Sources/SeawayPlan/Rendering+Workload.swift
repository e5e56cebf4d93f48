import KubernetesModel
import SeawayAPI

// Deployment, Service and Ingress.
extension Rendering {
    var deployment: JSONValue {
        sealed([
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(
                name, labels: [Names.environmentLabel: .string(name)], annotations: [Names.revisionAnnotation: .string(spec.revision)]),
            "spec": [
                "replicas": .int(replicas),
                // Without a probe a container that has started counts as ready; one that crashes at once must not.
                "minReadySeconds": .int(hasReadinessProbe ? 0 : 3),
                "progressDeadlineSeconds": .int(settings.progressDeadline),
                "revisionHistoryLimit": 2,
                // The earlier revision serves until the new one is ready.
                "strategy": ["type": "RollingUpdate", "rollingUpdate": ["maxSurge": 1, "maxUnavailable": 0]],
                "selector": ["matchLabels": [Names.environmentLabel: .string(name)]],
                "template": template,
            ],
        ])
    }

    /// Tells the pods of this very template from all others, which the build digest does not: variables are no part of it.
    var templateHash: String { String(sha256Hex(unlabelledTemplate.encoded()).prefix(16)) }

    private var template: JSONValue {
        var template = unlabelledTemplate
        template["metadata"]?["labels"]?[Names.templateLabel] = .string(templateHash)
        return template
    }

    private var unlabelledTemplate: JSONValue {
        let annotations: JSONValue = [
            // Another attempt at a failed revision starts its pods anew: what they lacked may be there by now.
            Names.attemptAnnotation: attempt == 0 ? .null : .string(String(attempt)),
            // Variables are read from a Secret when a container starts, so changed content needs new pods.
            Names.secretsAnnotation: secretVersions.map(JSONValue.string) ?? .null,
        ]
        let template: JSONValue = [
            "metadata": [
                "labels": [
                    Names.environmentLabel: .string(name), Names.applicationLabel: .string(name),
                    Names.managedByLabel: .string(Names.managedByValue), Names.digestLabel: .string(digestLabel),
                ],
                "annotations": annotations.droppingNulls == [:] ? .null : annotations,
            ],
            "spec": [
                // Legacy variables of every Service in the namespace would shadow the application's own.
                "enableServiceLinks": false,
                "imagePullSecrets": imagePullSecrets,
                "terminationGracePeriodSeconds": .int(gracePeriod),
                "containers": [container],
            ],
        ]
        return template.droppingNulls
    }

    private var secretVersions: String? {
        guard let secrets = spec.secrets, !secrets.isEmpty else { return nil }
        return secrets.sorted { $0.name < $1.name }.map { "\($0.name)=\($0.version)" }.joined(separator: ",")
    }

    /// Seconds from the deletion of a pod until it is killed; draining counts.
    var gracePeriod: Int { settings.terminationGracePeriod + (drain?.seconds ?? 0) }

    /// Only what is reached through a Service has to be left by its proxies first; a manifest's own hook stands.
    private var drain: OperatorSettings.Drain? {
        wantsService && spec.network?.service?.type != "ExternalName" && spec.lifecycle?["preStop"] == nil ? settings.drain : nil
    }

    /// When a pod is deleted its container is stopped and its endpoint removed at the same moment, so without a pause requests
    /// reach an application that has ended already. The pause needs nothing in the image, which may have no shell.
    private var lifecycle: JSONValue {
        guard let drain else { return spec.lifecycle ?? .null }
        var lifecycle = spec.lifecycle ?? [:]
        switch drain.method {
        case .sleep: lifecycle["preStop"] = ["sleep": ["seconds": .int(drain.seconds)]]
        case .request(let host, let port):
            // No leading slash: kubelets before 1.25 put one before the path themselves.
            lifecycle["preStop"] = ["httpGet": ["host": .string(host), "port": .int(port), "path": .string("drain/\(drain.seconds)")]]
        }
        return lifecycle
    }

    private var container: JSONValue {
        [
            "name": .string(Names.applicationContainer),
            "image": .string(image),
            // The tag is a digest of everything in the image, so a node never holds another one under it.
            "imagePullPolicy": "IfNotPresent",
            "command": spec.command.json,
            "args": spec.args.json,
            "workingDir": spec.workingDir.json,
            "env": (spec.vars?.env).json,
            "envFrom": (spec.vars?.envFrom).json,
            "ports": containerPorts.isEmpty ? .null : .array(containerPorts),
            "resources": resources,
            "livenessProbe": (spec.livenessProbe ?? .null).owningDefaults,
            "readinessProbe": (spec.readinessProbe ?? defaultReadinessProbe).owningDefaults,
            "startupProbe": (spec.startupProbe ?? .null).owningDefaults,
            "lifecycle": lifecycle.owningDefaults,
            "securityContext": spec.securityContext ?? .null,
        ]
    }

    private var hasReadinessProbe: Bool { (spec.readinessProbe ?? defaultReadinessProbe) != .null }

    private var resources: JSONValue {
        guard let resources = spec.resources, !resources.isEmpty else { return .null }
        let quantities = JSONValue.object(resources.mapValues { .string($0.description) })
        return ["requests": quantities, "limits": quantities]
    }

    /// Without a probe a pod counts as ready before the application listens.
    private var defaultReadinessProbe: JSONValue {
        guard let port = ports.first(where: { ($0.protocol ?? "TCP") == "TCP" }) else { return .null }
        return ["tcpSocket": ["port": .int(port.port)], "periodSeconds": 1, "failureThreshold": 3]
    }

    private var containerPorts: [JSONValue] {
        ports.enumerated().map { index, port in
            ["name": .string(portName(port, index)), "containerPort": .int(port.port), "protocol": .string(port.protocol ?? "TCP")]
        }
    }

    private func portName(_ port: EnvironmentSpec.Port, _ index: Int) -> String {
        port.name ?? (index == 0 ? "http" : "port-\(port.port)")
    }

    /// The application's ports; a Service or Ingress without any means port 9000, as published manifests expect.
    var ports: [EnvironmentSpec.Port] {
        if let ports = spec.network?.service?.ports, !ports.isEmpty { return ports }
        if let ports = spec.ports, !ports.isEmpty { return ports }
        return wantsService ? [EnvironmentSpec.Port(name: "http", port: 9000)] : []
    }

    private var wantsIngress: Bool { spec.network?.ingress?.enabled ?? false }

    private var wantsService: Bool {
        spec.network?.service?.enabled ?? (wantsIngress || !(spec.ports ?? []).isEmpty)
    }

    var service: JSONValue? {
        guard wantsService else { return nil }
        let service = spec.network?.service
        let type = service?.type ?? "ClusterIP"
        let isExternalName = type == "ExternalName"
        return sealed([
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(name, annotations: (service?.annotations ?? [:]).mapValues(JSONValue.string)),
            "spec": [
                "type": .string(type),
                "externalName": isExternalName ? (service?.externalName).json : .null,
                "selector": isExternalName ? .null : [Names.environmentLabel: .string(name)],
                "ports": .array(
                    ports.enumerated().map { index, port in
                        [
                            "name": .string(portName(port, index)), "port": .int(port.port), "targetPort": .int(port.port),
                            "protocol": .string(port.protocol ?? "TCP"), "nodePort": type == "ClusterIP" ? .null : port.nodePort.json,
                        ]
                    }),
            ],
        ])
    }

    /// The port of Service and pods that the Ingress names.
    var ingressPort: Int? { spec.network?.ingress?.port ?? ports.first?.port }

    var ingress: JSONValue? {
        guard wantsIngress, let port = ingressPort, !ports.isEmpty else { return nil }
        let ingress = spec.network?.ingress
        return sealed([
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": metadata(name, annotations: (ingress?.annotations ?? [:]).mapValues(JSONValue.string)),
            "spec": [
                "ingressClassName": (ingress?.className ?? settings.ingressClass).json,
                "tls": (ingress?.tls).json,
                "rules": [
                    [
                        "host": host.json,
                        "http": [
                            "paths": [
                                [
                                    "path": "/", "pathType": "Prefix",
                                    "backend": ["service": ["name": .string(name), "port": ["number": .int(port)]]],
                                ]
                            ]
                        ],
                    ]
                ],
            ],
        ])
    }

    /// The URL whose answer decides about readiness: one that the known ingress controller serves.
    var checkedURL: String? {
        guard settings.ingressAddress != nil, replicas > 0, (spec.network?.ingress?.className ?? settings.ingressClass) == settings.ingressClass
        else { return nil }
        return urls.first
    }

    private var host: String? {
        if let host = spec.network?.ingress?.host { return host }
        if let host = spec.network?.ingress?.tls?.first?["hosts"]?[0]?.stringValue { return host }
        return settings.ingressDomain.map { "\(name).\(namespace).\($0)" }
    }

    var urls: [String] {
        guard wantsIngress, !ports.isEmpty, let host else { return [] }
        let secure = !(spec.network?.ingress?.tls ?? []).isEmpty
        let port = settings.ingressPort.map { $0 == (secure ? 443 : 80) ? "" : ":\($0)" } ?? ""
        return ["\(secure ? "https" : "http")://\(host)\(port)/"]
    }
}

extension JSONValue {
    /// With what the API server would fill into each `httpGet` of a probe or hook.
    ///
    /// Server-side apply removes only what we own: a default that the server wrote would stay behind when a manifest goes from `httpGet`
    /// to another handler, and two handlers are refused.
    fileprivate var owningDefaults: JSONValue {
        guard case .object(let members) = self else { return self }
        var result: [String: JSONValue] = [:]
        for (name, member) in members {
            var member = member.owningDefaults
            if name == "httpGet", case .object(var request) = member {
                if request["scheme"] == nil { request["scheme"] = "HTTP" }
                if request["path"] == nil { request["path"] = "/" }
                member = .object(request)
            }
            result[name] = member
        }
        return .object(result)
    }
}
