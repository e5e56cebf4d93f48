import AsyncHTTPClient
import Foundation
import Testing

@testable import KubernetesClient

@Suite struct TransportSettingsTests {
    private func complaint(_ configuration: ClusterConfiguration) throws -> String {
        let error = #expect(throws: KubernetesError.self) { try TransportSettings.httpClientConfiguration(configuration) }
        #expect(error?.code == .configuration)
        return try #require(error).message
    }

    @Test func whatCannotBeUsedIsSaidBeforeAnythingIsSent() throws {
        for server in ["api.test", "ftp://api.test", "https://", ""] {
            #expect(try complaint(ClusterConfiguration(server: server)).contains("is no http or https URL with a host"))
        }
        #expect(
            try complaint(ClusterConfiguration(server: "https://a", certificateAuthority: Data("x".utf8)))
                == "the program: the certificate authority has no PEM certificate")
        let certificate = Credentials.ClientCertificate(chain: Data("x".utf8), privateKey: Sensitive(Data("s3cret".utf8)))
        #expect(
            try complaint(ClusterConfiguration(server: "https://a", credentials: Credentials(clientCertificate: certificate)))
                == "the program: the client certificate has no PEM certificate")
        #expect(try complaint(ClusterConfiguration(server: "https://a", proxyURL: "gopher://p")).contains("proxy-url must begin with"))
    }

    @Test func anotherServerNameIsAskedForAtTheSameHost() throws {
        let configuration = ClusterConfiguration(server: "https://10.0.0.1:6443/k8s/c1", tlsServerName: "kubernetes")
        #expect(TransportSettings.baseURL(configuration) == "https://kubernetes:6443/k8s/c1")
        #expect(try TransportSettings.httpClientConfiguration(configuration).dnsOverride == ["kubernetes": "10.0.0.1"])
        #expect(TransportSettings.baseURL(ClusterConfiguration(server: "https://api.test/")) == "https://api.test")
    }
}
