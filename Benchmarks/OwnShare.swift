import Foundation

/// In one sync, the times from what the operator waited for until it acted, as the API server's audit log has them.
struct OwnShare {
    /// From the spec that `seactl` applied to the build Job.
    var toJob: Double
    /// From the kubelet's report that the builder has ended to the Deployment.
    var toDeployment: Double
    /// From the finished rollout, and the end of the earlier pod where there was one, to the status that says Ready.
    var toReady: Double

    var total: Double { toJob + toDeployment + toReady }

    /// - Parameter entries: of one namespace, in order.
    static func find(in entries: [AuditLog.Entry], environment: String) -> [OwnShare] {
        let good = entries.filter(\.succeeded)
        let specs = good.indices.filter { good[$0].concerns("environments") && good[$0].isWrite && !good[$0].isOperators }
        return specs.enumerated().compactMap { number, start in
            let end = number + 1 < specs.count ? specs[number + 1] : good.count
            return OwnShare(good[start], Array(good[(start + 1)..<end]), environment)
        }
    }

    private init?(_ spec: AuditLog.Entry, _ later: [AuditLog.Entry], _ environment: String) {
        guard
            let job = later.first(where: { $0.concerns("jobs") && $0.isOperators && ["create", "patch"].contains($0.verb) }),
            let built = later.first(where: { $0.concerns("pods", "status") && $0.requestObject?.ended("build") == 0 }),
            let deployment = later.first(where: { $0.concerns("deployments") && $0.isOperators && $0.isWrite && $0.received > built.answered }),
            let available = later.first(where: { $0.answered > deployment.answered && OwnShare.isRolledOut($0) }),
            let ready = later.first(where: {
                $0.concerns("environments", "status") && $0.isOperators && $0.received > available.answered
                    && $0.requestObject?.holds("Ready") == true
            })
        else { return nil }
        // The earlier pod's container has ended, or the pod is gone.
        let left = later.first { entry in
            guard entry.answered > deployment.answered, entry.received < ready.received else { return false }
            return entry.concerns("pods", "status") && entry.requestObject?.ended("app") != nil
                || entry.concerns("pods") && entry.verb == "delete" && entry.user.username.hasPrefix("system:node:")
        }
        toJob = job.received - spec.answered
        toDeployment = deployment.received - built.answered
        toReady = ready.received - max(available.answered, left?.answered ?? 0)
    }

    private static func isRolledOut(_ entry: AuditLog.Entry) -> Bool {
        guard entry.concerns("deployments", "status"), let content = entry.requestObject, let status = content.status, let replicas = status.replicas
        else { return false }
        return replicas > 0 && status.updatedReplicas == replicas && status.availableReplicas == replicas
            && status.observedGeneration == content.metadata?.generation
    }
}
