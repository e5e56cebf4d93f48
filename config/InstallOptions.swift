import Foundation
import KubernetesModel
import ObjectStore

/// How Seaway is installed. The defaults need nothing beside the cluster: a registry and a store of its own.
public struct InstallOptions: Sendable, Equatable, Codable {
    /// Seaway's own image: of the operator, and of the init container of build pods.
    public var image = "seaway:latest"
    /// Image that builds run in.
    public var builderImage = "seaway-builder:latest"
    /// Registry as build pods and the operator reach it, `host:port`; `nil` installs one.
    public var registry: String?
    /// The same registry as nodes pull from it; default `registry`.
    public var registryPull: String?
    /// Whether `registry` speaks plain HTTP. The installed one does.
    public var insecureRegistry = false
    /// Name of a Secret of type `kubernetes.io/dockerconfigjson` in `seaway-system` with a login of the registry that may push.
    public var registrySecret: String?
    /// Name of a Secret like that with a login that may pull; it is copied into the namespaces of Environments.
    public var registryPullSecret: String?
    /// Certificates, PEM, of the authority that signed the registry's; `nil` trusts the public ones.
    public var registryCertificateAuthority: String?
    /// Beginnings of the names of repositories in the registry that builds may read for base images.
    public var registryReadable: [String] = []
    /// Image of the registry that is installed.
    public var registryImage = "registry:2"
    /// `s3://BUCKET/PREFIX?endpoint=URL&region=REGION`, where the installed registry keeps its images, too; or `file:///DIRECTORY`,
    /// a directory on a volume of the operator's.
    public var store = "file:///var/lib/seaway"
    /// Put into the Secret `seaway-s3`; `nil` leaves a Secret of that name as it is.
    public var s3Credentials: S3Credentials?
    /// StorageClass of the volumes; `nil` is the cluster's default.
    public var storageClass: String?
    /// Keep sources and images only as long as the pods live: for clusters without volumes.
    public var ephemeral = false
    /// IngressClass of Ingresses whose manifest names none.
    public var ingressClass: String?
    /// Ingress hosts are `NAME.NAMESPACE.DOMAIN`.
    public var ingressDomain: String?
    /// Port in printed URLs, where it is not the scheme's own.
    public var ingressPort: Int?
    /// `host:port` of the ingress controller as pods reach it.
    public var ingressAddress: String?
    public var tuning = OperatorTuning()

    public init() {}

    private enum CodingKeys: String, CodingKey {
        case image, builderImage, registry, registryPull, insecureRegistry, registrySecret, registryPullSecret, registryReadable, registryImage
        case store, storageClass, ephemeral, ingressClass, ingressDomain, ingressPort, ingressAddress, tuning
        case registryCertificateAuthority = "registryCA"
    }

    /// The keys of the object store. They are never part of a description.
    public struct S3Credentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
        public var accessKey: String
        public var secretKey: String
        /// Of temporary credentials.
        public var sessionToken: String?
        /// PEM certificates of the authorities that vouch for the store, where the system does not know them.
        public var certificateAuthority: String?

        public init(accessKey: String, secretKey: String, sessionToken: String? = nil, certificateAuthority: String? = nil) {
            self.accessKey = accessKey
            self.secretKey = secretKey
            self.sessionToken = sessionToken
            self.certificateAuthority = certificateAuthority
        }

        public var description: String { "S3Credentials(redacted)" }
        public var debugDescription: String { description }
        public var customMirror: Mirror { Mirror(self, children: []) }
    }
}

// What an installation was made with is kept in the cluster, so that a later one changes only what it is told to change.
extension InstallOptions {
    /// On the operator's Deployment: what differs from the defaults, as JSON. Never the credentials.
    public static let annotation = "seaway.ctx.sh/install-options"

    /// What differs from the defaults.
    private var differing: [String: JSONValue] {
        get throws {
            let plain = try JSONValue(encoding: InstallOptions()).objectValue ?? [:]
            return (try JSONValue(encoding: self).objectValue ?? [:]).filter { plain[$0.key] != $0.value }
        }
    }

    /// The value of ``annotation``; `nil` when all is as by default.
    var remembered: String? {
        get throws {
            let differing = try differing
            return differing.isEmpty ? nil : String(decoding: JSONValue.object(differing).encoded(), as: UTF8.self)
        }
    }

    /// - Parameter text: value of ``annotation``.
    /// - Throws: `InstallError` when it cannot be read.
    public init(remembering text: String) throws {
        do {
            let plain = try JSONValue(encoding: InstallOptions()).objectValue ?? [:]
            let differing = try JSONValue(parsing: Data(text.utf8)).objectValue ?? [:]
            self = try JSONValue.object(plain.merging(differing) { $1 }).decode(InstallOptions.self)
        } catch {
            throw InstallError("the annotation \(Self.annotation) of Deployment seaway-system/seaway cannot be read: \(error)")
        }
    }

