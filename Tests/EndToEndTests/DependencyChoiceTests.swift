import Foundation
import KubernetesModel
import Testing

/// Which environment and dependency a command is about, and what `${…}` means in each.
@Suite(.disabled(if: TestCluster.isSkipped, "SEAWAY_SKIP_CLUSTER_TESTS"))
struct DependencyChoiceTests {
    private typealias Project = DependencyProject

    private func manifest(_ project: DependencyProject) throws {
        let dependencies = "    dependencies: [{name: db, path: k8s, substitute: true}, {name: plain, path: plain}]\n"
        let environments = [("dev", project.namespace), ("staging", project.namespace + "-more")].map {
            "  - name: \($0)\n    namespace: \($1)\n\(dependencies)"
        }
        try project.write("manifest.yaml", "name: shop\nenvironments:\n\(environments.joined())")
    }

    @Test func oneEnvironmentAndOneDependencyAreChosenByName() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try manifest(project)
                let values =
                    "{own: \"${NAME}/${ENVIRONMENT}/${NAMESPACE}/${USER}\", file: \"${IN_FILE}\", both: \"${IN_BOTH}\", none: \"${NONE:-x}\"}"
                try project.write("k8s/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: \(values)\n")
                try project.write("k8s/vars.env", "IN_FILE=from-the-file\nIN_BOTH=from-the-file\nNAME=not-this\n")
                try project.write("plain/a.yaml", Project.configMap("plain", "\"${NAME}\""))
                let staging = project.namespace + "-more"
                let variables = ["IN_BOTH": "from-the-environment"]
                func value(_ name: String) async throws -> JSONValue? { try await project.object(.configMaps, name, namespace: staging)?["data"] }

                let one = try await project.deps("apply", "staging", "--only", "db", variables: variables)
                #expect(one.exitCode == 0, "\(one)")
                #expect(
                    try await value("settings") == [
                        "own": .string("shop/staging/\(staging)/tester"), "file": "from-the-file", "both": "from-the-environment", "none": "x",
                    ])
                #expect(try await value("plain") == nil)
                #expect(try await project.object(.namespaces, project.namespace) == nil)
                let rest = try await project.deps("diff", "staging", variables: variables)
                #expect(rest.exitCode == 1 && rest.output.contains("plain") && !rest.output.contains("settings"), "\(rest)")
                // Not asked for, not replaced.
                #expect(try await project.deps("apply", "staging", variables: variables).exitCode == 0)
                #expect(try await value("plain") == ["value": "${NAME}"])
                #expect(try await project.deps("delete", "staging", "--only", "plain").exitCode == 0)
                #expect(try await value("plain") == nil)
                #expect(try await value("settings") != nil)

                let nowhere = try await project.deps("apply", "nowhere")
                #expect(nowhere.exitCode == 2 && nowhere.errors.contains("dev") && nowhere.errors.contains("staging"), "\(nowhere)")
                let nothing = try await project.deps("apply", "dev", "--only", "nothing")
                #expect(nothing.exitCode == 2 && nothing.errors.contains("it has: db, plain"), "\(nothing)")
                #expect(try await project.deps("delete", "staging").exitCode == 0)
            }
        }
    }

    /// What an API server says about a Secret that it refuses holds the Secret's values: it is not asked.
    @Test func mistakesInASecretDoNotShowIt() async throws {
        try await TestCluster.with { cluster in
            try await Project.with(cluster) { project in
                try project.manifest("- {name: db, path: k8s, substitute: true}")
                let planted = ["planted-one", "87654321", "planted-two"]
                try project.write(
                    "k8s/a.yaml",
                    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: planted-one}\nstringData: {b: 87654321, c: [planted-two]}\n")
                for arguments in [["apply"], ["diff"], ["apply", "-o", "json"]] {
                    let ended = try await project.deps(arguments)
                    #expect(ended.exitCode == 2 && ended.errors.contains("k8s/a.yaml:1: stringData.b of Secret a is no text"), "\(ended)")
                    #expect(!planted.contains { (ended.output + ended.errors).contains($0) }, "\(ended)")
                }
                // A password of digits is text when a variable brings it.
                try project.write("k8s/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  b: ${PIN}\n")
                #expect(try await project.deps("apply", variables: ["PIN": "087654321"]).exitCode == 0)
                #expect(try await project.object(.secrets, "a")?["data"]?["b"] == .string(Data("087654321".utf8).base64EncodedString()))

                // One that the server refuses for another reason.
                try project.write("k8s/a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: Other\nstringData: {b: planted-one}\n")
                let refused = try await project.deps("apply")
                #expect(refused.exitCode == 7 && refused.errors.contains("type"), "\(refused)")
                #expect(!(refused.output + refused.errors).contains("planted-one"), "\(refused)")
            }
        }
    }
}
