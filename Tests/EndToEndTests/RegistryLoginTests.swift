import DebianRegistry
import Foundation
import KubernetesClient
import KubernetesModel
import ScriptedServer
import SeawayAPI
import Testing

/// Seaway with a registry that wants a login and whose certificate only its owner vouches for: builds push through the operator, nodes
/// pull with a login of their own, and no pod sees either. Each case installs Seaway anew and takes it from everybody else:
/// `scripts/test` runs this suite alone.
@Suite(.enabled(if: !TestCluster.isSkipped), .serialized, .timeLimit(.minutes(40)))
struct RegistryLoginTests {
    @Test func `an image is built, pushed with a password, and pulled with another login`() async throws {
        try await TestCluster.with { cluster in
            try await cluster.withLoginRegistry { registry in
                try await Application.with(cluster) { application in
                    try application.write("manifest.yaml", manifest(application, registry, "cache: registry"))
                    let first = try await application.sync()
                    try #require(first.ended.exitCode == 0, "\(first.ended)")
                    #expect(try await fetch(try #require(first.url)) == (200, "hello one\n"))
                    let image = try #require(try await cluster.environment(application).status?.image)
                    #expect(image.hasPrefix("localhost:\(registry.pullPort)/"))
                    #expect(try registry.has(application, tag: String(image.split(separator: ":").last ?? "")))
                    // The cache took the same way, and the next build finds it.
                    #expect(try registry.tags(of: "\(application.namespace)/web/cache").count > 0)
                    try await cluster.untilBuildPodEnds(application, exitCodes: ["build": 0, "registry": 0, "source": 0])

                    try application.write("page.txt", "hello two\n")
                    let second = try await application.sync()
                    try #require(second.ended.exitCode == 0, "\(second.ended)")
                    #expect(try await fetch(try #require(second.url)) == (200, "hello two\n"))
                    try await registry.isHidden(in: cluster, of: application)

                    // Clean removes what the login lets it remove, and the copy of the other login goes with its last owner.
                    try #require(try await application.seactl("env", "clean", "--yes").exitCode == 0)
                    #expect(try registry.tags(of: "\(application.namespace)/web") == [])
                    _ = try await cluster.eventually("the copy of the login to go") {
                        try await cluster.client.getIfPresent(Secret.self, Names.pullSecret, namespace: application.namespace) == nil ? true : nil
                    }
                }
            }
        }
    }

    @Test func `tokens, a command of the manifest's own, failures and foreign repositories`() async throws {
        try await TestCluster.with { cluster in
            try await cluster.withLoginRegistry(tokens: true) { registry in
                try await Application.with(cluster) { victim in
                    try await Application.with(cluster) { application in
                        // Foreign code at work in a build: it reaches the gateway as the builder does, and no further.
                        let attack = """
                            import urllib.request, urllib.error
                            def status(method, path):
                                request = urllib.request.Request("http://127.0.0.1:5972/v2/" + path, method=method, data=b"" if method != "GET" else None)
                                try: return urllib.request.urlopen(request).status
                                except urllib.error.HTTPError as error: return error.code
                            print("statuses", status("POST", "\(application.namespace)/web/blobs/uploads/"),
                                  status("POST", "\(victim.namespace)/web/blobs/uploads/"),
                                  status("PUT", "\(victim.namespace)/web/manifests/v1"), status("GET", "\(victim.namespace)/web/tags/list"))
                            """
                        try application.write("attack.py", attack)
                        try application.write("Dockerfile", application.dockerfile("RUN python3 attack.py && false"))
                        try application.write("manifest.yaml", manifest(application, registry, "cache: none"))
                        let failed = try await application.sync()
                        #expect(failed.ended.exitCode == 4 && failed.ended.errors.contains("BuildFailed"), "\(failed.ended)")
                        #expect((failed.ended.errors + failed.ended.output).contains("statuses 202 403 403 403"), "\(failed.ended)")
                        try await cluster.untilBuildPodEnds(application, exitCodes: ["build": 1, "registry": 0])

                        // Without our script nobody waits for anything, and the sources and the gateway are there all the same.
                        let own = """
                            cache: none, command: [sh, -ec], args: ["buildah --storage-driver overlay build --tls-verify=false \
                            --build-arg BASE=$SEAWAY_REGISTRY/base/python:3 -t localhost/own $SEAWAY_CONTEXT && \
                            buildah --storage-driver overlay push --tls-verify=false localhost/own docker://$SEAWAY_IMAGE"]
                            """
                        try application.write("Dockerfile", application.dockerfile())
                        try application.write("manifest.yaml", manifest(application, registry, own))
                        let built = try await application.sync()
                        #expect(built.ended.exitCode == 0, "\(built.ended)")
                        try await cluster.untilBuildPodEnds(application, exitCodes: ["build": 0, "registry": 0])

                        try application.write("manifest.yaml", manifest(application, registry, "cache: volume"))
                        let works = try await application.sync()
                        try #require(works.ended.exitCode == 0, "\(works.ended)")
                        #expect(try await fetch(try #require(works.url)) == (200, "hello one\n"))
                        try await registry.isHidden(in: cluster, of: application)
                    }
                }
            }
        }
    }

