import Foundation
import KubernetesModel
import SeawayAPI
import SeawayPlan
import Source
import SourceService

extension ClusterView {
    /// The revisions of an Environment that are wanted, being built or running; `nil` when it is not known.
    func revisionsInUse(by name: ObjectName) -> Set<Digest>? {
        let key = KubernetesModel.ObjectKey(namespace: name.namespace, name: name.name)
        guard isReady, let environment = observe(key, at: Timestamp(Date()))?.environment else { return nil }
        let revisions = [environment.spec.revision, environment.status?.expectedRevision, environment.status?.deployedRevision]
        return Set(revisions.compactMap { $0.flatMap { Digest(hex: $0) } })
    }
}
