import Foundation
import KubernetesModel
import SeawayAPI
import SeawayDependencies

/// Makes the objects of a dependency from what is in the source tree: plain YAML, a kustomization or a chart.
struct DependencyRenderer: Sendable {
    var system: System
    /// The manifest's directory.
    var root: String
    var namespace: String
    /// What Seaway itself gives to `substitute: true`.
    var ownVariables: [String: String]
    /// Charts are rendered for this version; asked only for charts.
    var serverVersion: @Sendable () async throws -> String

    /// - Throws: ``CommandFailure`` (2) with all that is wrong with the files.
    func render(_ dependency: ManifestDependency) async throws -> [WantedObject] {
        do {
            let variables = dependency.substitute ? try variables(dependency) : nil
            if dependency.isChart { return try await chart(dependency, variables) }
            if dependency.isRemote { return try await kustomize(dependency, dependency.path, variables) }
            let path = absolute(dependency.path)
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                throw CommandFailure(.badInput, "dependency \(dependency.name): there is no \(path)", next: ["correct `path` in the manifest"])
            }
            guard isDirectory.boolValue else { return try read([dependency.path], dependency, variables) }
            let entries = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            if entries.contains(where: Self.kustomizations.contains) { return try await kustomize(dependency, path, variables) }
            let files = entries.filter { name in [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } && !name.hasPrefix(".") }
            guard !files.isEmpty else {
                throw CommandFailure(
                    .badInput, "dependency \(dependency.name): \(path) holds neither YAML files nor a kustomization.yaml",
                    next: ["correct `path` in the manifest; sub-directories are read only by way of a kustomization.yaml"])
            }
            return try read(files.map { "\(dependency.path)/\($0)" }, dependency, variables)
        } catch let problems as DependencyProblems {
            throw CommandFailure(
                .badInput, "dependency \(dependency.name) cannot be used", detail: problems.description,
                next: ["correct it and run the command again"])
        }
    }

    private static let kustomizations: Set<String> = ["kustomization.yaml", "kustomization.yml", "Kustomization"]

    private func absolute(_ path: String) -> String { root + "/" + path }

    // MARK: Plain files

    private func read(_ paths: [String], _ dependency: ManifestDependency, _ variables: Variables?) throws -> [WantedObject] {
        var objects: [WantedObject] = []
        var problems: [DependencyProblem] = []
        for path in paths {
            guard let data = FileManager.default.contents(atPath: absolute(path)), let text = String(validating: data, as: UTF8.self) else {
                problems.append(DependencyProblem(TextPlace(file: path, line: 1), "cannot be read as UTF-8 text"))
                continue
            }
            do throws(DependencyProblems) {
                objects += try YAMLObjects.read(text, file: path, variables: variables)
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { throw DependencyProblems(problems) }
        return objects
    }

    private func variables(_ dependency: ManifestDependency) throws -> Variables {
        let directory = dependency.isChart || dependency.isRemote ? "" : dependency.path + "/"
        var values: [String: String] = [:]
        // That of the dependency goes before that of the application.
        for path in Set(["vars.env", directory + "vars.env"]).sorted(by: { $0.count < $1.count }) {
            guard let data = FileManager.default.contents(atPath: absolute(path)) else { continue }
            values.merge(try Variables.parse(String(decoding: data, as: UTF8.self), file: path)) { $1 }
        }
        return Variables(own: ownVariables, environment: system.variables, file: values)
    }

    // MARK: Tools

    private func kustomize(_ dependency: ManifestDependency, _ directory: String, _ variables: Variables?) async throws -> [WantedObject] {
        let what = "building the kustomization of dependency \(dependency.name)"
        let helm = Tool.helm(system)
        if !helm.isInstalled, Self.mentionsCharts(in: directory) { throw helm.missing }
        // What is fetched from elsewhere may hold charts too.
        let options = helm.isInstalled ? ["--enable-helm"] : []
        let text: String
        do {
            let (tool, command, _) = try await Tool.kustomizer(system, doing: what)
            text = try await tool.run([command] + options + [directory], in: root, doing: what)
        } catch var failure as CommandFailure where failure.detail?.contains("git") == true && !Tool.git(system).isInstalled {
            // What is fetched is fetched by Git, whose absence kustomize tells in many words.
            failure.next = [Tool.git(system).hint]
            throw failure
        }
        return try YAMLObjects.read(text, file: "kustomization of \(dependency.name)", variables: variables) { variable in
            dependency.isRemote ? nil : place(of: variable, below: dependency.path)
        }
    }

    private func chart(_ dependency: ManifestDependency, _ variables: Variables?) async throws -> [WantedObject] {
        let helm = Tool.helm(system)
        let what = "rendering the chart of dependency \(dependency.name)"
        guard helm.isInstalled else { throw helm.missing }
        try helm.require([3, 8], in: await helm.run(["version", "--short"], in: root, doing: what))
        let chart = dependency.chart ?? ""
        let isLocal = dependency.repo == nil && !chart.contains("://")
        if isLocal, !FileManager.default.fileExists(atPath: absolute(chart)) {
            throw CommandFailure(
                .badInput, "dependency \(dependency.name): there is no chart at \(absolute(chart))",
                next: ["correct `chart` in the manifest, or name its `repo`"])
        }
        var arguments = ["template", dependency.release ?? dependency.name, isLocal ? absolute(chart) : chart]
        arguments += ["--namespace", namespace, "--include-crds", "--kube-version", try await serverVersion()]
        if let repo = dependency.repo { arguments += ["--repo", repo] }
        if let version = dependency.version { arguments += ["--version", version] }
        for file in dependency.values ?? [] { arguments += ["--values", absolute(file)] }
        let text = try await helm.run(arguments, in: root, doing: what)
        let objects = try YAMLObjects.read(text, file: "chart of \(dependency.name)", variables: variables) { variable in
            isLocal ? place(of: variable, below: chart) ?? (dependency.values ?? []).lazy.compactMap { place(of: variable, in: $0) }.first : nil
        }
        return objects.filter { !$0.isOtherHook }
    }

    // MARK: Places

    /// Whether a kustomization, or one that it includes, renders charts.
    private static func mentionsCharts(in directory: String) -> Bool {
        guard let files = FileManager.default.enumerator(atPath: directory) else { return false }
        for case let path as String in files where kustomizations.contains(URL(fileURLWithPath: path).lastPathComponent) {
            guard let data = FileManager.default.contents(atPath: "\(directory)/\(path)") else { continue }
            if String(decoding: data, as: UTF8.self).contains("helmCharts") { return true }
        }
        return false
    }

    /// Where a variable is written, as rendered text no longer tells it.
    private func place(of variable: String, below path: String) -> TextPlace? {
        let files = (FileManager.default.enumerator(atPath: absolute(path))?.allObjects ?? []).compactMap { $0 as? String }.sorted()
        return files.lazy.compactMap { place(of: variable, in: "\(path)/\($0)") }.first
    }

    private func place(of variable: String, in path: String) -> TextPlace? {
        guard let data = FileManager.default.contents(atPath: absolute(path)), let text = String(validating: data, as: UTF8.self) else { return nil }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.contains("${\(variable)}") || line.contains("${\(variable):-") { return TextPlace(file: path, line: index + 1) }
        }
        return nil
    }
}
