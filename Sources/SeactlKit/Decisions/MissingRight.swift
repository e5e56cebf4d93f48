import KubernetesModel

/// The right that the API server found missing, and which role gives it.
///
/// Its authorizer words it so in every version: `User "x" cannot create resource "y" in API group "g" in the namespace "n"`, or
/// `at the cluster scope`.
struct MissingRight: Equatable, Sendable {
    /// `get`, `list`, `create`, …; `nil` when the message is worded otherwise, as by an admission controller.
    var verb: String?
    /// With its API group: `environments.seaway.ctx.sh`.
    var resource: String?
    /// `nil` at the cluster scope.
    var namespace: String?

    init(_ verb: String, _ type: ResourceType, subresource: String?, namespace: String) {
        self.verb = verb
        resource = type.plural + (subresource.map { "/\($0)" } ?? "") + (type.group.isEmpty ? "" : ".\(type.group)")
        self.namespace = namespace
    }

    init(_ message: String) {
        func quoted(after text: String) -> String? {
            guard let start = message.firstRange(of: text + " \"")?.upperBound else { return nil }
            return String(message[start...].prefix { $0 != "\"" })
        }
        guard let cannot = message.firstRange(of: " cannot ") else { return }
        verb = String(message[cannot.upperBound...].prefix { $0 != " " })
        resource = quoted(after: "resource").map { name in
            quoted(after: "API group").map { $0.isEmpty ? name : "\(name).\($0)" } ?? name
        }
        namespace = quoted(after: "in the namespace")
    }

    var text: String {
        guard let verb, let resource else { return "a right is missing" }
        return "the verb `\(verb)` on \(resource) is missing \(namespace.map { "in namespace \($0)" } ?? "in the whole cluster")"
    }

    /// Everything in a namespace is in the roles that each cluster has; Seaway's own kinds are added to them at the installation.
    var role: String {
        guard namespace != nil || verb == nil else { return "cluster-admin" }
        return ["get", "list", "watch"].contains(verb) && resource != "secrets" ? "view" : "edit"
    }

    var binding: String {
        guard let namespace else {
            return verb == nil
                ? "kubectl create rolebinding NAME -n NAMESPACE --clusterrole=\(role) --user=YOU"
                : "kubectl create clusterrolebinding NAME --clusterrole=\(role) --user=YOU"
        }
        return "kubectl create rolebinding NAME -n \(namespace) --clusterrole=\(role) --user=YOU"
    }
}
