import Foundation
import KubernetesModel
import ObjectStore
import SeawayAPI

/// An S3 in which the operator keeps sources and the installed registry its images, each under a prefix of its own.
struct InstallS3 {
    private let bucket: String
    private let prefix: String
    private let endpoint: String
    private let region: String
    private let pathStyle: Bool

    /// - Returns: `nil` for a store that is no valid `s3://` URL.
    init?(_ store: String) {
        guard case .s3(let bucket, let prefix, let endpoint, let region, let pathStyle)? = try? ObjectStoreURL(store) else { return nil }
        self.bucket = bucket
        self.prefix = prefix
        self.endpoint = endpoint
        self.region = region
        self.pathStyle = pathStyle
    }

    // MARK: Credentials

    private static let secretName = "seaway-s3"
    private static let accessKey = "SEAWAY_S3_ACCESS_KEY"
    private static let secretKey = "SEAWAY_S3_SECRET_KEY"
    private static let sessionToken = "SEAWAY_S3_SESSION_TOKEN"
    private static let certificateAuthority = "SEAWAY_S3_CA"

    /// The only object that holds them.
    static func secret(_ credentials: InstallOptions.S3Credentials) -> JSONValue {
        func encoded(_ text: String) -> JSONValue { .string(Data(text.utf8).base64EncodedString()) }
        // Not `stringData`: a key that is no longer applied there would stay.
        var data: JSONValue = [accessKey: encoded(credentials.accessKey), secretKey: encoded(credentials.secretKey)]
        data[sessionToken] = credentials.sessionToken.map(encoded)
        data[certificateAuthority] = credentials.certificateAuthority.map(encoded)
        return [
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": [
                "name": .string(secretName),
                "namespace": .string(Names.systemNamespace),
                "labels": ["app.kubernetes.io/name": "seaway", "app.kubernetes.io/part-of": "seaway"],
            ],
            "type": "Opaque",
            "data": data,
        ]
    }

    /// The operator's environment variables.
    static var operatorVariables: [JSONValue] {
        [variable(accessKey, from: accessKey), variable(secretKey, from: secretKey)]
            + [sessionToken, certificateAuthority].map { variable($0, from: $0, optional: true) }
    }

    private static func variable(_ name: String, from key: String, optional: Bool = false) -> JSONValue {
        var reference: JSONValue = ["name": .string(secretName), "key": .string(key)]
        if optional { reference["optional"] = true }
        return ["name": .string(name), "valueFrom": ["secretKeyRef": reference]]
    }

    // MARK: The registry

    /// Where the registry's image has the certificates of ``certificateAuthority``.
    private static let certificates = "/etc/seaway-s3"

    /// Puts the registry's images into the S3 instead of its volume. Its settings are variables that stand above those of its file.
    /// <https://distribution.github.io/distribution/storage-drivers/s3/>
    func editRegistry(_ pod: inout JSONValue) {
        pod.editContainer { container in
            container["env"] = .array(registryVariables)
            let mounts = container["volumeMounts"]?.removing("data").arrayValue ?? []
            container["volumeMounts"] = .array(
                mounts + [["name": "s3", "mountPath": .string(Self.certificates), "readOnly": true]])
        }
        let items: JSONValue = [["key": .string(Self.certificateAuthority), "path": "ca.pem"]]
        let volume: JSONValue = ["name": "s3", "secret": ["secretName": .string(Self.secretName), "optional": true, "items": items]]
        pod["volumes"] = .array((pod["volumes"]?.removing("data").arrayValue ?? []) + [volume])
    }

    private var registryVariables: [JSONValue] {
        func setting(_ name: String, _ value: String) -> JSONValue { ["name": .string("REGISTRY_STORAGE\(name)"), "value": .string(value)] }
        var variables = [
            setting("", "s3"),
            setting("_DELETE_ENABLED", "true"),
            // Nodes and builds reach the registry, not the S3.
            setting("_REDIRECT_DISABLE", "true"),
            setting("_S3_BUCKET", bucket),
            setting("_S3_ROOTDIRECTORY", (prefix.isEmpty ? "" : "/" + prefix) + "/registry"),
            setting("_S3_REGION", region),
            setting("_S3_SECURE", endpoint.hasPrefix("https://") ? "true" : "false"),
            setting("_S3_FORCEPATHSTYLE", pathStyle ? "true" : "false"),
        ]
        // The registry finds Amazon's by the region.
        if !endpoint.hasSuffix(".amazonaws.com") { variables.append(setting("_S3_REGIONENDPOINT", endpoint)) }
        // Beside the authorities that the system knows.
        variables.append(["name": "SSL_CERT_FILE", "value": .string("\(Self.certificates)/ca.pem")])
        return variables + [
            Self.variable("REGISTRY_STORAGE_S3_ACCESSKEY", from: Self.accessKey),
            Self.variable("REGISTRY_STORAGE_S3_SECRETKEY", from: Self.secretKey),
            Self.variable("REGISTRY_STORAGE_S3_SESSIONTOKEN", from: Self.sessionToken, optional: true),
        ]
    }
}
