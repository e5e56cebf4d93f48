import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import Source
import Testing

/// The registry that `seactl install` brings where there is an S3: pushed to by a build, pulled from by the node, its blobs in the bucket.
/// It stands in a namespace of its own, beside the cluster's registry, and in the same S3, which checks signatures.
@Suite(.enabled(if: !TestCluster.isSkipped), .timeLimit(.minutes(40)))
struct RegistryStorageTests {
    @Test func whatIsPushedIsPulledAndFoundInTheBucket() async throws {
        try await TestCluster.with { cluster in
            try await InstalledRegistry.with(cluster) { registry in
                let word = "written by \(registry.namespace)"
                let digest = try #require(try await registry.build(word).last { $0.hasPrefix("sha256:") })
                #expect(try await registry.run(digest) == [word])

                // With a client that is none of ours: the manifest, and what it names.
                let blobs = "\(InstalledRegistry.prefix)/registry/docker/registry/v2/blobs/"
                let manifest = try await registry.rclone("cat", blobs + Self.path(digest))
                #expect("sha256:" + Digest(hashing: Array(manifest.utf8)).hex == digest)
                let image = try JSONValue(parsing: Data(manifest.utf8))
                let parts = [image["config"]].compactMap(\.self) + (image["layers"]?.arrayValue ?? [])
                #expect(parts.count > 2)
                for part in parts {
                    let name = try #require(part["digest"]?.stringValue)
                    let sum = try await registry.rclone("hashsum", "sha256", "--download", blobs + Self.path(name))
                    #expect("sha256:\(sum.prefix { $0 != " " })" == name)
                }
                // The bucket is the sources', too: nothing lies anywhere else in it.
                let keys = try await registry.rclone("lsf", "--recursive", "--files-only", "").split(separator: "\n")
                #expect(keys.count > parts.count && keys.allSatisfy { $0.hasPrefix("\(InstalledRegistry.prefix)/registry/") }, "\(keys)")

                // Images that nobody uses go; what they shared is the registry's own to collect.
                let deleted = try await EndToEndTests.run(
                    "curl", ["--silent", "--request", "DELETE", "--write-out", "%{http_code}", registry.url + "v2/app/manifests/\(digest)"])
                #expect(deleted.output == "202")
                #expect(try await fetch(registry.url + "v2/app/manifests/\(digest)").status == 404)
            }
        }
    }

    private static func path(_ digest: String) -> String {
        let hex = digest.dropFirst("sha256:".count)
        return "sha256/\(hex.prefix(2))/\(hex)/data"
    }
}

/// The registry of `seactl install --store s3://…` in a namespace of its own.
private struct InstalledRegistry: Sendable {
    static let prefix = "team"

    var namespace: String
    var port: Int
    private var cluster: TestCluster
    private var s3: S3

    /// An S3 that a registry can use, which the cluster's own does.
    private struct S3 {
        var endpoint: String
        var accessKey: String
        var secretKey: String
        var bucket: String
        var client: String

        init(bucket: String) throws {
            func value(_ name: String) throws -> String { try #require(ProcessInfo.processInfo.environment[name], "\(name) is not set") }
            endpoint = try value("SEAWAY_REGISTRY_S3_ENDPOINT")
            accessKey = try value("SEAWAY_REGISTRY_S3_ACCESS_KEY")
            secretKey = try value("SEAWAY_REGISTRY_S3_SECRET_KEY")
            client = try value("SEAWAY_RCLONE")
            self.bucket = bucket
        }
    }

    var url: String { "http://localhost:\(port)/" }

    static func with(_ cluster: TestCluster, _ body: (InstalledRegistry) async throws -> Void) async throws {
        let id = UUID().uuidString.prefix(8).lowercased()
        var registry = InstalledRegistry(namespace: "registry-\(id)", port: 0, cluster: cluster, s3: try S3(bucket: "seaway-registry-\(id)"))
        do {
            _ = try await registry.rclone("mkdir", "")
            try await registry.install()
            try await body(registry)
        } catch {
            await registry.remove()
            throw error
        }
        await registry.remove()
    }

    private func remove() async {
        try? await cluster.client.delete(.namespaces, name: namespace, namespace: nil)
        _ = try? await rclone("purge", "")
    }

    /// Runs rclone on a path of the bucket, the last argument.
    func rclone(_ arguments: String...) async throws -> String {
        let ended = try await EndToEndTests.run(
            s3.client, arguments.dropLast() + [":s3:\(s3.bucket)/\(arguments.last ?? "")"],
            environment: [
                "RCLONE_CONFIG": "/dev/null", "RCLONE_S3_PROVIDER": "Other", "NO_PROXY": "*", "RCLONE_S3_ENDPOINT": s3.endpoint,
                "RCLONE_S3_ACCESS_KEY_ID": s3.accessKey, "RCLONE_S3_SECRET_ACCESS_KEY": s3.secretKey,
            ])
        try #require(ended.exitCode == 0, "\(ended)")
        return ended.output
    }

