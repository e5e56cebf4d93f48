import Foundation
import KubernetesClient
import KubernetesModel
import SeawayAPI

extension Cluster {
    /// The cluster that a client talks to.
    static func live(_ client: KubernetesClient) -> Cluster {
        Cluster(
            environments: .live(client), namespaces: .live(client), secrets: .live(client), sources: .live(client), pods: .live(client),
            objects: .live(client))
    }

    /// The server ends a watch after so many seconds; it is begun again then.
    fileprivate static let watchSeconds = 290
}

extension EnvironmentAccess {
    static func live(_ client: KubernetesClient) -> EnvironmentAccess {
        EnvironmentAccess(
            get: { key in try await client.getIfPresent(Environment.self, key.name, namespace: key.namespace) },
            object: { key in
                do {
                    return try await client.send(.get(Environment.resource, name: key.name, namespace: key.namespace), as: JSONValue.self)
                } catch let error as KubernetesError where error.isNotFound {
                    return nil
                }
            },
            list: { namespace in
                do {
                    return try await client.send(.list(Environment.resource, namespace: namespace), as: JSONValue.self)
                } catch let error as KubernetesError where error.isNotFound {
                    throw CommandFailure.notInstalled
                }
            },
            apply: { object in
                do {
                    return try await client.apply(object, fieldManager: Names.clientFieldManager, force: true).decode()
                } catch let error as KubernetesError where error.isNotFound {
                    throw CommandFailure.notInstalled
                }
            },
            delete: { key, uid in try await client.delete(Environment.resource, name: key.name, namespace: key.namespace, uid: uid) },
            events: { namespace in try await client.list(Event.self, namespace: namespace).items },
            watch: { key, version, handle in
                try await client.withWatch(
                    Environment.self, namespace: key.namespace, name: key.name, resourceVersion: version, timeoutSeconds: Cluster.watchSeconds
                ) { events in
                    for try await event in events where !handle(event) { return }
                }
            })
    }
}

extension NamespaceAccess {
    static func live(_ client: KubernetesClient) -> NamespaceAccess {
        NamespaceAccess(
            get: { name in try await client.getIfPresent(Namespace.self, name, namespace: nil) },
            create: { object in _ = try await client.create(object) })
    }
}

extension SecretAccess {
    static func live(_ client: KubernetesClient) -> SecretAccess {
        SecretAccess(
            get: { key in try await client.getIfPresent(Secret.self, key.name, namespace: key.namespace) },
            apply: { object in _ = try await client.apply(object, fieldManager: Names.clientFieldManager, force: true) },
            delete: { key, uid in try await client.delete(Secret.resource, name: key.name, namespace: key.namespace, uid: uid) })
    }
}

extension PodAccess {
    static func live(_ client: KubernetesClient) -> PodAccess {
        PodAccess(
            list: { namespace, labels in try await client.list(Pod.self, namespace: namespace, labelSelector: labels).items },
            watch: { namespace, labels, handle in
                let list = try await client.list(Pod.self, namespace: namespace, labelSelector: labels)
                for pod in list.items where !handle(pod) { return }
                try await client.withWatch(
                    Pod.self, namespace: namespace, labelSelector: labels, resourceVersion: list.resourceVersion,
                    timeoutSeconds: Cluster.watchSeconds
                ) { events in
                    for try await event in events {
                        switch event {
                        case .added(let pod), .modified(let pod): if !handle(pod) { return }
                        case .deleted, .bookmark, .undecodable: break
                        case .error(let status): throw KubernetesError(.api(status), "the watch on pods ended: \(status)")
                        }
                    }
                }
            },
            log: { request, onLine in
                guard !request.follow else {
                    return try await client.followLog(
                        pod: request.pod, namespace: request.namespace, container: request.container, previous: request.previous,
                        tailLines: request.tailLines
                    ) { onLine($0) }
                }
                try await client.withLogs(
                    pod: request.pod, namespace: request.namespace, container: request.container, follow: false, previous: request.previous,
                    tailLines: request.tailLines
                ) { lines in
                    for try await line in lines { onLine(line) }
                }
            })
    }
}

extension ObjectAccess {
    static func live(_ client: KubernetesClient) -> ObjectAccess {
        @Sendable func locate(_ object: JSONValue) async throws -> (type: ResourceType, name: String, namespace: String?) {
            let type = try await client.resourceType(
                apiVersion: object["apiVersion"]?.stringValue ?? "", kind: object["kind"]?.stringValue ?? "")
            return (type, object["metadata"]?["name"]?.stringValue ?? "", object["metadata"]?["namespace"]?.stringValue)
        }
        return ObjectAccess(
            apply: { object in try await client.apply(object, fieldManager: Names.clientFieldManager, force: true) },
            delete: { object in
                let place = try await locate(object)
                try await client.delete(place.type, name: place.name, namespace: place.namespace)
            },
            exists: { object in
                let place = try await locate(object)
                do {
                    _ = try await client.send(.get(place.type, name: place.name, namespace: place.namespace))
                    return true
                } catch let error as KubernetesError where error.isNotFound {
                    return false
                }
            },
            deployment: { key in try await client.getIfPresent(Deployment.self, key.name, namespace: key.namespace) },
            customResourceDefinition: { name in try await client.getIfPresent(CustomResourceDefinition.self, name, namespace: nil) },
            serverVersion: { try await client.serverVersion() })
    }
}

extension CommandFailure {
    static let notInstalled = CommandFailure(
        .clusterFailed, "Seaway is not installed in this cluster",
        next: ["run `seactl install`, or name another cluster with --context"])
}
