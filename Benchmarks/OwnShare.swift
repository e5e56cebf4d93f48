import Foundation

/// In one sync, the times from what the operator waited for until it acted: by the API server's audit log, and for the pushed image
/// by the node's log, since the operator hears of it before the API server does.
struct OwnShare {
    /// From the spec that `seactl` applied to the build Job.
    var toJob: Double
    /// From the builder's word that the image is pushed, as the node logged it, to the Deployment.
    var toDeployment: Double
    /// From the finished rollout, or from when the earlier pod could no longer be served, to the status that says Ready.
    var toReady: Double

    /// From the finished rollout until the earlier pod could no longer be served. Not part of the share: routers need that time.
    var routingWait: Double

    /// Seconds after the deletion of a pod, which is told in whole seconds, in which ingress controllers hear that it leaves.
    private static let routing = 2.5

    var total: Double { toJob + toDeployment + toReady }

    /// - Parameters:
    ///   - entries: of one namespace, in order.
    ///   - pushes: when images were pushed, in seconds since 1970.
    static func find(in entries: [AuditLog.Entry], pushes: [Double]) -> [OwnShare] {
        let good = entries.filter(\.succeeded)
        let specs = good.indices.filter { good[$0].concerns("environments") && good[$0].isWrite && !good[$0].isOperators }
        return specs.enumerated().compactMap { number, start in
            let end = number + 1 < specs.count ? specs[number + 1] : good.count
            return OwnShare(good[start], Array(good[(start + 1)..<end]), pushes)
        }
    }

    private init?(_ spec: AuditLog.Entry, _ later: [AuditLog.Entry], _ pushes: [Double]) {
        guard
            let job = later.first(where: { $0.concerns("jobs") && $0.isOperators && ["create", "patch"].contains($0.verb) }),
            let pushed = pushes.first(where: { $0 > spec.answered }),
            let deployment = later.first(where: { $0.concerns("deployments") && $0.isOperators && $0.isWrite && $0.received > pushed }),
            let available = later.first(where: { $0.answered > deployment.answered && OwnShare.isRolledOut($0) }),
            let ready = later.first(where: {
                $0.concerns("environments", "status") && $0.isOperators && $0.received > available.answered
                    && $0.requestObject?.holds("Ready") == true
            })
        else { return nil }
        // Until then the earlier pod may still be served, and Ready has to wait: it ended, or routers have had their time to hear.
        let between = later.filter { $0.answered > deployment.answered && $0.received < ready.received }
        // The node deletes pods as well: those of earlier rollouts, once they are over.
        let deleted = between.first { $0.concerns("pods") && $0.verb == "delete" && $0.isReplicaSetControllers }
        let left = between.first {
            $0.concerns("pods", "status") && $0.requestObject?.ended("app") != nil && $0.objectRef?.name == deleted?.objectRef?.name
        }
        let routed = deleted.map { $0.answered.rounded(.down) + OwnShare.routing }
        let unreachable = [left?.answered, routed].compactMap(\.self).min() ?? 0
        routingWait = max(0, min(unreachable, ready.received) - available.answered)
        toJob = job.received - spec.answered
        toDeployment = deployment.received - pushed
        toReady = ready.received - max(available.answered, unreachable)
    }

    private static func isRolledOut(_ entry: AuditLog.Entry) -> Bool {
        guard entry.concerns("deployments", "status"), let content = entry.requestObject, let status = content.status, let replicas = status.replicas
        else { return false }
        return replicas > 0 && status.updatedReplicas == replicas && status.availableReplicas == replicas
            && status.observedGeneration == content.metadata?.generation
    }
}
