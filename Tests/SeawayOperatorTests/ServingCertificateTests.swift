import Foundation
import NIOSSL
import Testing

@testable import SeawayOperator

struct ServingCertificateTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test func theChainIsReadByTheTLSLibraryAndServesItsNames() throws {
        let certificate = try ServingCertificate.make(names: ["seaway.seaway-system.svc"], now: now)
        #expect(try NIOSSLCertificate.fromPEMBytes(Array(certificate.chainPEM.utf8)).count == 2)
        _ = try NIOSSLPrivateKey(bytes: Array(certificate.keyPEM.utf8), format: .pem)
        #expect(certificate.isUsable(for: ["seaway.seaway-system.svc"], at: now))
        #expect(!certificate.isUsable(for: ["other.svc"], at: now))
    }

    @Test func itIsRenewedTwoMonthsBeforeItsEnd() throws {
        let certificate = try ServingCertificate.make(names: ["a.svc"], now: now)
        let end = now.addingTimeInterval(ServingCertificate.lifetime)
        #expect(certificate.isUsable(for: ["a.svc"], at: end.addingTimeInterval(-61 * 86_400)))
        #expect(!certificate.isUsable(for: ["a.svc"], at: end.addingTimeInterval(-59 * 86_400)))
    }
}
