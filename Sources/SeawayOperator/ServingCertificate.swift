import Crypto
import Foundation
import SwiftASN1
import X509

/// The operator's own CA and the certificate that its source API serves with, as PEM.
struct ServingCertificate: Sendable, Equatable {
    var authorityPEM: String
    /// The serving certificate; the CA follows it.
    var chainPEM: String
    var keyPEM: String

    /// Makes a new CA and a certificate for `names`.
    ///
    /// The CA's key is dropped at once: nobody can sign a second certificate, and rotation makes a new CA.
    /// - Throws: when the certificates cannot be encoded.
    static func make(names: [String], now: Date) throws -> ServingCertificate {
        let authorityKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let authorityName = try DistinguishedName { CommonName("seaway") }
        let start = now.addingTimeInterval(-300)
        let authority = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: authorityKey.publicKey, notValidBefore: start,
            notValidAfter: now.addingTimeInterval(lifetime), issuer: authorityName, subject: authorityName,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true))
            },
            issuerPrivateKey: authorityKey)
        let key = P256.Signing.PrivateKey()
        let serving = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: start,
            notValidAfter: now.addingTimeInterval(lifetime), issuer: authorityName,
            subject: try DistinguishedName { CommonName(names.first ?? "seaway") }, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names.map(GeneralName.dnsName))
            },
            issuerPrivateKey: authorityKey)
        let authorityPEM = try authority.serializeAsPEM().pemString
        return ServingCertificate(
            authorityPEM: authorityPEM, chainPEM: try serving.serializeAsPEM().pemString + "\n" + authorityPEM, keyPEM: key.pemRepresentation)
    }

    static let lifetime: TimeInterval = 2 * 365 * 86_400

    /// Whether it serves `names` and does so for another 60 days.
    func isUsable(for names: [String], at now: Date) -> Bool {
        guard let document = try? PEMDocument.parseMultiple(pemString: chainPEM).first,
            let certificate = try? Certificate(pemDocument: document), certificate.notValidAfter > now.addingTimeInterval(60 * 86_400),
            certificate.notValidBefore < now, let present = try? certificate.extensions.subjectAlternativeNames
        else { return false }
        return Set(names.map(GeneralName.dnsName)).isSubset(of: Set(present))
    }
}
