import KubernetesModel
import Testing

@testable import SeawayDependencies

struct YAMLObjectsTests {
    private static let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

    @Test(
        arguments: [
            ("0644", .int(420)), ("0x1F", .int(31)), ("12", .int(12)), ("-3", .int(-3)), ("1.5", .double(1.5)), ("yes", true), ("off", false),
            ("~", .null),
            ("\"yes\"", "yes"), ("'12'", "12"), ("1.2.3", "1.2.3"), ("12:30", "12:30"), ("2026-01-02", "2026-01-02"), ("1e3", .double(1000)),
            ("0o17", .int(15)),
            ("!!str 12", "12"), ("089", .int(89)),
        ] as [(String, JSONValue)])
    func wordsMeanWhatKubectlTakesThemFor(text: String, value: JSONValue) throws {
        let objects = try YAMLObjects.read(Self.head + "data: {x: \(text)}\n", file: "a.yaml")
        #expect(objects.first?.object["data"]?["x"] == value)
    }

    @Test func documentsListsAndPlaces() throws {
        let text =
            "# first\n---\n" + Self.head
            + "---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: c}\n"
        let objects = try YAMLObjects.read(text, file: "a.yaml")
        #expect(objects.map { "\($0.place) \($0.kind) \($0.name)" } == ["a.yaml:3 ConfigMap a", "a.yaml:11 Secret b", "a.yaml:12 Secret c"])
    }

    @Test(arguments: [
        ("- a\n", "f:1: this document is no Kubernetes object"), (head + "---\nkind: X\n", "f:5: apiVersion is missing"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "generateName cannot be applied"), ("a: [b\n", "f:2: not valid YAML"),
        (head + "data: {a: 1}\ndata: {a: 2}\n", "the key 'data' is given twice"),
    ])
    func mistakesHaveTheirPlace(text: String, message: String) throws {
        let error = try #require(throws: DependencyProblems.self) { try YAMLObjects.read(text, file: "f") }
        #expect(error.description.contains(message), "\(error)")
    }

    @Test func variablesStayInsideTheirValue() throws {
        let variables = Variables(own: ["NAME": "shop"], environment: ["N": "3", "NAME": "no"], file: ["N": "1", "WORD": "a: b # \"x\"\nz"])
        let text = Self.head + "data:\n  n: ${N}\n  s: \"${N}\"\n  w: ${WORD}\n  name: ${NAME}-db\n  d: ${NONE:-x}\n  e: $${N}\n"
        let data = try #require(try YAMLObjects.read(text, file: "f", variables: variables).first?.object["data"])
        #expect(data == ["n": "3", "s": "3", "w": "a: b # \"x\"\nz", "name": "shop-db", "d": "x", "e": "${N}"])
    }

    /// Whatever a variable's value looks like: in a ConfigMap and a Secret it is text. Elsewhere it may be a number.
    @Test func valuesOfConfigurationAreTexts() throws {
        let variables = Variables(own: [:], environment: [:], file: ["PIN": "0123", "ON": "yes"])
        func document(_ kind: String, _ fields: String) -> String { "---\napiVersion: v1\nkind: \(kind)\nmetadata: {name: a}\n\(fields)\n" }
        let text =
            document("Secret", "stringData:\n  pin: ${PIN}\n  on: ${ON}") + document("ConfigMap", "data:\n  pin: ${PIN}")
            + document("Service", "spec:\n  n: ${PIN}")
        let objects = try YAMLObjects.read(text, file: "f", variables: variables).map(\.object)
        #expect(objects[0]["stringData"] == ["pin": "0123", "on": "yes"])
        #expect(objects[1]["data"] == ["pin": "0123"])
        #expect(objects[2]["spec"] == ["n": 83])
    }

    /// The server's own answer would hold the value.
    @Test func mistakesInSecretsAreToldWithoutTheirValues() throws {
        let text = """
            apiVersion: v1
            kind: Secret
            metadata: {name: a}
            data: {good: aGVsbG8=, lines: "aGVs\\nbG8=", bad: planted!}
            stringData: {fine: x, pin: 12345678, list: [planted]}

            """
        let error = try #require(throws: DependencyProblems.self) { try YAMLObjects.read(Self.head + "---\n" + text, file: "f") }
        #expect(
            error.problems.map(\.description) == [
                "f:5: stringData.list of Secret a is no text: put it in quotes", "f:5: stringData.pin of Secret a is no text: put it in quotes",
                "f:5: data.bad of Secret a is not base64: stringData takes text as it is",
            ])
    }

    @Test func undefinedVariablesAreToldWithTheirPlace() throws {
        let variables = Variables(own: [:], environment: [:], file: [:])
        let text = Self.head + "data:\n  a: ${A}\n  b: ${1}\n"
        let error = try #require(throws: DependencyProblems.self) { try YAMLObjects.read(text, file: "f", variables: variables) }
        #expect(error.problems.map(\.place) == [TextPlace(file: "f", line: 5), TextPlace(file: "f", line: 6)])
        let moved = try #require(throws: DependencyProblems.self) {
            try YAMLObjects.read(text, file: "f", variables: variables) { $0 == "A" ? TextPlace(file: "src.yaml", line: 9) : nil }
        }
        #expect(moved.problems.first?.place == TextPlace(file: "src.yaml", line: 9))
    }

    @Test func environmentFiles() throws {
        #expect(
            try Variables.parse("# x\nA=1\nexport B = \"two words\"\n\nC='x=y'\nD=\n", file: "f") == [
                "A": "1", "B": "two words", "C": "x=y", "D": "",
            ])
        let error = try #require(throws: DependencyProblems.self) { try Variables.parse("A=1\nplanted-secret\n", file: "f") }
        #expect(error.description == "f:2: expected NAME=value")
    }
}
