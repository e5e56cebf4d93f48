import AsyncHTTPClient
import Testing

@testable import KubernetesClient

/// The cases of <https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config>, which kubectl follows.
@Suite struct EnvironmentProxyTests {
    private func proxy(_ server: String, _ environment: [String: String]) -> String? {
        EnvironmentProxy(server: server, environment: environment)?.url
    }

    @Test func theSchemeChoosesTheVariable() {
        let both = ["HTTP_PROXY": "http://one:1", "HTTPS_PROXY": "http://two:2", "https_proxy": "http://three:3"]
        #expect(proxy("https://api.test:6443", both) == "http://two:2")
        #expect(proxy("http://api.test", both) == "http://one:1")
        #expect(proxy("https://api.test", ["https_proxy": "user:pass@three:3", "HTTPS_PROXY": ""]) == "http://user:pass@three:3")
        #expect(proxy("https://api.test", ["HTTP_PROXY": "http://one:1", "ALL_PROXY": "http://one:1"]) == nil)
        #expect(proxy("https://api.test", ["HTTPS_PROXY": "socks5://two"]) == "socks5://two")
    }

    @Test(arguments: ["https://localhost:6443", "https://127.0.0.1", "https://127.9.9.9:1", "https://[::1]:6443"])
    func thisMachineIsReachedDirectly(server: String) { #expect(proxy(server, ["HTTPS_PROXY": "p:1"]) == nil) }

    @Test(arguments: [
        ("*", true), ("other.test, *", true), ("", false), ("api.example.com", true), ("API.Example.Com", true), ("example.com", true),
        (".example.com", true), ("*.example.com", true), ("*.api.example.com", false), (".api.example.com", false), ("ample.com", false),
        ("example.com:6443", true), ("example.com:443", false), (":6443", false), ("com", true), ("10.0.0.0/8", false), ("a,,b", false),
    ])
    func exceptionsByName(exceptions: String, isDirect: Bool) {
        for name in ["NO_PROXY", "no_proxy"] {
            #expect((proxy("https://api.example.com:6443", ["HTTPS_PROXY": "p:1", name: exceptions]) == nil) == isDirect, "\(exceptions)")
        }
    }

    @Test(arguments: [
        ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "10.1.2.3:6443", true), ("10.1.2.3", "10.1.2.3:1", false), ("10.1.2.3", "10.0.0.0/8", true),
        ("10.1.2.3", "10.1.2.0/31", false), ("10.1.2.3", "10.1.2.2/31", true), ("10.1.2.3", "0.0.0.0/0", true), ("10.1.2.3", "10.0.0.0/40", false),
        ("[fd00::1]", "fd00::1", true), ("[fd00::1]", "[fd00::1]:6443", true), ("[fd00::1]", "fd00::/8", true), ("[fd00::1]", "10.0.0.0/8", false),
    ])
    func exceptionsByAddress(host: String, exceptions: String, isDirect: Bool) {
        #expect((proxy("https://\(host):6443", ["HTTPS_PROXY": "p:1", "NO_PROXY": exceptions]) == nil) == isDirect)
    }

    @Test func whatIsWrongWithItIsSaidWithoutItsPassword() throws {
        var configuration = ClusterConfiguration(server: "https://api.test")
        configuration.environmentProxy = EnvironmentProxy(server: "https://api.test", environment: ["HTTPS_PROXY": "ftp://me:pa55@proxy"])
        let error = #expect(throws: KubernetesError.self) { try TransportSettings.httpClientConfiguration(configuration) }
        #expect(error?.message == "the variable HTTPS_PROXY must begin with http:// or socks5://")
        configuration.proxyURL = "http://proxy.test:3128"
        #expect(try TransportSettings.httpClientConfiguration(configuration).proxy != nil)
    }
}
