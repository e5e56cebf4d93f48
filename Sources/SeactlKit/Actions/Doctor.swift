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
        /// It could not be found out.
        case unknown
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
    /// Instead of the context's.
    var namespace: String?

    func examine() async -> [DoctorFinding] {
        var findings = [await podman(), await kustomize()]
        guard system.hasCluster(request) else {
            let text = "none is configured; `seactl env sync` runs on this machine"
            return findings + [DoctorFinding(what: "cluster", verdict: .missing, text: text, next: ["name one with --kubeconfig or KUBECONFIG"])]
        }
        do {
            var connection = try system.connect(request)
            connection.namespace = namespace ?? connection.namespace
            findings += await cluster(connection)
            await connection.close()
        } catch {
            findings.append(broken("cluster", error))
        }
        return findings
    }

    private func broken(_ what: String, _ error: any Error) -> DoctorFinding {
        let failure = CommandFailure(describing: error)
        let text = ([failure.headline] + (failure.detail?.split(whereSeparator: \.isNewline).map(String.init) ?? [])).joined(separator: ": ")
        return DoctorFinding(what: what, verdict: .broken, text: TextCleaning.plain(text), next: failure.next)
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

    /// Only dependencies with a kustomization need it.
    private func kustomize() async -> DoctorFinding {
        do {
            let (tool, _, said) = try await Tool.kustomizer(system, doing: "asking for the version")
            let version = Tool.version(in: said).map { $0.map(String.init).joined(separator: ".") } ?? "of unknown version"
            return DoctorFinding(what: "kustomize", verdict: .good, text: "\(tool.name) \(version)")
        } catch {
            var finding = broken("kustomize", error)
            if !Tool.kustomize(system).isInstalled, !Tool.kubectl(system).isInstalled {
                finding.verdict = .missing
                finding.text = "neither kustomize nor kubectl is installed; dependencies with a kustomization need one of them"
            }
            return finding
        }
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
        findings.append(await permissions(connection))
        return findings + (await parts(connection))
    }

    /// What `seactl env sync` asks for in a namespace that is there.
    private static let rights: [(verbs: [String], type: ResourceType, subresource: String?)] = [
        (["get", "list", "watch", "create", "patch", "delete"], Environment.resource, nil), (["list", "watch"], .pods, nil),
        (["get"], .pods, "log"), (["create"], .serviceAccounts, "token"),
    ]

    private func permissions(_ connection: Connection) async -> DoctorFinding {
        let place = connection.namespace
        do {
            var missing: [MissingRight] = []
            for right in Self.rights {
                for verb in right.verbs {
                    let review = APIRequest.selfSubjectAccessReview(verb: verb, right.type, subresource: right.subresource, namespace: place)
                    let answer: AccessReview = try await connection.dependencies.send(review).decode()
                    if !answer.isAllowed { missing.append(MissingRight(verb, right.type, subresource: right.subresource, namespace: place)) }
                }
            }
            guard let first = missing.first else {
                return DoctorFinding(what: "permissions", verdict: .good, text: "you may do all that a sync needs in namespace \(place)")
            }
            let role = missing.contains { $0.role == "edit" } ? "edit" : first.role
            let binding = (missing.first { $0.role == role } ?? first).binding
            return DoctorFinding(
                what: "permissions", verdict: .broken, text: missing.map(\.text).joined(separator: "; "),
                next: [
                    "ask the cluster's administrator for the role `\(role)`, which holds it: `\(binding)`",
                    "or choose another namespace with `kubectl config set-context --current --namespace=NAME`",
                ])
        } catch {
            return broken("permissions", error)
        }
    }

    /// The operator and what it works with, as it tells itself: whoever may sync may ask.
    private func parts(_ connection: Connection) async -> [DoctorFinding] {
        let (sources, place) = (connection.cluster.sources, connection.namespace)
        func unknown(_ what: String, _ why: String) -> DoctorFinding { DoctorFinding(what: what, verdict: .unknown, text: why) }
        do {
            // The kind comes with the installation, and everybody may ask for it.
            _ = try await connection.cluster.environments.list(place)
        } catch let failure as CommandFailure where failure == .notInstalled {
            let finding = DoctorFinding(what: "operator", verdict: .missing, text: failure.headline, next: failure.next)
            return [finding, unknown("store", "comes with the operator"), unknown("registry", "comes with the operator")]
        } catch {
            // Told under the permissions.
        }
        var store = DoctorFinding(what: "store", verdict: .good, text: "the operator reaches it")
        do {
            try await sources.check(.store, place)
        } catch let failure as CommandFailure where failure.reason == Reason.sourceStoreUnavailable.rawValue {
            store = broken("store", failure)
        } catch {
            var finding = broken("operator", error)
            if error as? CommandFailure == .notInstalled { finding.verdict = .missing }
            return [finding, unknown("store", "only the operator can tell"), unknown("registry", "only the operator can tell")]
        }
        var registry = DoctorFinding(what: "registry", verdict: .good, text: "the operator reaches it")
        do {
            try await sources.check(.registry, place)
        } catch {
            registry = broken("registry", error)
            if (error as? CommandFailure)?.reason != Reason.registryUnavailable.rawValue { registry.verdict = .unknown }
        }
        return [DoctorFinding(what: "operator", verdict: .good, text: "answers"), store, registry]
    }
}
