import InstallManifests
import KubernetesModel
import Testing

/// Seaway sends no API that a Kubernetes release between the oldest and the current one does not have. What the operator asks for at
/// work is checked by `OperatorRightsTests`.
struct KubernetesVersionsTests {
    /// Requests that are no verb on an object.
    private static let reviews: Set<String> = ["authentication.k8s.io/v1 tokenreviews", "authorization.k8s.io/v1 selfsubjectaccessreviews"]

    @Test func `every kind that is handled or installed is in all releases`() throws {
        let versions = try KubernetesVersions.load()
        var handled = Set(ResourceType.wellKnown.map { "\($0.apiVersion) \($0.plural)" }).union(Self.reviews)
        for object in try InstallManifests.objects() {
            let kind = object["kind"]?.stringValue
            let apiVersion = object["apiVersion"]?.stringValue
            let type = try #require(ResourceType.wellKnown.first { $0.kind == kind && $0.apiVersion == apiVersion }, "\(object)")
            handled.insert("\(type.apiVersion) \(type.plural)")
        }
        for request in [APIRequest.tokenReview(token: "", audiences: []), .selfSubjectAccessReview(verb: "get", .pods)] {
            let path = request.path.split(separator: "/")
            #expect(Self.reviews.contains("\(path[1])/\(path[2]) \(path[3])"))
        }
        #expect(versions.problems(of: handled) == [])
        #expect(Set(versions.sent.keys).subtracting(handled).sorted() == [], "in the table, and not handled any more")
    }

    @Test func `a removed API is found`() throws {
        let versions = try KubernetesVersions.load()
        #expect(versions.removed.count > 30)
        #expect(
            versions.problems(of: ["extensions/v1beta1 ingresses", "policy/v1 poddisruptionbudgets", "apps/v1 deployments"]) == [
                "extensions/v1beta1 ingresses was removed in 1.22",
                "policy/v1 poddisruptionbudgets does not stand in docs/kubernetes-versions.md",
            ])
    }
}
