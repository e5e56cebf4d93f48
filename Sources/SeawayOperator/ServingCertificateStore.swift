import Foundation
import KubernetesClient
import KubernetesModel
import Logging
import SeawayAPI

/// Keeps the operator's certificate in a Secret of its own namespace, so that a restart serves with the same one.
struct ServingCertificateStore: Sendable {
    private static let secretName = "seaway-serving"
    let cluster: KubernetesClient
    let namespace: String
    let logger: Logger

    private var names: [String] {
        ["seaway.\(namespace).svc", "seaway.\(namespace).svc.cluster.local", "seaway.\(namespace)"]
    }

    /// The stored certificate; a new one when there is none or it is about to expire.
    /// - Throws: `KubernetesError` when the Secret cannot be read or written.
    func current() async throws -> ServingCertificate {
        let stored = try await cluster.getIfPresent(Secret.self, Self.secretName, namespace: namespace)
        if let certificate = stored.flatMap(Self.certificate), certificate.isUsable(for: names, at: Date()) { return certificate }
        logger.info("making a serving certificate", metadata: ["secret": "\(namespace)/\(Self.secretName)"])
        let certificate = try ServingCertificate.make(names: names, now: Date())
        var metadata: JSONValue = [
            "name": .string(Self.secretName), "namespace": .string(namespace),
            "labels": [Names.managedByLabel: .string(Names.managedByValue)],
        ]
        if let version = stored?.metadata.resourceVersion { metadata["resourceVersion"] = .string(version) }
        do {
            try await write(certificate, metadata, isNew: stored == nil)
            return certificate
        } catch let error as KubernetesError where error.isConflict || error.isAlreadyExists {
            // Another operator that started at the same time was faster; both serve with its certificate.
            guard let theirs = Self.certificate(in: try await cluster.get(Secret.self, Self.secretName, namespace: namespace)) else { throw error }
            return theirs
        }
    }

    private func write(_ certificate: ServingCertificate, _ metadata: JSONValue, isNew: Bool) async throws {
        let secret: JSONValue = [
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": "kubernetes.io/tls",
            "stringData": [
                "ca.crt": .string(certificate.authorityPEM), "tls.crt": .string(certificate.chainPEM), "tls.key": .string(certificate.keyPEM),
            ],
        ]
        if isNew {
            _ = try await cluster.create(secret)
        } else {
            _ = try await cluster.apply(secret, fieldManager: Names.fieldManager, force: true)
        }
    }

    private static func certificate(in secret: Secret) -> ServingCertificate? {
        func text(_ key: String) -> String? { secret.data?[key].map { String(decoding: $0, as: UTF8.self) } }
        guard let authority = text("ca.crt"), let chain = text("tls.crt"), let key = text("tls.key") else { return nil }
        return ServingCertificate(authorityPEM: authority, chainPEM: chain, keyPEM: key)
    }
}
