import KubernetesModel
import Testing

@testable import SeawayAPI

struct WaitGoalTests {
    private let object: JSONValue = [
        "metadata": ["annotations": ["a.b/c": "x"]],
        "status": ["phase": "Bound", "count": 3, "list": [["type": "Ready", "ok": true], ["type": "Other", "ok": false]]],
    ]

    @Test(arguments: [
        ("{.status.phase}", ["Bound"]), ("{.status.count}", ["3"]), ("{$.status['phase']}", ["Bound"]),
        (#"{.metadata.annotations.a\.b/c}"#, ["x"]), ("{.metadata.annotations['a.b/c']}", ["x"]), ("{.status.list[0].type}", ["Ready"]),
        ("{.status.list[-1].type}", ["Other"]), ("{.status.list[*].type}", ["Ready", "Other"]),
        (#"{.status.list[?(@.type=="Ready")].ok}"#, ["true"]), ("{.status.list[?(@.ok == false)].type}", ["Other"]), ("{.status.none}", []),
        ("{.status.list[7]}", []),
    ])
    func finds(path: String, values: [String]) throws {
        #expect(try #require(JSONPath(path)).values(in: object).map(JSONPath.text) == values)
    }

    @Test(arguments: ["", "{}", ".status", "{status}", "{.status[}", "{.status[?(x)]}", "{..}"])
    func refuses(path: String) { #expect(JSONPath(path) == nil) }

    @Test func readsGoals() throws {
        #expect(WaitGoal("Ready") == .ready)
        #expect(WaitGoal("condition=Available") == .condition("Available", value: "True"))
        #expect(WaitGoal("condition=Available=false") == .condition("Available", value: "false"))
        #expect(WaitGoal("jsonpath={.status.phase}=Bound") == .field(try #require(JSONPath("{.status.phase}")), value: "Bound"))
        #expect(WaitGoal("jsonpath='{.status.phase}'") == .field(try #require(JSONPath("{.status.phase}")), value: nil))
        #expect(WaitGoal("exists") == .exists && WaitGoal("delete") == .deleted)
        for text in ["", "done", "condition=", "condition=A=", "jsonpath={.a", "jsonpath={.a}=", "jsonpath={.a}b"] { #expect(WaitGoal(text) == nil) }
    }
}
