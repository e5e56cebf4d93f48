import Foundation

/// A set of 300 objects, applied into an empty namespace by seactl and by kubectl in turn.
struct DependenciesBenchmark: Benchmark {
    let name = "dependencies"
    let budgets = ["apply of 300 objects as a dependency, whole process"]

    private static let rounds = 7
    private static let limit = 1.2

    func run(_ bench: Workbench) throws -> [Budget] {
        let directory = "\(bench.directory)/dependencies"
        try FileManager.default.createDirectory(atPath: "\(directory)/k8s", withIntermediateDirectories: true)
        _ = try bench.write(Self.objects, to: "dependencies/k8s/all.yaml")
        _ = try bench.write("resources: [all.yaml]\n", to: "dependencies/k8s/kustomization.yaml")
        let id = "seaway-bench-deps-\(UUID().uuidString.prefix(6).lowercased())"
        var namespaces: [String] = []
        defer {
            _ = try? bench.kubectl(["delete", "namespace", "--ignore-not-found", "--wait=false"] + namespaces).run()
        }
        var (ours, theirs) = (Samples(), Samples())
        // The first round is for the caches of both.
        for round in 0...Self.rounds {
            let (mine, rival) = ("\(id)-\(round)-a", "\(id)-\(round)-b")
            namespaces += [mine, rival]
            for namespace in [mine, rival] { try bench.kubectl(["create", "namespace", namespace]).run() }
            let manifest = "name: bench\nenvironments: [{name: dev, namespace: \(mine), dependencies: [{name: all, path: k8s}]}]\n"
            _ = try bench.write(manifest, to: "dependencies/manifest.yaml")
            let applied = try bench.seactl(["deps", "apply", "--yes"], in: directory).run()
            guard applied.output.contains("300 objects: 300 created") else {
                throw BenchmarkError("seactl applied something else: \(applied.output)")
            }
            let kubectl = try bench.kubectl(["apply", "--server-side", "--namespace", rival, "-k", "\(directory)/k8s"]).run()
            let lines = kubectl.output.split(separator: "\n").count { $0.hasSuffix("serverside-applied") }
            guard lines == 300 else { throw BenchmarkError("kubectl applied \(lines) objects instead of 300") }
            guard round > 0 else { continue }
            ours.add(applied.seconds)
            theirs.add(kubectl.seconds)
        }
        let ratio = ours.median / theirs.median
        return [
            Budget(
                name: budgets[0], ours: Figure.seconds(ours.median), rival: "kubectl apply --server-side -k \(Figure.seconds(theirs.median))",
                ratio: Figure.ratio(ratio), budget: "≤ \(Self.limit) ×", kept: ratio <= Self.limit)
        ]
    }

    private static let objects = (1...100).map { number in
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: map-\(number)}
        data: {value: "\(number)", text: "some lines of configuration, as they are found in such objects"}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: secret-\(number)}
        data: {value: c29tZSB3b3JkcyB0aGF0IG5vYm9keSBzaG91bGQgcmVhZA==}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: service-\(number)}
        spec: {selector: {app: app-\(number)}, clusterIP: None, ports: [{name: http, port: 80, protocol: TCP}]}

        """
    }.joined(separator: "---\n")
}