    /// The options of the command line that stand for what differs from the defaults, each with its value.
    public var commandLine: [String] {
        get throws {
            var values = try differing
            let tuning = values.removeValue(forKey: "tuning")?.objectValue ?? [:]
            return values.merging(tuning) { $1 }.sorted { $0.key < $1.key }.flatMap { key, value in
                let name = "--" + key.replacing("CA", with: "-ca").replacing(/[A-Z]/) { "-" + $0.output.lowercased() }
                return switch value {
                case .bool: [name]
                case .array(let values): values.map { "\(name) \($0.stringValue ?? "")" }
                // Certificates are long.
                case _ where key == CodingKeys.registryCertificateAuthority.rawValue: [name]
                default: ["\(name) \(value.stringValue ?? String(decoding: value.encoded(), as: UTF8.self))"]
                }
            }
        }
    }
}

/// Options that do not go together.
public struct InstallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and what is allowed, by the names of the command line.
    public var message: String
    public var description: String { message }

    public init(_ message: String) { self.message = message }
}

extension InstallOptions {
    static let registryAddress = "registry.seaway-system.svc:5000"
    static let registryPullAddress = "localhost:31555"
    /// Directories in the operator's container.
    static let registryLogin = "/etc/seaway/registry-login"
    static let registryPull = "/etc/seaway/registry-pull"
    static let registryTrust = "/etc/seaway/registry-ca"

    var installsRegistry: Bool { registry == nil }
    var storesInS3: Bool { store.hasPrefix("s3://") }
    /// Directory of the store in the operator's container.
    var storeDirectory: String { String(store.dropFirst("file://".count)) }

    func validate() throws(InstallError) {
        if storesInS3 {
            do throws(ObjectStoreError) { _ = try ObjectStoreURL(store) } catch { throw InstallError("--store: \(error.message)") }
        } else {
            guard store.hasPrefix("file:///"), storeDirectory.count > 1 else {
                throw InstallError("--store: '\(store)' is no store, expected s3://BUCKET/PREFIX?endpoint=URL or file:///DIRECTORY")
            }
            if s3Credentials != nil { throw InstallError("S3 credentials are given, but --store is no s3:// URL") }
        }
        if installsRegistry, registryPull != nil {
            throw InstallError("--registry-pull is given without --registry, which it is another address of")
        }
        if installsRegistry, registrySecret != nil || registryPullSecret != nil || registryCertificateAuthority != nil || !registryReadable.isEmpty {
            throw InstallError(
                "--registry-secret, --registry-pull-secret, --registry-ca and --registry-readable are about a registry that --registry names")
        }
        if insecureRegistry, registryCertificateAuthority != nil {
            throw InstallError("--registry-ca is given, but --insecure-registry says that the registry does not speak TLS")
        }
        if let registryCertificateAuthority, !registryCertificateAuthority.contains("-----BEGIN CERTIFICATE-----") {
            throw InstallError("--registry-ca: the file holds no certificate in PEM form")
        }
        for (option, value) in [("--image", image), ("--builder-image", builderImage)] where value.isEmpty {
            throw InstallError("\(option) is empty, expected the name of an image")
        }
        try tuning.validate()
    }

    /// The operator's command line.
    var operatorArguments: [String] {
        var arguments = [
            "operator",
            "--store=\(store)",
            "--registry=\(registry ?? Self.registryAddress)",
            "--registry-pull=\(registryPull ?? registry ?? Self.registryPullAddress)",
        ]
        if insecureRegistry || installsRegistry { arguments.append("--registry-insecure") }
        if registrySecret != nil { arguments.append("--registry-config=\(Self.registryLogin)/config.json") }
        if registryPullSecret != nil { arguments.append("--registry-pull-config=\(Self.registryPull)/config.json") }
        if registryCertificateAuthority != nil { arguments.append("--registry-ca=\(Self.registryTrust)/ca.crt") }
        arguments += registryReadable.map { "--registry-readable=\($0)" }
        arguments += ["--builder-image=\(builderImage)", "--seaway-image=\(image)", "--namespace=seaway-system"]
        if let ingressClass { arguments.append("--ingress-class=\(ingressClass)") }
        if let ingressDomain { arguments.append("--ingress-domain=\(ingressDomain)") }
        if let ingressPort { arguments.append("--ingress-port=\(ingressPort)") }
        if let ingressAddress { arguments.append("--ingress-address=\(ingressAddress)") }
        return arguments + tuning.arguments
    }
}