    private func manifest(_ application: Application, _ registry: LoginRegistry, _ build: String) -> String {
        """
        name: \(application.name)
        environments:
          - name: dev
            namespace: \(application.namespace)
            build: {buildArgs: {BASE: "\(registry.base)"}, \(build)}
            ports: [{name: http, port: 8080}]
            network: {ingress: {enabled: true}}

        """
    }
}

/// A registry with a login as Seaway is installed with it, and the same images behind another port, where the node pulls: a test cannot
/// teach a node to trust a certificate.
struct LoginRegistry: Sendable {
    var registry: DebianRegistry
    /// `host:port` as pods reach it.
    var address: String
    var pullPort: Int
    var certificate: TestCertificate
    /// Another port for the same images, without TLS, with a password.
    var pulls: DebianRegistry

    var base: String { "\(address)/base/python:3" }

    private static let password = ["--user", "\(DebianRegistry.login.user):\(DebianRegistry.login.password)"]

    func tags(of repository: String) throws -> [String] {
        struct Tags: Decodable { var tags: [String]? }
        let answer = try pulls.curl(Self.password, nil, "\(repository)/tags/list")
        return try JSONDecoder().decode(Tags.self, from: Data(answer.utf8)).tags ?? []
    }

    func has(_ application: Application, tag: String) throws -> Bool {
        try tags(of: "\(application.namespace)/\(application.name)").contains(tag)
    }

    /// Looks for the password, as it is and as it travels, wherever it might have been written.
    func isHidden(in cluster: TestCluster, of application: Application) async throws {
        let secrets = [
            DebianRegistry.login.password, String(DebianRegistry.basicAuthorization.dropFirst("Basic ".count)),
            Data(DebianRegistry.login.password.utf8).base64EncodedString(),
        ]
        var places: [String: String] = [:]
        for namespace in [application.namespace, Names.systemNamespace] {
            for type in [ResourceType.pods, .jobs, .deployments, .events, .configMaps] {
                let list = try await cluster.client.send(.list(type, namespace: namespace), as: JSONValue.self)
                places["\(type.kind) in \(namespace)"] = String(decoding: list.encoded(), as: UTF8.self)
            }
            for pod in try await cluster.client.list(Pod.self, namespace: namespace).items {
                for container in pod.status?.containerStatuses ?? [] {
                    let log = try? await cluster.client.logTail(
                        pod: pod.name, namespace: namespace, container: container.name, previous: false, lines: 5000)
                    places["log of \(container.name) in \(pod.name)"] = (log ?? []).joined(separator: "\n")
                }
            }
        }
        let environment = try await cluster.client.send(
            .get(Environment.resource, name: application.name, namespace: application.namespace), as: JSONValue.self)
        places["the Environment"] = String(decoding: environment.encoded(), as: UTF8.self)
        #expect(places.values.contains { $0.contains(Names.pushedLine) }, "no log was read")
        for (place, text) in places {
            for secret in secrets { #expect(!text.contains(secret), "\(place)") }
        }
    }
}

extension TestCluster {
    /// Installs Seaway with such a registry, and brings back what was there.
    func withLoginRegistry(tokens: Bool = false, _ body: (LoginRegistry) async throws -> Void) async throws {
        let nodes = try await client.send(.list(.nodes, namespace: nil), as: JSONValue.self)
        let addresses = nodes["items"]?[0]?["status"]?["addresses"]?.arrayValue ?? []
        let node = try #require(addresses.first { $0["type"] == "InternalIP" }?["address"]?.stringValue)
        let certificate = try TestCertificate(addresses: [node])
        defer { certificate.remove() }
        let server = tokens ? try await TokenServer(host: node, certificate: certificate) : nil
        try await DebianRegistry.with(server.map { .tokens($0) } ?? .passwords, host: "0.0.0.0", tls: certificate) { registry in
            // Where images are put in and looked up without Seaway.
            try await DebianRegistry.with(images: registry.images) { open in try copyBase(to: open) }
            try await DebianRegistry.with(.passwords, images: registry.images) { pulls in
                let login = LoginRegistry(
                    registry: registry, address: "\(node):\(registry.port)", pullPort: pulls.port, certificate: certificate, pulls: pulls)
                try await withInstalled(login, body)
            }
        }
        try await server?.shutdown()
    }

