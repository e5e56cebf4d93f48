import KubernetesModel
import Testing

@testable import SeawayAPI

@Suite("Variables of the manifest") struct ManifestVariableTests {
    private func expand(_ text: String, _ values: [String: String] = [:]) throws -> String {
        try ManifestVariables.expand(text) { values[$0] }
    }

    @Test func `values, defaults and escapes`() throws {
        #expect(try expand("a-${X}-${Y}", ["X": "1", "Y": "2"]) == "a-1-2")
        #expect(try expand("${X:-d}") == "d")
        #expect(try expand("${X:-d}", ["X": ""]) == "d")
        #expect(try expand("${X:-}") == "")
        #expect(try expand("${X:-a:-b}") == "a:-b")
        #expect(try expand("${X}", ["X": ""]) == "")
        #expect(try expand("$${X} $X $(X) $", ["X": "1"]) == "${X} $X $(X) $")
        #expect(try expand("${X}", ["X": "${Y}"]) == "${Y}")
    }

    @Test func `what is no variable`() {
        #expect(throws: ManifestVariables.Problem.undefined("X")) { try expand("${X}") }
        for text in ["${", "${X", "${}", "${1}", "${a b}", "${a-b}"] {
            #expect(throws: ManifestVariables.Problem.self, "\(text)") { try expand(text, ["X": "1"]) }
        }
    }

    static let text = """
        name: shop-${TEAM:-web}
        environments:
          - name: dev
            namespace: ${NAME}-${BRANCH}
            vars:
              env:
                - {name: GREETING, value: "hello ${USER}"}
                - {name: KEY, valueFrom: {secretKeyRef: {name: "db-${USER}", key: password}}}
            build: {buildArgs: {COMMIT: "${BRANCH}"}}
            network: {ingress: {host: "${BRANCH}.${DOMAIN}", tls: [{hosts: ["${BRANCH}.${DOMAIN}"]}]}}
          - name: ci
            namespace: shop-${PIPELINE}
            command: ["sh", "-c", "echo ${HOME}"]
        """
    static let values = ["USER": "ada", "BRANCH": "feature/Log_in", "DOMAIN": "dev.example.com"]

    @Test func `they are put into names, values, build arguments and hosts`() throws {
        let manifest = try Manifest.parse(yaml: Self.text).expanding { Self.values[$0] }
        #expect(manifest.name == "shop-web")
        let dev = try manifest.environment(named: "dev")
        #expect(dev.namespace == "shop-web-feature-log-in")
        #expect(
            dev.spec.vars?.env == [
                ["name": "GREETING", "value": "hello ada"], ["name": "KEY", "valueFrom": ["secretKeyRef": ["name": "db-ada", "key": "password"]]],
            ])
        #expect(dev.spec.build?.buildArgs == ["COMMIT": "feature/Log_in"])
        #expect(dev.spec.network?.ingress?.host == "feature-log-in.dev.example.com")
        #expect(dev.spec.network?.ingress?.tls == [["hosts": ["feature-log-in.dev.example.com"]]])
    }

    @Test func `a missing one disturbs only who uses it`() throws {
        let manifest = try Manifest.parse(yaml: Self.text, file: "m.yaml").expanding { Self.values[$0] }
        #expect(
            messages { () throws(ManifestErrors) in _ = try manifest.environment(named: "ci") } == [
                "m.yaml:12:16: environments[1].namespace: the variable PIPELINE is not set, set it, give a default with ${PIPELINE:-value}, or "
                    + "write $${PIPELINE} for this very text"
            ])
        // Other fields are the application's own business.
        let ci = try Manifest.parse(yaml: Self.text).expanding { $0 == "PIPELINE" ? "7" : Self.values[$0] }.environment(named: "ci")
        #expect(ci.spec.command == ["sh", "-c", "echo ${HOME}"])
    }

    @Test func `one that the application's name needs disturbs everybody`() throws {
        let manifest = try Manifest.parse(yaml: "name: a-${TEAM}\nenvironments: [{name: dev}]\n", file: "m.yaml")
        #expect(
            messages { () throws(ManifestErrors) in _ = try manifest.expanding { _ in nil } } == [
                "m.yaml:1:7: name: the variable TEAM is not set, set it, give a default with ${TEAM:-value}, or write $${TEAM} for this very text"
            ])
    }

    @Test func `a value that makes no name is shown with what it became`() throws {
        let manifest = try Manifest.parse(yaml: "name: a\nenvironments: [{name: dev, namespace: 'b-${X}'}]\n", file: "m.yaml").expanding { _ in "!" }
        #expect(
            messages { () throws(ManifestErrors) in _ = try manifest.environment() } == [
                "m.yaml:2:39: environments[0].namespace: 'b-${X}' becomes 'b-', which is no valid name, expected lower-case letters, digits and "
                    + "hyphens, at most 63, with a letter or digit at both ends"
            ])
    }

    @Test func `long names are cut and stay different`() throws {
        let text = "name: shop\nenvironments: [{name: dev, namespace: '${NAME}-${BRANCH}'}]\n"
        func namespace(_ branch: String) throws -> String {
            try Manifest.parse(yaml: text).expanding { _ in branch }.environment().namespace
        }
        let long = String(repeating: "b", count: 80)
        let first = try namespace(long + "1")
        let second = try namespace(long + "2")
        #expect(first.count == 63)
        #expect(first.hasPrefix("shop-bbb"))
        #expect(first != second)
        #expect(try namespace("main") == "shop-main")
    }

    @Test func `an environment with variables is not given out before they are put in`() throws {
        let manifest = try Manifest.parse(yaml: Self.text, file: "m.yaml")
        #expect(
            messages { () throws(ManifestErrors) in _ = try manifest.environment(named: "ci") }
                == [
                    "m.yaml:1:7: name: variables have not been put in yet",
                    "m.yaml:12:16: environments[1].namespace: variables have not been put in yet",
                ])
    }
}
