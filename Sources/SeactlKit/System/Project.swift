import Foundation
import KubernetesModel
import SeawayAPI
import Source

/// A manifest and the directory that it stands in, which is the root of the sources.
struct Project: Sendable {
    /// Absolute.
    var manifestPath: String
    var manifest: Manifest

    var root: String { URL(fileURLWithPath: manifestPath).deletingLastPathComponent().path }
    var manifestName: String { URL(fileURLWithPath: manifestPath).lastPathComponent }

    /// Reads a manifest, its variables filled in.
    /// - Throws: ``CommandFailure`` (2) when there is none, `ManifestErrors` when it is not valid.
    static func load(_ manifest: String, in system: System) throws -> Project {
        let path = system.absolute(manifest)
        guard FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                .badInput, "there is no manifest at \(path)", next: ["change to the project's directory, or name the file with --manifest"])
        }
        let variables = system.variables
        let root = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let user = system.user
        let manifest = try Manifest.load(path: path, patternProblem: Selection.problem(of:)).expanding { name in
            switch name {
            case "USER": user
            case "BRANCH": variables["BRANCH"] ?? GitBranch.current(in: root)
            default: variables[name]
            }
        }
        return Project(manifestPath: path, manifest: manifest)
    }

    func environment(named name: String?) throws -> ManifestEnvironment {
        try manifest.environment(named: name)
    }

    func key(of name: String?, _ options: GlobalOptions) throws -> ObjectKey {
        ObjectKey(namespace: try options.namespace ?? environment(named: name).namespace, name: manifest.name)
    }

    func wanted(_ environment: ManifestEnvironment, namespace: String?, owner: String) -> WantedEnvironment {
        WantedEnvironment(
            key: ObjectKey(namespace: namespace ?? environment.namespace, name: manifest.name), environmentName: environment.name,
            owner: owner, spec: environment.spec)
    }

    // MARK: Sources

    /// Which files are the sources.
    ///
    /// The manifest is none of them unless `include` asks for it: it holds replicas and variables, and a change of those
    /// must not be a new revision, which would be built anew.
    /// - Throws: ``CommandFailure`` (4, as when the build finds out) when the Dockerfile is missing, `SourceError` for a pattern that is not understood.
    func selection(_ environment: ManifestEnvironment) throws -> Selection {
        let build = environment.spec.build
        let dockerfile = build?.dockerfile ?? EnvironmentSpec.Build.defaultDockerfile
        let path = URL(fileURLWithPath: dockerfile, relativeTo: URL(fileURLWithPath: root, isDirectory: true)).path
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
            throw CommandFailure(
                .buildFailed, "the Dockerfile of environment '\(environment.name)' is missing: there is no file \(path)",
                reason: Reason.dockerfileNotFound.rawValue,
                next: ["write it, or name another one with `build.dockerfile` in \(manifestPath)"])
        }
        let include = build?.include ?? []
        var exclude = build?.exclude ?? []
        if include.isEmpty { exclude.append("^" + Self.escape(manifestName) + "$") }
        // What a Secret holds must not be in the image as well, least of all one of another environment.
        exclude += Set(manifest.environments.flatMap(\.secrets).flatMap(\.paths).flatMap(pathsInTree)).sorted().map { "^" + Self.escape($0) + "$" }
        return try Selection(include: include, exclude: exclude, dockerignore: try dockerignore(), always: [dockerfile])
    }

    /// A path of the manifest relative to the root of the sources, and where a symbolic link there leads; empty when both lie elsewhere.
    private func pathsInTree(_ path: String) -> [String] {
        let file = absolute(path)
        func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
        return [(root, file), (resolved(root), resolved(file))].compactMap { root, file in
            file.hasPrefix(root + "/") ? String(file.dropFirst(root.count + 1)) : nil
        }
    }

    /// A path of the manifest, which is relative to it.
    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: root, isDirectory: true)).standardizedFileURL.path
    }

    private func dockerignore() throws -> String? {
        let path = root + "/.dockerignore"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.badInput, "\(path) cannot be read", next: ["check its permissions"])
        }
        return String(decoding: data, as: UTF8.self)
    }

    func scan(_ selection: Selection, cacheFile: String?) async throws -> SourceScan {
        try await SourceScanner.scan(root: root, selection: selection, cacheFile: cacheFile)
    }

    /// Where digests of files that did not change since are kept; `nil` when there is no place for it.
    func scanCache(in system: System) -> String? {
        let directory = system.baseDirectory("XDG_CACHE_HOME", default: ".cache")
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            return nil
        }
        return "\(directory)/scan-\(sha256Hex(Data(root.utf8)).prefix(32))"
    }

    private static func escape(_ name: String) -> String {
        name.map { $0.isASCII && !$0.isLetter && !$0.isNumber ? "\\\($0)" : "\($0)" }.joined()
    }

    // MARK: Secrets

    /// The Secrets of an environment with what their files hold.
    /// - Throws: ``CommandFailure`` (2) that names the file, and the line but never what stands in it.
    func secrets(_ environment: ManifestEnvironment) throws -> [WantedSecret] {
        try environment.secrets.map { secret in
            var data: [String: Data] = [:]
            if let path = secret.fromEnvFile {
                data = try EnvFile.parse(try content(of: path, for: secret), file: absolute(path)).mapValues { Data($0.utf8) }
            }
            for (key, path) in secret.fromFile ?? [:] { data[key] = try content(of: path, for: secret) }
            let size = data.values.reduce(0) { $0 + $1.count }
            guard size <= WantedSecret.largest else {
                throw CommandFailure(
                    .badInput, "Secret \(secret.name) would hold \(Format.bytes(size)), the API server takes at most 1.0 MiB",
                    next: ["make its files smaller, or split it in \(manifestPath)"])
            }
            return WantedSecret(name: secret.name, data: data)
        }
    }

    private func content(of path: String, for secret: ManifestSecret) throws -> Data {
        let file = absolute(path)
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            let data = try handle.read(upToCount: WantedSecret.largest + 1) ?? Data()
            try handle.close()
            return data
        } catch {
            let missing = !FileManager.default.fileExists(atPath: file)
            throw CommandFailure(
                .badInput, "Secret \(secret.name) cannot be made: \(file) \(missing ? "is not there" : "cannot be read")",
                next: ["write the file, or name another one under `secrets` in \(manifestPath)"])
        }
    }

    // MARK: Checks

    func warnings(_ environment: ManifestEnvironment, withDeps: Bool) -> [String] {
        environment.dependencies.isEmpty || withDeps
            ? [] : ["the dependencies of environment '\(environment.name)' are left as they are; --with-deps applies them, or `seactl deps apply`"]
    }

    /// - Throws: ``CommandFailure`` (2) when this would reach another cluster than the last sync, and nobody agreed to that.
    func guardContext(_ connection: Connection, memory: SyncMemory, options: GlobalOptions, yes: Bool, in system: System) throws {
        try guardContext(connection, memory: memory, options: options.cluster, yes: yes, in: system)
    }

    /// - Throws: ``CommandFailure`` (2) when this would reach another cluster than the last sync, and nobody agreed to that.
    func guardContext(_ connection: Connection, memory: SyncMemory, options: ClusterOptions, yes: Bool, in system: System) throws {
        let verdict = ContextGuard.check(
            last: memory.context(manifest: manifestPath), current: connection.context, isExplicit: options.context != nil,
            isConfirmed: yes, canAsk: system.ask != nil)
        switch verdict {
        case .proceed: return
        case .refuse(let failure): throw failure
        case .ask(let question):
            let answer = (system.ask?(question) ?? "").trimmed.lowercased()
            guard ["y", "yes"].contains(answer) else {
                throw CommandFailure(
                    .badInput, "nothing was done: context '\(connection.context)' was not agreed to", next: ["name the context with --context"])
            }
        }
    }
}
