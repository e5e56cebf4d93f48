import Foundation
import KubernetesModel
import SeawayDependencies
import Testing

@testable import SeawayLocal

/// What is decided about a dependency's objects before Podman is asked.
struct LocalObjectDecisionTests {
    @Test(arguments: [
        ("", true), ("app=db", true), ("app=db,tier=back", true), ("app=web", false), ("app!=web", true), ("app in (web,db)", true),
        ("app notin (web,db)", false), ("missing notin (a)", true), ("app", true), ("!app", false), ("missing", false), ("!missing,app=db", true),
    ])
    func selectorsAreReadAsTheAPIServerReadsThem(selector: String, matches: Bool) {
        #expect(LabelSelector(selector).matches(["app": "db", "tier": "back"]) == matches)
    }

    private func wanted(_ object: JSONValue) -> WantedObject { WantedObject(object: object, place: TextPlace(file: "a.yaml", line: 1)) }

    @Test func kindsThatDoNotRunAreSkippedAndServicesLeaveTheirNames() {
        let deployment: JSONValue = [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "db"],
            "spec": ["template": ["metadata": ["labels": ["app": "db"]]]],
        ]
        func service(_ name: String, _ app: String) -> JSONValue {
            ["apiVersion": "v1", "kind": "Service", "metadata": ["name": .string(name)], "spec": ["selector": ["app": .string(app)]]]
        }
        let table: JSONValue = ["apiVersion": "example.com/v1", "kind": "Deployment", "metadata": ["name": "other"]]
        let (kept, skipped) = LocalKinds.select([deployment, service("names", "db"), service("others", "web"), table].map(wanted))
        #expect(kept.map(\.name) == ["db"])
        #expect(skipped.map { $0.object.name } == ["names", "others", "other"])
        let document = WorkloadDocument(object: kept[0].object, namespace: "n", values: ConfigurationValues(), filesDirectory: "/f")
        #expect(document.networkNames.filter { !$0.contains(".") } == ["db", "names"])
        #expect(document.networkNames.contains("names.n.svc.cluster.local"))
        for type in LocalKinds.types { #expect(LocalKinds.reasonToSkip(group: nil, kind: type.kind) == nil) }
    }

    @Test func namesThatLeadElsewhereAreRefused() {
        for name in ["../a", "", "A", "a/b", "-a"] {
            #expect(throws: LocalError.self) { try ObjectCheck.check(["kind": "Pod"], name: name, namespace: "n") }
        }
        #expect(throws: LocalError.self) { try ObjectCheck.check(["kind": "ConfigMap", "data": ["../x": "y"]], name: "a", namespace: "n") }
        #expect(throws: LocalError.self) { try ObjectCheck.check(["kind": "Secret", "data": ["x": "no base64!"]], name: "a", namespace: "n") }
    }

    @Test func aLogBeginsJustBeforeItsRun() {
        // Milliseconds may be rounded either way.
        #expect(Podman.justBefore("2026-11-26T01:41:57.014662640Z")?.hasPrefix("2026-11-26T01:41:56.91") == true)
        #expect(Podman.justBefore("0001-01-01T00:00:00Z") == nil)
    }
}
