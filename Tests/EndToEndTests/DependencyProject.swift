import Foundation
import KubernetesClient
import KubernetesModel
import Subprocess
import Testing

/// A manifest with dependencies in a directory and namespace of its own.
struct DependencyProject: Sendable {
    var namespace: String
    var directory: String
    var cluster: TestCluster

    /// Makes the project; afterwards its dependencies, namespaces and directory are removed.
    static func with(_ cluster: TestCluster, _ body: (DependencyProject) async throws -> Void) async throws {
        let id = UUID().uuidString.prefix(8).lowercased()
        let directory = FileManager.default.temporaryDirectory.appending(path: "seaway-deps-\(id)").path
        let project = DependencyProject(namespace: "deps-\(id)", directory: directory, cluster: cluster)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        do {
            try await body(project)
        } catch {
            await project.remove()
            throw error
        }
        await project.remove()
    }

    private func remove() async {
        _ = try? await deps("delete", "--yes", "--timeout", "60s")
        for suffix in ["", "-more"] { try? await cluster.client.delete(.namespaces, name: namespace + suffix, namespace: nil) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// The image that nodes pull.
    var image: String { "\(cluster.registry)/" + (cluster.baseImage.split(separator: "/").last.map(String.init) ?? "") }

    func write(_ path: String, _ text: String) throws {
        let file = URL(filePath: directory).appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    func delete(_ path: String) throws { try FileManager.default.removeItem(atPath: directory + "/" + path) }

    /// The manifest with these lines as its list of dependencies.
    func manifest(_ dependencies: String) throws {
        let lines = dependencies.split(separator: "\n").map { "      \($0)\n" }.joined()
        try write("manifest.yaml", "name: shop\nenvironments:\n  - name: dev\n    namespace: \(namespace)\n    dependencies:\n\(lines)")
    }

    /// A manifest with one dependency, `db` in `k8s`, that waits for this.
    func manifest(waiting: String) throws { try manifest("- name: db\n  path: k8s\n  wait: [\(waiting)]") }

    static func configMap(_ name: String, _ value: String = "one", namespace: String? = nil) -> String {
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \(name)\(namespace.map { ", namespace: \($0)" } ?? "")}\ndata: {value: \(value)}\n"
    }

    /// A Pod, Deployment, StatefulSet, DaemonSet or Job whose container runs this Python text.
    func workload(_ kind: String, _ name: String, _ python: String, ready: String? = nil) -> String {
        let probe = ready.map { "readinessProbe: {periodSeconds: 1, exec: {command: [test, -e, \($0)]}}, " } ?? ""
        let container = "{name: main, image: \"\(image)\", \(probe)command: [python3, -u, -c, \"\(python)\"]}"
        let restart = kind == "Job" || kind == "Pod" ? "restartPolicy: Never, " : ""
        let pod = "{\(restart)terminationGracePeriodSeconds: 0, containers: [\(container)]}"
        let template = "template: {metadata: {labels: {app: \(name)}}, spec: \(pod)}"
        let selector = "selector: {matchLabels: {app: \(name)}}"
        let spec =
            switch kind {
            case "Pod": pod
            case "Job": "{backoffLimit: 0, \(template)}"
            case "StatefulSet": "{serviceName: \(name), \(selector), \(template)}"
            default: "{\(selector), \(template)}"
            }
        let version = kind == "Pod" ? "v1" : kind == "Job" ? "batch/v1" : "apps/v1"
        return "apiVersion: \(version)\nkind: \(kind)\nmetadata: {name: \(name), labels: {app: \(name)}}\nspec: \(spec)\n"
    }

    /// A definition of a kind of this test alone, by its group.
    var group: String { "\(namespace).example.com" }
    func definition() -> String {
        """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: tables.\(group)}
        spec:
          group: \(group)
          names: {kind: Table, plural: tables}
          scope: Namespaced
          versions:
            - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}

        """
    }
    func table(_ name: String) -> String { "apiVersion: \(group)/v1\nkind: Table\nmetadata: {name: \(name)}\nspec: {columns: [a]}\n" }

    // MARK: Running

    /// `seactl deps …`
    func deps(
        _ arguments: String..., kubeconfig: String? = nil, variables: [String: String] = [:],
        ending: (signal: Signal, after: () async throws -> Void)? = nil
    ) async throws -> Ended {
        try await deps(arguments, kubeconfig: kubeconfig, variables: variables, ending: ending)
    }

    func deps(
        _ arguments: [String], kubeconfig: String? = nil, variables: [String: String] = [:],
        ending: (signal: Signal, after: () async throws -> Void)? = nil
    ) async throws -> Ended {
        let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path
        let environment = ["XDG_STATE_HOME": directory + ".state", "XDG_CACHE_HOME": directory + ".cache", "USER": "tester", "PATH": Self.path]
        return try await run(
            program, ["deps"] + arguments + ["--kubeconfig", kubeconfig ?? cluster.kubeconfig], in: directory,
            environment: environment.merging(variables) { $1 }, ending: ending)
    }

    /// A kubeconfig whose user acts as this one.
    func kubeconfig(of user: String) async throws -> String {
        let view = try await kubectl("config", "view", "--minify", "--raw", "--flatten", "-o", "json")
        var config = try JSONValue(parsing: Data(view.output.utf8))
        var users = try #require(config["users"]?.arrayValue)
        users[0]["user"]?["as"] = .string(user)
        config["users"] = .array(users)
        try write("\(user).kubeconfig", String(decoding: config.encoded(), as: UTF8.self))
        return "\(directory)/\(user).kubeconfig"
    }

    /// Where `scripts/tools` puts the programs that render.
    static var tools: String {
        let environment = ProcessInfo.processInfo.environment
        return (environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "") + "/.cache") + "/seaway/tools"
    }

    /// PATH with them at its beginning.
    static var path: String { "\(tools):\(ProcessInfo.processInfo.environment["PATH"] ?? "")" }

    func kubectl(_ arguments: String...) async throws -> Ended {
        let program = ProcessInfo.processInfo.environment["KUBECTL"] ?? "kubectl"
        return try await run(program, ["--kubeconfig", cluster.kubeconfig] + arguments, in: directory)
    }

    func object(_ type: ResourceType, _ name: String, namespace: String? = nil) async throws -> JSONValue? {
        do {
            return try await cluster.client.send(
                .get(type, name: name, namespace: type.namespaced ? namespace ?? self.namespace : nil), as: JSONValue.self)
        } catch let error as KubernetesError where error.isNotFound {
            return nil
        }
    }
}
