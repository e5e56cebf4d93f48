import Foundation
import KubernetesModel
import Testing

/// The waits of `seactl deps apply` on the real cluster, one dependency each.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyWaitTests {
    private typealias Project = DependencyProject

    private static let sleeps = "import time, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(3600)"
    private static let becomesReady = "import time; time.sleep(1); open('/tmp/ready', 'w'); time.sleep(3600)"

    @Test func everyKindOfReadinessIsWaitedFor() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(
                    waiting: """
                        {kind: Deployment, name: web, timeout: 5m}, {kind: StatefulSet, name: db, timeout: 5m}, {kind: DaemonSet, name: agent, timeout: 5m}, \
                        {kind: Job, name: once, timeout: 5m}, {kind: Pod, name: alone, timeout: 5m}, {kind: PersistentVolumeClaim, name: data, timeout: 5m}, \
                        {kind: Service, name: web, timeout: 5m}, {kind: CustomResourceDefinition, name: tables.\(project.group)}, \
                        {kind: Deployment, name: web, for: condition=Available, timeout: 5m}, {kind: Secret, name: word}, \
                        {kind: PersistentVolumeClaim, name: data, for: "jsonpath={.status.phase}=Bound", timeout: 5m}, \
                        {kind: PersistentVolumeClaim, name: data, for: "jsonpath={.spec.volumeName}"}, \
                        {kind: Deployment, name: web, for: exists}, {kind: ConfigMap, name: nobody, for: delete}
                        """)
                try project.write("k8s/crd.yaml", project.definition())
                try project.write(
                    "k8s/work.yaml",
                    [
                        project.workload("Deployment", "web", Self.becomesReady, ready: "/tmp/ready"),
                        project.workload("StatefulSet", "db", Self.sleeps),
                        project.workload("DaemonSet", "agent", Self.sleeps), project.workload("Job", "once", "print('done')"),
                        project.workload("Pod", "alone", Self.sleeps),
                        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n",
                        "apiVersion: v1\nkind: Secret\nmetadata: {name: word}\nstringData: {word: x}\n",
                        """
                        apiVersion: v1
                        kind: PersistentVolumeClaim
                        metadata: {name: data}
                        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}

                        """,
                    ].joined(separator: "---\n"))
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 0, "\(ended)")
                let deployment = try #require(await project.object(.deployments, "web"))
                #expect(deployment["status"]?["availableReplicas"] == 1)
                #expect(try await project.object(.jobs, "once")?["status"]?["succeeded"] == 1)
                for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "PersistentVolumeClaim", "Service"] {
                    let line = ended.output.split(separator: "\n").first { $0.contains("\(kind) \(project.namespace)/") && $0.contains(" is ready") }
                    #expect(line != nil, "\(kind): \(ended.output)")
                }
                #expect(ended.output.contains("CustomResourceDefinition tables.\(project.group) is ready"), "\(ended.output)")
                #expect(ended.output.contains("waiting for Deployment \(project.namespace)/web to be ready: "))
                #expect(ended.output.contains("is Available") && ended.output.contains("is .status.phase=Bound"))
                #expect(ended.output.contains("PersistentVolumeClaim \(project.namespace)/data is .spec.volumeName"), "\(ended.output)")
                #expect(ended.output.contains("ConfigMap \(project.namespace)/nobody is deleted"))
            }
        }
    }

    @Test(arguments: [
        ("Deployment", "crashes again and again"), ("Pod", "ended (exit code 3)"), ("Job", "BackoffLimitExceeded"),
        ("Service", "crashes again and again"),
    ])
    func aFailingPodEndsTheWaitWithItsReasonAndLog(kind: String, reason: String) async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(waiting: "{kind: \(kind), name: bad, timeout: 10m}")
                let service = "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {selector: {app: bad}, ports: [{port: 80}]}\n---\n"
                let python = "import sys; print('the table is missing'); sys.exit(3)"
                try project.write(
                    "k8s/a.yaml",
                    (kind == "Service" ? service : "")
                        + project.workload(kind == "Service" ? "StatefulSet" : kind, "bad", python, ready: "/tmp/never"))
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 7, "\(ended)")
                #expect(ended.errors.contains(reason) && ended.errors.contains("| the table is missing"), "\(ended.errors)")
            }
        }
    }

    /// What was wrong before is no reason: the next apply waits for the pods of its own version.
    @Test func whatIsCorrectedBecomesReadyThoughItsLastPodsCrash() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(waiting: "{kind: Deployment, name: web, timeout: 5m}, {kind: DaemonSet, name: agent, timeout: 5m}")
                func write(_ python: String, ready: String) throws {
                    try project.write(
                        "k8s/a.yaml",
                        ["Deployment web", "DaemonSet agent"].map { $0.split(separator: " ").map(String.init) }
                            .map { project.workload($0[0], $0[1], python, ready: ready) }.joined(separator: "---\n"))
                }
                // Without a probe, a container is ready for the moment before it ends.
                try write("import sys; sys.exit(3)", ready: "/tmp/never")
                let broken = try await project.deps("apply")
                #expect(broken.exitCode == 7 && broken.errors.contains("crashes again and again"), "\(broken)")
                // Both crash by now.
                for name in ["web", "agent"] {
                    _ = try await cluster.eventually("the crash of \(name)") {
                        let pods = try await project.kubectl(
                            "-n", project.namespace, "get", "pods", "-l", "app=\(name)", "-o",
                            "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}")
                        return pods.output.contains("CrashLoopBackOff") ? true : nil
                    }
                }
                try write(Self.sleeps, ready: "/tmp")
                let mended = try await project.deps("apply")
                #expect(mended.exitCode == 0, "\(mended)")
            }
        }
    }

    @Test func anImageThatCannotBePulledEndsTheWait() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(waiting: "{kind: StatefulSet, name: db, timeout: 10m}")
                let text = project.workload("StatefulSet", "db", Self.sleeps).replacing(project.image, with: "\(cluster.registry)/no-such-image:1")
                try project.write("k8s/a.yaml", text)
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 7 && ended.errors.contains("no-such-image:1 cannot be pulled"), "\(ended)")
            }
        }
    }

    @Test func aWaitThatTakesTooLongSaysWhatIsMissing() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(waiting: "{kind: Deployment, name: web, timeout: 10s}")
                try project.write("k8s/a.yaml", project.workload("Deployment", "web", Self.sleeps, ready: "/tmp/never"))
                let ended = try await project.deps("apply")
                #expect(ended.exitCode == 7 && ended.errors.contains("is not ready after 10.0 s"), "\(ended)")
                #expect(ended.errors.contains("0 of 1 pods"), "\(ended)")
            }
        }
    }

    @Test func aMissingObjectIsAnErrorAndExistsWaitsForIt() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.write("k8s/a.yaml", Project.configMap("a"))
                try project.manifest(waiting: "{kind: Deployment, name: nobody}")
                let missing = try await project.deps("apply")
                #expect(
                    missing.exitCode == 7 && missing.errors.contains("there is no Deployment \(project.namespace)/nobody to wait for"), "\(missing)")
                try project.manifest(waiting: "{kind: Unheard, name: nobody}")
                #expect(try await project.deps("apply").errors.contains("the cluster has no kind Unheard"))

                // Made by somebody else, while the wait goes on.
                try project.manifest(waiting: "{kind: ConfigMap, name: later, for: exists, timeout: 5m}")
                async let ended = project.deps("apply")
                _ = try await cluster.eventually("the set") { try await project.object(.configMaps, "a") }
                #expect(try await project.kubectl("-n", project.namespace, "create", "configmap", "later").exitCode == 0)
                #expect(try await ended.exitCode == 0)

                try project.manifest(waiting: "{kind: ConfigMap, name: later, for: delete, timeout: 5m}")
                async let gone = project.deps("apply")
                #expect(try await project.kubectl("-n", project.namespace, "delete", "configmap", "later").exitCode == 0)
                #expect(try await gone.exitCode == 0)
            }
        }
    }

    @Test func aKindWithAReadyConditionIsReadyByIt() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest(
                    waiting: "{kind: Table, name: mine, timeout: 5m}, {kind: Table, name: mine, for: condition=Degraded=False, timeout: 5m}")
                try project.write("k8s/a.yaml", project.definition() + "---\n" + project.table("mine"))
                async let ended = project.deps("apply")
                let type = ResourceType(group: project.group, version: "v1", plural: "tables", kind: "Table")
                _ = try await cluster.eventually("the table") { try await project.object(type, "mine") }
                let status = #"{"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Degraded","status":"False"}]}}"#
                let patch = try await project.kubectl(
                    "-n", project.namespace, "patch", "tables.\(project.group)", "mine", "--type=merge", "-p", status)
                #expect(patch.exitCode == 0, "\(patch)")
                let result = try await ended
                #expect(result.exitCode == 0 && result.output.contains("Table \(project.namespace)/mine is ready"), "\(result)")
                #expect(result.output.contains("Degraded"), "\(result)")
                // The other value of the same condition does not do.
                try project.manifest(waiting: "{kind: Table, name: mine, for: condition=Degraded, timeout: 1s}")
                let other = try await project.deps("apply")
                #expect(other.exitCode == 7 && other.errors.contains("Degraded"), "\(other)")
            }
        }
    }
}
