import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI
import SeawayLocal

/// One thing that `seactl doctor` looked at.
struct DoctorFinding: Equatable, Sendable {
    enum Verdict: String, Sendable {
        case good = "ok"
        /// Something does not work without it.
        case missing
        case broken
    }

    var what: String
    var verdict: Verdict
    var text: String
    /// What to do about it.
    var next: [String] = []
}

/// Looks at everything that Seaway needs, on this machine and in the cluster.
struct Doctor: Sendable {
    var system: System
    var request: ConnectionRequest

    func examine() async -> [DoctorFinding] {
        var findings = [await podman(), tool()]
        guard system.hasCluster(request) else {
            let text = "none is configured; `seactl env sync` runs on this machine"
            return findings + [DoctorFinding(what: "cluster", verdict: .missing, text: text, next: ["name one with --kubeconfig or KUBECONFIG"])]
        }
        do {
            let connection = try system.connect(request)
            findings += await cluster(connection)
            await connection.close()
        } catch {
            findings.append(broken("cluster", error))
        }
        return findings
    }

    private func broken(_ what: String, _ error: any Error) -> DoctorFinding {
        let failure = CommandFailure(describing: error)
        return DoctorFinding(what: what, verdict: .broken, text: failure.headline, next: failure.next)
    }

    private func podman() async -> DoctorFinding {
        do {
            let engine = try await LocalConnection.podman(variables: system.variables)
            let info = try await engine.run(["info", "--format", "{{.Version.Version}}, {{.Host.OCIRuntime.Name}}, {{.Host.CgroupsVersion}}"])
            guard info.isSuccess else {
                return DoctorFinding(what: "podman", verdict: .broken, text: info.reason, next: ["`podman info` tells more"])
            }
            let own = engine.variables.isEmpty ? "" : "; with settings of its own for this machine"
            return DoctorFinding(what: "podman", verdict: .good, text: info.output.trimmingCharacters(in: .whitespacesAndNewlines) + own)
        } catch let error as LocalError {
            return DoctorFinding(
                what: "podman", verdict: error.code == .podmanMissing ? .missing : .broken, text: error.message, next: error.next)
        } catch {
            return broken("podman", error)
        }
    }

    private func tool() -> DoctorFinding {
        let path = system.variables["PATH"]
        for name in ["kustomize", "kubectl"] {
            if let found = PodmanSetup.find(name, path: path) { return DoctorFinding(what: "kustomize", verdict: .good, text: found) }
        }
        return DoctorFinding(
            what: "kustomize", verdict: .missing, text: "neither kustomize nor kubectl is installed; dependencies that use kustomize need one",
            next: ["install kubectl: https://kubernetes.io/docs/tasks/tools/"])
    }

    private func cluster(_ connection: Connection) async -> [DoctorFinding] {
        let access = connection.cluster
        var findings: [DoctorFinding] = []
        do {
            let version = try await access.objects.serverVersion()
            findings.append(DoctorFinding(what: "cluster", verdict: .good, text: "context \(connection.context), Kubernetes \(version)"))
        } catch {
            // Nothing else can be known.
            return [broken("cluster", error)]
        }
        findings.append(
            await examine("permissions") {
                _ = try await access.environments.list(connection.namespace)
                return "you may work with environments in namespace \(connection.namespace)"
            })
        findings.append(await deployment("operator", ObjectKey(namespace: Names.systemNamespace, name: "seaway"), access, install: true))
        findings.append(
            await examine("store") {
                let claim: JSONValue = [
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": ["name": "seaway-store", "namespace": .string(Names.systemNamespace)],
                ]
                return try await access.objects.exists(claim) ? "on a volume of the cluster" : "no volume of Seaway's: sources are in S3"
            })
        findings.append(await deployment("registry", ObjectKey(namespace: Names.systemNamespace, name: "registry"), access, install: false))
        return findings
    }

    private func examine(_ what: String, _ look: () async throws -> String) async -> DoctorFinding {
        do {
            return DoctorFinding(what: what, verdict: .good, text: try await look())
        } catch {
            return broken(what, error)
        }
    }

    private func deployment(_ what: String, _ key: ObjectKey, _ access: Cluster, install: Bool) async -> DoctorFinding {
        do {
            guard let found = try await access.objects.deployment(key) else {
                guard install else { return DoctorFinding(what: what, verdict: .good, text: "not Seaway's own: the one named at the installation") }
                return DoctorFinding(what: what, verdict: .missing, text: "Seaway is not installed in this cluster", next: ["seactl install"])
            }
            let ready = found.status?.availableReplicas ?? 0
            let wanted = found.spec?.replicas ?? 1
            guard ready > 0 else {
                let pods = "kubectl -n \(key.namespace ?? "") get pods"
                return DoctorFinding(what: what, verdict: .broken, text: "0 of \(wanted) pods are ready", next: ["`\(pods)` tells why"])
            }
            return DoctorFinding(what: what, verdict: .good, text: "\(ready) of \(wanted) pods are ready")
        } catch {
            return broken(what, error)
        }
    }
}
