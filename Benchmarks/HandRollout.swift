import Foundation

/// The rival of a sync: the same steps by hand on the node, with buildah and kubectl.
struct HandRollout {
    let application: Application
    private let bench: Workbench
    private let registry: String
    private let base: String

    init(application: Application, bench: Workbench) throws {
        self.application = application
        self.bench = bench
        registry = try bench.variable("SEAWAY_REGISTRY_PULL")
        // The node cannot resolve the cluster's name of its registry.
        guard let image = try bench.variable("SEAWAY_BASE_IMAGE").split(separator: "/").last else { throw BenchmarkError("no base image") }
        base = "\(registry)/\(image)"
    }

    /// A tag that no earlier run used: the node keeps what it pulled.
    private func image(_ round: Int) -> String {
        "\(registry)/bench/by-hand:\(URL(fileURLWithPath: bench.directory).lastPathComponent)-\(round)"
    }

    private func buildah(_ words: [String]) -> Program {
        Program(
            ["buildah", "--root", "\(bench.directory)/buildah", "--runroot", "\(bench.directory)/buildah-run", "--storage-driver", "overlay"] + words,
            variables: ["BUILDAH_ISOLATION": "chroot"])
    }

    private func build(_ round: Int) throws {
        try buildah([
            "build", "--layers", "--quiet", "--tls-verify=false", "--build-arg", "BASE=\(base)", "--tag", image(round), application.directory,
        ]).run()
        try buildah(["push", "--quiet", "--tls-verify=false", image(round)]).run()
    }

    /// Builds once, and makes the objects that Seaway makes too.
    func prepare() throws {
        try build(0)
        let objects = """
            apiVersion: v1
            kind: Namespace
            metadata: {name: \(application.namespace)}
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: guestbook, namespace: \(application.namespace)}
            spec:
              replicas: 1
              strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
              selector: {matchLabels: {app: guestbook}}
              template:
                metadata: {labels: {app: guestbook}}
                spec:
                  enableServiceLinks: false
                  containers:
                    - name: app
                      image: \(image(0))
                      ports: [{containerPort: 8080}]
                      resources: {limits: {memory: 64Mi}, requests: {memory: 64Mi}}
                      readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
                      securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: guestbook, namespace: \(application.namespace)}
            spec: {selector: {app: guestbook}, ports: [{name: http, port: 8080}]}
            ---
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata: {name: guestbook, namespace: \(application.namespace)}
            spec:
              ingressClassName: \(try bench.variable("SEAWAY_INGRESS_CLASS"))
              rules:
                - host: guestbook.\(application.namespace).localhost
                  http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: guestbook, port: {number: 8080}}}}]}
            """
        try bench.kubectl(["apply", "-f", try bench.write(objects, to: "by-hand.yaml")]).run()
        try bench.kubectl(["rollout", "status", "deployment/guestbook", "--namespace", application.namespace, "--timeout=90s"]).run()
    }

    func rollOut(_ round: Int) throws {
        try build(round)
        try bench.kubectl(["set", "image", "deployment/guestbook", "app=\(image(round))", "--namespace", application.namespace]).run()
    }
}
