import Foundation
import KubernetesModel
import Testing

/// Requests are read as values: no server, no client.
@Suite struct RequestTests {
    static let environments = ResourceType(group: "seaway.ctx.sh", version: "v1beta1", plural: "environments", kind: "Environment")

    @Test(arguments: [
        (APIRequest.get(.pods, name: "web", namespace: "dev"), "GET /api/v1/namespaces/dev/pods/web"),
        (.get(.namespaces, name: "dev", namespace: "ignored"), "GET /api/v1/namespaces/dev"),
        (.get(environments, name: "a/b", namespace: "dev"), "GET /apis/seaway.ctx.sh/v1beta1/namespaces/dev/environments/a%2Fb"),
        (.get(.pods, name: "..", namespace: "."), "GET /api/v1/namespaces/%2E/pods/%2E%2E"),
        (.list(.deployments), "GET /apis/apps/v1/deployments"),
        (
            .list(.pods, namespace: "dev", labelSelector: "a=b,c in (d;e)", fieldSelector: "status.phase!=Running", limit: 500, continue: "x+y/="),
            "GET /api/v1/namespaces/dev/pods?labelSelector=a%3Db%2Cc%20in%20%28d%3Be%29&fieldSelector=status.phase%21%3DRunning&limit=500&continue=x%2By%2F%3D"
        ),
        (
            .watch(.jobs, namespace: "dev", resourceVersion: "42", timeoutSeconds: 290),
            "GET /apis/batch/v1/namespaces/dev/jobs?watch=true&allowWatchBookmarks=true&resourceVersion=42&timeoutSeconds=290"
        ),
        (
            .watch(.pods, fieldSelector: "metadata.name=web"),
            "GET /api/v1/pods?watch=true&fieldSelector=metadata.name%3Dweb&allowWatchBookmarks=true"
        ),
        (
            .logs(pod: "web", namespace: "dev", container: "app", follow: true, previous: true, tailLines: 20, timestamps: true),
            "GET /api/v1/namespaces/dev/pods/web/log?container=app&follow=true&previous=true&tailLines=20&timestamps=true"
        ),
        (.logs(pod: "web", namespace: "dev"), "GET /api/v1/namespaces/dev/pods/web/log"),
        (.version, "GET /version"),
        (.discovery(apiVersion: "v1"), "GET /api/v1"),
        (.discovery(apiVersion: "seaway.ctx.sh/v1beta1"), "GET /apis/seaway.ctx.sh/v1beta1"),
    ])
    func readsAreGets(request: APIRequest, line: String) {
        #expect("\(request.method) \(request.target)" == line)
        #expect(request.body == nil)
    }

    @Test func createIsAPostOfTheObject() throws {
        let request = APIRequest.create(.configMaps, object: ["metadata": ["name": "a"]], namespace: "dev", dryRun: true)
        #expect(request.method == "POST")
        #expect(request.target == "/api/v1/namespaces/dev/configmaps?dryRun=All")
        #expect(request.header("content-type") == "application/json")
        #expect(try JSONValue(parsing: #require(request.body)) == ["metadata": ["name": "a"]])
    }

    @Test func applyNamesItsFieldManager() throws {
        let plain = APIRequest.apply(.services, object: ["a": 1], name: "web", namespace: "dev", fieldManager: "seaway")
        #expect(plain.method == "PATCH")
        #expect(plain.target == "/api/v1/namespaces/dev/services/web?fieldManager=seaway")
        #expect(plain.header("Content-Type") == "application/apply-patch+yaml")
        #expect(plain.body == Data(#"{"a":1}"#.utf8))

        let forced = APIRequest.apply(
            Self.environments, object: [:], name: "web", namespace: "dev", fieldManager: "seaway", force: true, dryRun: true,
            subresource: "status")
        #expect(
            forced.target
                == "/apis/seaway.ctx.sh/v1beta1/namespaces/dev/environments/web/status?fieldManager=seaway&force=true&dryRun=All")
    }

    @Test func mergePatchAndUpdate() {
        let patch = APIRequest.mergePatch(.jobs, patch: ["metadata": ["labels": ["a": nil]]], name: "b", namespace: "dev", subresource: "status")
        #expect("\(patch)" == "PATCH /apis/batch/v1/namespaces/dev/jobs/b/status")
        #expect(patch.header("Content-Type") == "application/merge-patch+json")
        #expect(patch.body == Data(#"{"metadata":{"labels":{"a":null}}}"#.utf8))

        let update = APIRequest.update(.jobs, object: [:], name: "b", namespace: "dev")
        #expect("\(update)" == "PUT /apis/batch/v1/namespaces/dev/jobs/b")
    }

    @Test func deleteSaysWhatBecomesOfTheOwned() throws {
        let request = APIRequest.delete(.jobs, name: "b", namespace: "dev", propagation: .foreground, uid: "u1")
        #expect("\(request)" == "DELETE /apis/batch/v1/namespaces/dev/jobs/b")
        let options = try JSONValue(parsing: #require(request.body))
        #expect(options["propagationPolicy"] == "Foreground")
        #expect(options["preconditions"]?["uid"] == "u1")

        let any = try JSONValue(parsing: #require(APIRequest.delete(.jobs, name: "b", namespace: "dev").body))
        #expect(any["propagationPolicy"] == "Background")
        #expect(any["preconditions"] == nil)

        let several = APIRequest.deleteCollection(.pods, namespace: "dev", labelSelector: "a=b")
        #expect(several.target == "/api/v1/namespaces/dev/pods?labelSelector=a%3Db")
    }

    @Test func tokensAreMintedAndReviewed() throws {
        let mint = APIRequest.tokenRequest(serviceAccount: "default", namespace: "dev", audiences: ["seaway"], expirationSeconds: 600)
        #expect("\(mint)" == "POST /api/v1/namespaces/dev/serviceaccounts/default/token")
        #expect(try JSONValue(parsing: #require(mint.body))["spec"] == ["audiences": ["seaway"], "expirationSeconds": 600])

        let review = APIRequest.tokenReview(token: "abc", audiences: ["seaway"])
        #expect("\(review)" == "POST /apis/authentication.k8s.io/v1/tokenreviews")
        #expect(try JSONValue(parsing: #require(review.body))["spec"] == ["audiences": ["seaway"], "token": "abc"])
    }

    @Test func accessReviewLeavesOutWhatIsNotAsked() throws {
        let request = APIRequest.selfSubjectAccessReview(verb: "create", .services, subresource: "proxy", namespace: "seaway-system")
        let attributes = try JSONValue(parsing: #require(request.body))["spec"]?["resourceAttributes"]
        #expect(
            attributes == [
                "verb": "create", "group": "", "version": "v1", "resource": "services", "subresource": "proxy", "namespace": "seaway-system",
            ])
    }

    @Test func serviceProxyKeepsTheColonsOfTheService() {
        let request = APIRequest.serviceProxy(
            method: "PUT", namespace: "seaway-system", service: "https:seaway:api", path: "/v1/a b/ü", query: [QueryItem("q", "1&2")],
            headers: [QueryItem("X-Seaway-Token", "secret")], body: Data([1, 2]))
        #expect(request.method == "PUT")
        #expect(request.target == "/api/v1/namespaces/seaway-system/services/https:seaway:api/proxy/v1/a%20b/%C3%BC?q=1%262")
        #expect(request.header("x-seaway-token") == "secret")
        #expect(request.body == Data([1, 2]))
        #expect(
            APIRequest.serviceProxy(method: "GET", namespace: "n", service: "s", path: "").path == "/api/v1/namespaces/n/services/s/proxy/")
    }
}
