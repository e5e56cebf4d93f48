import Testing

@testable import SeactlKit

struct MissingRightTests {
    @Test(arguments: [
        (
            #"environments.seaway.ctx.sh "web" is forbidden: User "ann" cannot get resource "environments" in API group "seaway.ctx.sh" in the namespace "dev""#,
            "the verb `get` on environments.seaway.ctx.sh is missing in namespace dev", "view"
        ),
        (
            #"secrets is forbidden: User "ann" cannot create resource "secrets" in API group "" in the namespace "dev""#,
            "the verb `create` on secrets is missing in namespace dev", "edit"
        ),
        // `view` leaves Secrets out.
        (
            #"secrets "a" is forbidden: User "ann" cannot get resource "secrets" in API group "" in the namespace "dev""#,
            "the verb `get` on secrets is missing in namespace dev", "edit"
        ),
        (
            #"namespaces is forbidden: User "ann" cannot create resource "namespaces" in API group "" at the cluster scope"#,
            "the verb `create` on namespaces is missing in the whole cluster", "cluster-admin"
        ),
        ("admission webhook says no", "a right is missing", "edit"),
    ])
    func theVerbAndTheRoleThatHasItAreNamed(message: String, text: String, role: String) {
        let missing = MissingRight(message)
        #expect(missing.text == text)
        #expect(missing.role == role)
        #expect(missing.binding.contains("--clusterrole=\(role)"))
    }
}
