import KubernetesModel

extension EnvironmentSpec {
    /// How the image is made.
    public struct Build: Codable, Sendable, Equatable {
        /// Which builder: `buildah`, `buildkit` or `kaniko`; default the operator's.
        public var builder: String?
        /// Path of the Dockerfile in the source tree; default `Dockerfile`.
        public var dockerfile: String?
        /// Directory of the source tree that is the build context; default the whole tree.
        public var context: String?
        /// The stage to build; default the last.
        public var target: String?
        public var buildArgs: [String: String]?
        /// `os/arch`; default the node's.
        public var platform: String?
        public var include: [String]?
        public var exclude: [String]?
        /// Where the layers of earlier builds are kept; default a volume where the cluster makes volumes, else the registry.
        public var cache: Cache?
        /// Image of the builder; default that of `builder`.
        public var image: String?
        public var command: [String]?
        public var args: [String]?
        // Of the build's container and pod; passed as they are, so every field of the cluster's version works.
        /// Kubernetes `EnvVar`s of the build's container, after the builder's own.
        public var env: [JSONValue]?
        /// Kubernetes `EnvFromSource`s of the build's container.
        public var envFrom: [JSONValue]?
        /// Kubernetes `ResourceRequirements` of the build's container.
        public var resources: JSONValue?
        /// Kubernetes `SecurityContext` of the build's container in place of the builder's own.
        public var securityContext: JSONValue?
        public var serviceAccountName: String?
        /// Seconds after which the build is ended; default the operator's.
        public var deadlineSeconds: Int?
        /// How often a failed build is tried again by itself; default never.
        public var retries: Int?
        public var nodeSelector: [String: String]?
        public var tolerations: [JSONValue]?

        public init() {}
    }

    /// Where the layers of earlier builds are kept.
    public struct Cache: Codable, Sendable, Equatable {
        /// `volume`, `registry` or `none`.
        public var type: String
        /// Size of the volume; default the operator's.
        public var size: Quantity?
        /// Class of the volume; default the cluster's.
        public var storageClassName: String?

        public init(type: String, size: Quantity? = nil, storageClassName: String? = nil) {
            self.type = type
            self.size = size
            self.storageClassName = storageClassName
        }
    }
}
