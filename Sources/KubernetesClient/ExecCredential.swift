import Foundation
import KubernetesModel

/// What a credential plugin is told and what it prints (`ExecCredential` of client.authentication.k8s.io).
struct ExecCredential: Decodable {
    var apiVersion: String?
    var kind: String?
    var status: Status?

    struct Status: Decodable {
        var token: String?
        var clientCertificateData: String?
        var clientKeyData: String?
        var expirationTimestamp: Timestamp?
    }
}

/// What a request needs to say who sends it.
struct Authorization: Sendable, Equatable {
    var header: Sensitive<String>?
    var clientCertificate: Credentials.ClientCertificate?
}

extension ExecCredential {
    /// The value of `KUBERNETES_EXEC_INFO`.
    static func request(for plugin: ExecPlugin, configuration: ClusterConfiguration, interactive: Bool) -> JSONValue {
        var spec: JSONValue = ["interactive": .bool(interactive)]
        if plugin.providesClusterInfo {
            var cluster: JSONValue = ["server": .string(configuration.server)]
            if let name = configuration.tlsServerName { cluster["tls-server-name"] = .string(name) }
            if configuration.skipsTLSVerification { cluster["insecure-skip-tls-verify"] = true }
            if let authority = configuration.certificateAuthority {
                cluster["certificate-authority-data"] = .string(authority.base64EncodedString())
            }
            if let proxy = configuration.proxyURL { cluster["proxy-url"] = .string(proxy) }
            if let config = plugin.clusterConfigJSON { cluster["config"] = try? JSONValue(parsing: config) }
            spec["cluster"] = cluster
        }
        return ["apiVersion": .string(plugin.apiVersion), "kind": "ExecCredential", "spec": spec]
    }

    /// Reads a plugin's output. What it printed is in no error: it is a credential.
    static func parse(_ output: Data, plugin: ExecPlugin) throws -> RefreshingValue<Authorization>.Loaded {
        func problem(_ text: String) -> KubernetesError {
            KubernetesError(.credentials, "the credential plugin '\(plugin.command)' \(text)")
        }
        let credential: ExecCredential
        do {
            credential = try JSONDecoder().decode(ExecCredential.self, from: output)
        } catch {
            throw problem("printed no ExecCredential in JSON: \(describeDecodingError(error))")
        }
        guard credential.kind == "ExecCredential" else { throw problem("printed an object that is no ExecCredential") }
        guard credential.apiVersion == plugin.apiVersion else {
            throw problem("printed an ExecCredential of another apiVersion than the kubeconfig asks for, \(plugin.apiVersion)")
        }
        guard let status = credential.status else { throw problem("printed an ExecCredential without a status") }
        var authorization = Authorization()
        if let token = status.token, !token.isEmpty { authorization.header = Sensitive("Bearer \(token)") }
        switch (status.clientCertificateData, status.clientKeyData) {
        case (let chain?, let key?):
            authorization.clientCertificate = Credentials.ClientCertificate(
                chain: Data(chain.utf8), privateKey: Sensitive(Data(key.utf8)))
        case (nil, nil): break
        default: throw problem("printed a client certificate without its key, or a key without its certificate")
        }
        guard authorization != Authorization() else { throw problem("printed neither a token nor a client certificate") }
        return .init(value: authorization, expires: status.expirationTimestamp?.date)
    }
}
