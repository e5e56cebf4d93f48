import Foundation
import KubernetesModel

/// Reads the credentials of one user of a kubeconfig.
struct CredentialsReader {
    let user: Kubeconfig.Located<KubeconfigFile.User>
    let name: String
    let cluster: KubeconfigFile.Cluster

    func read() throws -> Credentials {
        let entry = user.entry
        try check(entry)
        if let provider = entry.authProvider {
            throw problem("uses auth-provider '\(provider.name ?? "")', which Kubernetes 1.26 removed; configure an exec plugin instead")
        }
        var credentials = Credentials(clientCertificate: try clientCertificate(), bearer: try bearer())
        if let impersonated = entry.impersonatedUser, !impersonated.isEmpty {
            credentials.impersonation = Credentials.Impersonation(
                user: impersonated, uid: entry.impersonatedUID, groups: entry.impersonatedGroups ?? [],
                extra: entry.impersonatedExtra ?? [:])
        }
        return credentials
    }

    /// Entries that say two things at once are refused, as kubectl does: which one counts is nobody's guess.
    private func check(_ entry: KubeconfigFile.User) throws {
        func has(_ text: String?) -> Bool { text?.isEmpty == false }
        if has(entry.token), has(entry.username) || has(entry.password) {
            throw problem("has both a token and a username or password; only one of them is allowed")
        }
        if has(entry.certificateFile), has(entry.certificateData) {
            throw problem("has both client-certificate and client-certificate-data; remove one of them")
        }
        if has(entry.keyFile), has(entry.keyData) {
            throw problem("has both client-key and client-key-data; remove one of them")
        }
        if entry.exec != nil, entry.authProvider != nil {
            throw problem("has both an exec plugin and an auth-provider; remove the auth-provider")
        }
        let isMore = has(entry.impersonatedUID) || entry.impersonatedGroups?.isEmpty == false || entry.impersonatedExtra?.isEmpty == false
        if isMore, !has(entry.impersonatedUser) {
            throw problem("impersonates a uid, groups or extra without a user: add 'as'")
        }
    }

    private func clientCertificate() throws -> Credentials.ClientCertificate? {
        let entry = user.entry
        let owner = "user '\(name)'"
        let chain = try user.read(data: entry.certificateData, file: entry.certificateFile, "client-certificate", of: owner)
        let key = try user.read(data: entry.keyData, file: entry.keyFile, "client-key", of: owner)
        switch (chain, key) {
        case (nil, nil): return nil
        case (let chain?, let key?): return Credentials.ClientCertificate(chain: chain, privateKey: Sensitive(key))
        case (nil, _): throw problem("has a client-key without a client-certificate")
        case (_, nil): throw problem("has a client-certificate without a client-key")
        }
    }

    private func bearer() throws -> Credentials.Bearer {
        let entry = user.entry
        // A file wins over an inline token: it is the one that is kept fresh.
        if let file = entry.tokenFile, !file.isEmpty {
            let path = user.path(file)
            guard FileManager.default.isReadableFile(atPath: path) else {
                if let token = entry.token, !token.isEmpty { return .token(Sensitive(token)) }
                throw problem("has a tokenFile \(path), which cannot be read")
            }
            return .tokenFile(path)
        }
        if let token = entry.token, !token.isEmpty { return .token(Sensitive(token)) }
        if let username = entry.username, !username.isEmpty {
            return .basic(username: username, password: Sensitive(entry.password ?? ""))
        }
        if let exec = entry.exec { return .exec(try plugin(exec)) }
        return .none
    }

    private func plugin(_ exec: KubeconfigFile.Exec) throws -> ExecPlugin {
        guard let command = exec.command, !command.isEmpty else { throw problem("has an exec plugin without a command") }
        guard let version = exec.apiVersion, ExecPlugin.supportedVersions.contains(version) else {
            let known = ExecPlugin.supportedVersions.joined(separator: " or ")
            throw problem("has an exec plugin of apiVersion '\(exec.apiVersion ?? "")'; it must be \(known): update the plugin")
        }
        if version == "client.authentication.k8s.io/v1", exec.interactiveMode == nil {
            throw problem("has an exec plugin of apiVersion '\(version)' without an interactiveMode; add 'interactiveMode: IfAvailable'")
        }
        if exec.env?.contains(where: { $0.name.isEmpty }) == true { throw problem("has an exec plugin with a variable that has no name") }
        let config = cluster.extensions?.first { $0.name == "client.authentication.k8s.io/exec" }?.extension
        return ExecPlugin(
            apiVersion: version,
            // A name is looked up in PATH; a relative path is relative to the file.
            command: command.contains("/") ? user.path(command) : command,
            arguments: exec.args ?? [],
            environment: Dictionary(
                (exec.env ?? []).map { ($0.name, Sensitive($0.value)) }, uniquingKeysWith: { _, last in last }),
            installHint: exec.installHint, providesClusterInfo: exec.provideClusterInfo ?? false,
            interactiveMode: exec.interactiveMode ?? .ifAvailable, clusterConfigJSON: config?.encoded())
    }

    private func problem(_ text: String) -> KubernetesError {
        KubernetesError(.configuration, "\(user.file): user '\(name)' \(text)")
    }
}