    private func withInstalled(_ login: LoginRegistry, _ body: (LoginRegistry) async throws -> Void) async throws {
        let before = try await operatorArguments()
        let secrets = [("test-registry-login", login.address), ("test-registry-pull", "localhost:\(login.pullPort)")]
        for (name, address) in secrets {
            let config =
                #"{"auths": {"\#(address)": {"username": "\#(DebianRegistry.login.user)", "password": "\#(DebianRegistry.login.password)"}}}"#
            _ = try await client.apply(
                [
                    "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                    "metadata": ["name": .string(name), "namespace": .string(Names.systemNamespace)],
                    "data": [".dockerconfigjson": .string(Data(config.utf8).base64EncodedString())],
                ], fieldManager: "tests", force: true)
        }
        do {
            try await install(
                before,
                [
                    "--registry", login.address, "--registry-pull", "localhost:\(login.pullPort)", "--registry-secret", "test-registry-login",
                    "--registry-pull-secret", "test-registry-pull", "--registry-ca", login.certificate.chain, "--registry-readable", "base/",
                ])
            try await body(login)
        } catch {
            try await install(before)
            throw error
        }
        try await install(before)
        for (name, _) in secrets { try await client.delete(.secrets, name: name, namespace: Names.systemNamespace) }
    }

    /// `seactl install` as an operator's arguments say, with another registry if one is given.
    private func install(_ arguments: [String], _ registry: [String]? = nil) async throws {
        let names = [
            "--seaway-image": "--image", "--builder-image": "--builder-image", "--store": "--store", "--ingress-class": "--ingress-class",
            "--ingress-domain": "--ingress-domain", "--ingress-port": "--ingress-port", "--ingress-address": "--ingress-address",
            "--registry": "--registry", "--registry-pull": "--registry-pull",
        ]
        var options: [String] = []
        for argument in arguments {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            if parts[0] == "--registry-insecure", registry == nil { options.append("--insecure-registry") }
            guard parts.count == 2, let name = names[parts[0]], registry == nil || !name.hasPrefix("--registry") else { continue }
            options += [name, parts[1]]
        }
        let program = URL(filePath: FileManager.default.currentDirectoryPath).appending(path: ".build/debug/seactl").path
        let ended = try await run(program, ["install", "--reset", "--kubeconfig", kubeconfig] + options + (registry ?? []))
        try #require(ended.exitCode == 0, "\(ended)")
        _ = try await eventually("the Service to know the new operator alone") {
            let pods = try await client.list(
                Pod.self, namespace: Names.systemNamespace, labelSelector: "app.kubernetes.io/name=seaway,app.kubernetes.io/part-of=seaway")
            let endpoints = try await client.getIfPresent(Endpoints.self, "seaway", namespace: Names.systemNamespace)
            let reached = (endpoints?.subsets ?? []).flatMap { $0.addresses ?? [] }.map(\.ip)
            return !reached.isEmpty && Set(reached) == Set(pods.items.compactMap { $0.status?.podIP }) ? true : nil
        }
    }

    /// The base image of the applications under test, blob by blob, from the cluster's registry.
    private func copyBase(to registry: DebianRegistry) throws {
        let name = baseImage.split(separator: "/", maxSplits: 1)[1].split(separator: ":")
        let source = "http://\(self.registry)/v2/\(name[0])"
        let accept = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]
        func get(_ path: String) throws -> Data {
            try run([
                "curl", "--noproxy", "*", "--silent", "--show-error", "--fail", "--header", "Accept: \(accept.joined(separator: ", "))",
                "\(source)/\(path)",
            ])
        }
        let manifest = try get("manifests/\(name[1])")
        let parsed = try JSONValue(parsing: manifest)
        for part in [parsed["config"]].compactMap(\.self) + (parsed["layers"]?.arrayValue ?? []) {
            try registry.put(blob: try get("blobs/\(part["digest"]?.stringValue ?? "")"), into: "base/python")
        }
        try registry.put(manifest: manifest, type: parsed["mediaType"]?.stringValue ?? accept[0], into: "base/python", tag: "3")
    }

    /// Waits until all containers of the build pod have ended, and the Job with them.
    /// - Parameter exitCodes: by container; `-1` for any but 0.
    func untilBuildPodEnds(_ application: Application, exitCodes: [String: Int]) async throws {
        let pod = try await eventually("the build's pod to end") { () -> Pod? in
            let pods = try await client.list(
                Pod.self, namespace: application.namespace, labelSelector: "\(Names.buildLabel)=\(application.name)")
            guard let pod = pods.items.first, pod.status?.phase == "Succeeded" || pod.status?.phase == "Failed" else { return nil }
            return pod
        }
        for status in pod.status?.containerStatuses ?? [] {
            if let wanted = exitCodes[status.name] { #expect(status.state?.terminated?.exitCode == wanted, "\(status)") }
        }
        #expect(Set(exitCodes.keys).isSubset(of: Set((pod.status?.containerStatuses ?? []).map(\.name))))
        _ = try await eventually("the Job to end") {
            let job = try await client.get(Job.self, Names.buildJob(of: application.name), namespace: application.namespace)
            return job.status?.conditions?.contains { ["Complete", "Failed"].contains($0.type) && $0.status == "True" }
        }
    }
}