    // MARK: Installing

    /// What the installation consists of, but for the namespace, the node port and the program's image.
    private mutating func install() async throws {
        let own = try await cluster.client.send(.get(.deployments, name: "registry", namespace: "seaway-registry"), as: JSONValue.self)
        let container = try #require(own["spec"]?["template"]?["spec"]?["containers"]?[0])
        let printed = try await EndToEndTests.run(
            URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path,
            ["install", "--dry-run", "--store", "s3://\(s3.bucket)/\(Self.prefix)?endpoint=\(s3.endpoint)&region=us-east-1"])
        try #require(printed.exitCode == 0, "\(printed)")
        let objects = try JSONValue.documents(yaml: printed.output).filter { $0["metadata"]?["name"] == "registry" }
        #expect(Set(objects.compactMap { $0["kind"]?.stringValue }) == ["ConfigMap", "Deployment", "Service"])

        try await create(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
        try await create([
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "seaway-s3", "namespace": .string(namespace)],
            "stringData": ["SEAWAY_S3_ACCESS_KEY": .string(s3.accessKey), "SEAWAY_S3_SECRET_KEY": .string(s3.secretKey)],
        ])
        for var object in objects {
            object["metadata"]?["namespace"] = .string(namespace)
            if object["kind"] == "Service", var port = object["spec"]?["ports"]?[0] {
                port["nodePort"] = nil
                object["spec"]?["ports"] = .array([port])
            }
            if object["kind"] == "Deployment", var pod = object["spec"]?["template"]?["spec"], var first = pod["containers"]?[0] {
                first["image"] = container["image"]
                first["command"] = .array([try #require(container["command"]?[0])])
                pod["containers"] = .array([first])
                object["spec"]?["template"]?["spec"] = pod
            }
            try await create(object)
        }
        _ = try await cluster.eventually("the registry") {
            let deployment = try await cluster.client.get(Deployment.self, "registry", namespace: namespace)
            return deployment.status?.availableReplicas == 1 ? true : nil
        }
        let service = try await cluster.client.send(.get(.services, name: "registry", namespace: namespace), as: JSONValue.self)
        port = try #require(service["spec"]?["ports"]?[0]?["nodePort"]?.intValue)
    }

    private func create(_ object: JSONValue) async throws { _ = try await cluster.client.create(object) }

    // MARK: Using

    /// Builds an image that holds this text, as build pods do, and pushes it.
    func build(_ text: String) async throws -> [String] {
        let own = try #require(ProcessInfo.processInfo.environment["SEAWAY_BUILDER_IMAGE"])
        let script = """
            set -eu
            mkdir -p /srv/app && cd /srv/app
            printf '%s\\n' '\(text)' >page
            printf 'FROM \(cluster.baseImage)\\nCOPY page /page\\n' >Dockerfile
            buildah --storage-driver overlay bud --tls-verify=false --tag out .
            buildah --storage-driver overlay push --tls-verify=false --digestfile digest out docker://registry.\(namespace).svc:5000/app:1
            cat digest; echo
            """
        let security: JSONValue = [
            "runAsUser": 0, "allowPrivilegeEscalation": false, "seccompProfile": ["type": "Unconfined"],
            "capabilities": ["drop": ["ALL"], "add": ["SETUID", "SETGID", "SETFCAP"]],
        ]
        return try await finish(
            "build",
            [
                "name": "main", "image": .string(own), "command": ["/bin/sh", "-c", .string(script)],
                "env": [["name": "BUILDAH_ISOLATION", "value": "chroot"]], "securityContext": security,
                "volumeMounts": [["name": "layers", "mountPath": "/var/lib/containers"]],
            ])
    }

    /// Prints the text of an image that the node pulls.
    func run(_ digest: String) async throws -> [String] {
        try await finish("pull", ["name": "main", "image": .string("localhost:\(port)/app@\(digest)"), "command": ["cat", "/page"]])
    }

    /// Runs a pod to its end.
    /// - Returns: the last lines of its log.
    private func finish(_ name: String, _ container: JSONValue) async throws -> [String] {
        try await create([
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "spec": ["restartPolicy": "Never", "containers": [container], "volumes": [["name": "layers", "emptyDir": [:]]]],
        ])
        let pod = try await cluster.eventually("the pod \(name)") {
            let pod = try await cluster.client.get(Pod.self, name, namespace: namespace)
            return ["Succeeded", "Failed"].contains(pod.status?.phase ?? "") ? pod : nil
        }
        let log = try await cluster.client.logTail(pod: name, namespace: namespace, container: "main", lines: 20)
        try #require(pod.status?.phase == "Succeeded", "\(log)")
        return log
    }
}
