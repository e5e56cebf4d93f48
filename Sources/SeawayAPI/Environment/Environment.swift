import KubernetesModel

/// The `Environment` resource: one application running from one source revision in one namespace.
public struct Environment: KubernetesObject, Equatable {
    public static let resource = ResourceType(group: "seaway.ctx.sh", version: "v1beta1", plural: "environments", kind: "Environment")

    public var apiVersion: String?
    public var kind: String?
    public var metadata: ObjectMeta
    public var spec: EnvironmentSpec
    public var status: EnvironmentStatus?

    public init(metadata: ObjectMeta, spec: EnvironmentSpec, status: EnvironmentStatus? = nil) {
        self.apiVersion = Self.resource.apiVersion
        self.kind = Self.resource.kind
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}

/// What the developer wants: the manifest's environment plus the revision of the sources.
public struct EnvironmentSpec: Codable, Sendable, Equatable {
    /// sha256 of the canonical source tree, 64 hex digits. Set by `seactl env sync`.
    public var revision: String
    /// Raised by `seactl env sync` to try a failed revision again without a change of the sources.
    public var attempt: Int?
    public var replicas: Int?
    public var vars: Vars?
    public var build: Build?
    /// The older top-level list of ports: creates a Service.
    public var ports: [Port]?
    public var network: Network?
    /// Quantities by resource name (`memory: 2Gi`), set as requests and limits alike.
    public var resources: [String: Quantity]?
    public var command: [String]?
    public var args: [String]?
    public var workingDir: String?
    // Passed to the container as they are, so every field of the cluster's version works.
    public var livenessProbe: JSONValue?
    public var readinessProbe: JSONValue?
    public var startupProbe: JSONValue?
    public var lifecycle: JSONValue?
    public var securityContext: JSONValue?
    /// Secrets that `seactl` wrote from the manifest's `secrets`; their content is never in the spec.
    public var secrets: [SecretReference]?
    /// Seconds after the last sync (`Names.syncedAtAnnotation`) at which the operator deletes the Environment; `nil` keeps it.
    public var ttlSeconds: Int?

    public init(revision: String) { self.revision = revision }

    /// A Secret in the Environment's namespace, and which content of it the pods are to run with.
    public struct SecretReference: Codable, Sendable, Equatable {
        public var name: String
        /// Made by `seactl`: another content is another version, which starts the pods anew.
        public var version: String

        public init(name: String, version: String) {
            self.name = name
            self.version = version
        }
    }

    /// Environment variables of the application's container; never seen by the build.
    public struct Vars: Codable, Sendable, Equatable {
        /// Kubernetes `EnvVar`s.
        public var env: [JSONValue]?
        /// Kubernetes `EnvFromSource`s.
        public var envFrom: [JSONValue]?

        public init(env: [JSONValue]? = nil, envFrom: [JSONValue]? = nil) {
            self.env = env
            self.envFrom = envFrom
        }
    }

    public struct Port: Codable, Sendable, Equatable {
        public var name: String?
        public var port: Int
        /// `TCP` (default), `UDP` or `SCTP`.
        public var `protocol`: String?
        public var nodePort: Int?

        public init(name: String? = nil, port: Int, protocol: String? = nil, nodePort: Int? = nil) {
            self.name = name
            self.port = port
            self.protocol = `protocol`
            self.nodePort = nodePort
        }
    }

    public struct Network: Codable, Sendable, Equatable {
        public var service: Service?
        public var ingress: Ingress?

        public init(service: Service? = nil, ingress: Ingress? = nil) {
            self.service = service
            self.ingress = ingress
        }
    }

    public struct Service: Codable, Sendable, Equatable {
        public var enabled: Bool?
        public var annotations: [String: String]?
        public var externalName: String?
        public var ports: [Port]?
        /// `ClusterIP` (default), `NodePort`, `LoadBalancer` or `ExternalName`.
        public var type: String?

        public init() {}
    }

    public struct Ingress: Codable, Sendable, Equatable {
        public var enabled: Bool?
        public var annotations: [String: String]?
        public var className: String?
        /// Host name that is routed; default `NAME.NAMESPACE.DOMAIN` with the operator's domain.
        public var host: String?
        /// Port of the Service; default its first.
        public var port: Int?
        /// Kubernetes `IngressTLS` entries.
        public var tls: [JSONValue]?

        public init() {}
    }
}

/// A Kubernetes quantity as written: `2Gi`, `100m`, or a bare number.
public struct Quantity: Codable, Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    public var description: String

    public init(_ text: String) { description = text }
    public init(stringLiteral value: String) { description = value }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            description = String(number)
        } else if let number = try? container.decode(Double.self) {
            description = String(number)
        } else {
            description = try container.decode(String.self)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// What the operator observed, written only by it.
public struct EnvironmentStatus: Codable, Sendable, Equatable {
    public var observedGeneration: Int?
    /// One word or phrase for people, derived from the conditions.
    public var stage: String?
    /// Reason of the condition that explains the stage; also an event reason.
    public var reason: String?
    /// What happened, with the last log lines when something failed.
    public var message: String?
    public var expectedRevision: String?
    /// The revision that the running pods serve.
    public var deployedRevision: String?
    /// sha256 over the revision and all build settings; the image's tag.
    public var buildDigest: String?
    /// The image that is deployed, as nodes pull it.
    public var image: String?
    public var urls: [String]?
    public var lastUpdated: Timestamp?
    public var build: Span?
    public var rollout: Span?
    public var conditions: [Condition]?

    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
        case observedGeneration, stage, reason, message, expectedRevision, deployedRevision, buildDigest, image, urls, lastUpdated, build,
            rollout, conditions
    }

    /// When something began and, once over, ended.
    public struct Span: Codable, Sendable, Equatable {
        public var startedAt: Timestamp
        public var finishedAt: Timestamp?

        public init(startedAt: Timestamp, finishedAt: Timestamp? = nil) {
            self.startedAt = startedAt
            self.finishedAt = finishedAt
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case startedAt, finishedAt
        }
    }

    /// The JSON merge patch (RFC 7386) that replaces any earlier status by this one: what is absent here is removed by `null`.
    ///
    /// Server-side apply would do, but Kubernetes 1.20 turns an optional object that is left out into a `null` that it then refuses.
    /// - Throws: `EncodingError`.
    public func replacingPatch() throws -> JSONValue {
        var patch = try JSONValue(encoding: self)
        for key in CodingKeys.allCases where patch[key.rawValue] == nil { patch[key.rawValue] = .null }
        for span in [CodingKeys.build, .rollout] {
            guard var value = patch[span.rawValue], value != .null else { continue }
            for key in Span.CodingKeys.allCases where value[key.rawValue] == nil { value[key.rawValue] = .null }
            patch[span.rawValue] = value
        }
        return patch
    }
}
