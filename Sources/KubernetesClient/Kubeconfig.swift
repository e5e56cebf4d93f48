import Foundation
import KubernetesModel

/// Finds the kubeconfig files to read.
enum KubeconfigFiles {
    /// - Throws: `KubernetesError` when there is none, or the given one is missing.
    static func find(explicit: String?, environment: [String: String], home: String) throws -> [String] {
        if let explicit, !explicit.isEmpty { return [expandTilde(explicit, home: home)] }
        if let variable = environment["KUBECONFIG"], !variable.isEmpty {
            let listed = variable.split(separator: ":").map(String.init)
            // As everywhere in Kubernetes, files of the list may be missing, but not all.
            let present = listed.filter { FileManager.default.fileExists(atPath: $0) }
            guard !present.isEmpty else {
                throw KubernetesError(.configuration, "none of the files in $KUBECONFIG exists: \(listed.joined(separator: ", "))")
            }
            return present
        }
        let standard = "\(home)/.kube/config"
        guard FileManager.default.fileExists(atPath: standard) else {
            throw KubernetesError(
                .configuration,
                "there is no kubeconfig: \(standard) does not exist and $KUBECONFIG is not set; get one from whoever runs the cluster")
        }
        return [standard]
    }

    private static func expandTilde(_ path: String, home: String) -> String {
        path.hasPrefix("~/") ? home + path.dropFirst() : path
    }
}

/// One kubeconfig, merged from the files it was read from.
struct Kubeconfig: Sendable {
    /// An entry and the file it stands in, which relative paths in it are relative to.
    struct Located<Entry: Sendable>: Sendable {
        var entry: Entry
        var file: String

        func path(_ path: String) -> String {
            path.hasPrefix("/") ? path : (file as NSString).deletingLastPathComponent + "/" + path
        }
    }

    var files: [String] = []
    var currentContext: String?
    var contexts: [String: Located<KubeconfigFile.Context>] = [:]
    var clusters: [String: Located<KubeconfigFile.Cluster>] = [:]
    var users: [String: Located<KubeconfigFile.User>] = [:]

    /// The first file that says something wins, entry by entry.
    static func merged(_ paths: [String]) throws -> Kubeconfig {
        var config = Kubeconfig()
        for path in paths {
            config.add(try KubeconfigFile.read(path), file: absolute(path))
        }
        return config
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    mutating func add(_ content: KubeconfigFile, file: String) {
        files.append(file)
        if currentContext == nil, let name = content.currentContext, !name.isEmpty { currentContext = name }
        for item in content.contexts ?? [] where contexts[item.name] == nil {
            contexts[item.name] = Located(entry: item.context ?? .init(), file: file)
        }
        for item in content.clusters ?? [] where clusters[item.name] == nil {
            clusters[item.name] = Located(entry: item.cluster ?? .init(), file: file)
        }
        for item in content.users ?? [] where users[item.name] == nil {
            users[item.name] = Located(entry: item.user ?? .init(), file: file)
        }
    }

    /// Resolves a context to what a client needs.
    /// - Throws: `KubernetesError` that says what is missing, where, and which names there are.
    func configuration(context wanted: String?) throws -> ClusterConfiguration {
        let place = files.joined(separator: ", ")
        guard let name = wanted ?? currentContext else {
            throw KubernetesError(
                .configuration, "\(place) has no current-context; name one of its contexts: \(known(contexts.keys))")
        }
        guard let context = contexts[name] else {
            throw KubernetesError(.configuration, "\(place) has no context '\(name)'; it has: \(known(contexts.keys))")
        }
        guard let clusterName = context.entry.cluster, !clusterName.isEmpty else {
            throw KubernetesError(.configuration, "\(context.file): context '\(name)' names no cluster")
        }
        guard let cluster = clusters[clusterName] else {
            throw KubernetesError(
                .configuration,
                "\(context.file): context '\(name)' names cluster '\(clusterName)', which is not there; there is: \(known(clusters.keys))")
        }
        guard let server = cluster.entry.server, !server.isEmpty else {
            throw KubernetesError(.configuration, "\(cluster.file): cluster '\(clusterName)' has no server")
        }
        var credentials = Credentials()
        if let userName = context.entry.user, !userName.isEmpty {
            guard let user = users[userName] else {
                throw KubernetesError(
                    .configuration,
                    "\(context.file): context '\(name)' names user '\(userName)', which is not there; there is: \(known(users.keys))")
            }
            credentials = try CredentialsReader(user: user, name: userName, cluster: cluster.entry).read()
        }
        let authority = try cluster.read(
            data: cluster.entry.authorityData, file: cluster.entry.authorityFile, "certificate-authority", of: "cluster '\(clusterName)'")
        let skips = cluster.entry.skipsTLSVerification ?? false
        try cluster.check(clusterName)
        let namespace = context.entry.namespace ?? ""
        return ClusterConfiguration(
            server: server, certificateAuthority: authority, skipsTLSVerification: skips,
            tlsServerName: cluster.entry.tlsServerName, proxyURL: cluster.entry.proxyURL, credentials: credentials,
            namespace: namespace.isEmpty ? "default" : namespace, contextName: name, origin: context.file)
    }

    private func known(_ names: some Collection<String>) -> String {
        names.isEmpty ? "none" : names.sorted().joined(separator: ", ")
    }
}

extension Kubeconfig.Located<KubeconfigFile.Cluster> {
    /// Refuses what contradicts itself, as kubectl does.
    fileprivate func check(_ name: String) throws {
        func has(_ text: String?) -> Bool { text?.isEmpty == false }
        if has(entry.authorityFile), has(entry.authorityData) {
            throw KubernetesError(
                .configuration, "\(file): cluster '\(name)' has both certificate-authority and certificate-authority-data; remove one of them")
        }
        if entry.skipsTLSVerification == true, has(entry.authorityFile) || has(entry.authorityData) {
            throw KubernetesError(
                .configuration,
                "\(file): cluster '\(name)' has a certificate authority and insecure-skip-tls-verify; remove insecure-skip-tls-verify")
        }
    }
}

extension Kubeconfig.Located {
    /// The content of a field that comes inline (base64, which wins) or as a file.
    func read(data: String?, file: String?, _ field: String, of owner: String) throws -> Data? {
        if let data, !data.isEmpty {
            guard let bytes = Data(base64Encoded: data, options: .ignoreUnknownCharacters), !bytes.isEmpty else {
                throw KubernetesError(.configuration, "\(self.file): \(field)-data of \(owner) is no base64")
            }
            return bytes
        }
        guard let file, !file.isEmpty else { return nil }
        let path = path(file)
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw KubernetesError(.configuration, "\(self.file): \(field) of \(owner) names \(path), which cannot be read")
        }
        return bytes
    }
}
