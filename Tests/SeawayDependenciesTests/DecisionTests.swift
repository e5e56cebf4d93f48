import Foundation
import KubernetesModel
import SeawayAPI
import Testing

@testable import SeawayDependencies

struct DecisionTests {
    private let set = ApplySet(namespace: "dev", application: "shop", environment: "dev", dependency: "db")

    private func decide(_ kind: String, _ metadata: JSONValue?, extra: JSONValue = [:], adopt: Bool = false) -> ApplyDecision {
        let wanted = WantedObject(object: ["apiVersion": "v1", "kind": .string(kind), "metadata": extra], place: TextPlace(file: "f", line: 1))
        let identity = ObjectIdentity(group: "", kind: kind, namespace: nil, name: "a")
        return .make(wanted, identity, present: metadata.map { PresentObject(metadata: $0) }, set: set, adopt: adopt)
    }

    @Test func onlyWhatIsOursIsTouched() {
        let ours: JSONValue = ["labels": [ApplySet.partOfLabel: .string(set.id)]]
        #expect(decide("ConfigMap", nil) == .apply)
        #expect(decide("ConfigMap", ours) == .apply)
        #expect(decide("ConfigMap", [:], adopt: true) == .adopt)
        for metadata in [[:], ["deletionTimestamp": "2026"], ["labels": [ApplySet.partOfLabel: "applyset-x-v1"]]] as [JSONValue] {
            guard case .refuse = decide("ConfigMap", metadata) else {
                Issue.record("\(metadata)")
                continue
            }
        }
        guard case .refuse = decide("ConfigMap", ["labels": [ApplySet.partOfLabel: "applyset-x-v1"]], adopt: true) else {
            Issue.record("other set")
            return
        }
        #expect(decide("Namespace", [:], extra: ["name": "a"]) == .leave)
        #expect(decide("Namespace", [:], extra: ["labels": ["a": "b"]], adopt: true) == .adopt)
    }

    /// The identifier of a parent `shop-dev-deps-db` in `dev`, computed by `sha256sum | xxd | base64` by hand.
    @Test func theSetIsRememberedByItsParent() throws {
        var set = set
        set.kinds = [GroupKind(group: "", kind: "Secret"), GroupKind(group: "apps", kind: "Deployment")]
        set.namespaces = ["dev", "other"]
        let parent = set.parent()
        #expect(parent["metadata"]?["annotations"]?["applyset.kubernetes.io/contains-group-kinds"] == "Deployment.apps,Secret")
        #expect(parent["metadata"]?["annotations"]?["applyset.kubernetes.io/additional-namespaces"] == "other")
        // Computed with sha256sum and base64 from `shop-dev-deps-db.dev.ConfigMap.`, as the specification says.
        #expect(set.id == "applyset--eRg7W65TEWPmSKuhuTGMs5xIHL_ZOednjqLN9pOkkQ-v1")
        #expect(ApplySet(parent: parent, application: "shop", environment: "dev") == set)
        // Of the same name, and another's.
        var twin = ApplySet(namespace: "dev", application: "shop-dev", environment: "deps", dependency: "db")
        let others = ApplySet(namespace: "dev", application: "shop", environment: "dev-deps", dependency: "db")
        #expect(twin.id == others.id)
        #expect(throws: DependencyProblem.self) { try twin.remember(others.parent()) }
        var foreign = parent
        foreign["metadata"]?["annotations"]?["applyset.kubernetes.io/tooling"] = "kubectl/v1.31"
        #expect(throws: DependencyProblem.self) {
            var copy = self.set
            try copy.remember(foreign)
        }
    }

    @Test func aSecretsTextsBecomeItsData() {
        let object: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "a", "uid": "x"], "stringData": ["k": "v"], "status": [:],
        ]
        let member = set.member(object, namespace: "dev", isAdopted: false)
        #expect(member["data"] == ["k": .string(Data("v".utf8).base64EncodedString())])
        #expect(member["stringData"] == nil && member["status"] == nil && member["metadata"]?["uid"] == nil)
    }

    @Test func portsGetTheirProtocol() {
        let service: JSONValue = [
            "apiVersion": "v1", "kind": "Service", "metadata": [:], "spec": ["ports": [["port": 80], ["port": 53, "protocol": "UDP"]]],
        ]
        let ports = set.member(service, namespace: "dev", isAdopted: false)["spec"]?["ports"]
        #expect(ports == [["port": 80, "protocol": "TCP"], ["port": 53, "protocol": "UDP"]])
    }

    @Test func kubectlsFieldsAreTakenOver() throws {
        let fields: JSONValue = [
            ["manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "fieldsV1": ["f:data": ["f:a": [:]]]],
            ["manager": "kubectl", "operation": "Apply", "apiVersion": "v1", "fieldsV1": ["f:data": ["f:b": [:]]]],
            ["manager": "kube-controller-manager", "operation": "Update", "fieldsV1": ["f:status": [:]]],
        ]
        let taken = try #require(FieldOwnership.takenOver(fields, by: "me")?.arrayValue)
        #expect(taken.compactMap { $0["manager"]?.stringValue } == ["kube-controller-manager", "me"])
        #expect(taken.last?["operation"] == "Apply" && taken.last?["fieldsV1"] == ["f:data": ["f:a": [:], "f:b": [:]]])
        #expect(FieldOwnership.takenOver([["manager": "helm", "operation": "Update"]], by: "me") == nil)
    }

    @Test func namespacesAndDefinitionsStayWhileUsed() {
        let namespace = ObjectIdentity(group: "", kind: "Namespace", namespace: nil, name: "n")
        let web = ObjectIdentity(group: "apps", kind: "Deployment", namespace: "n", name: "web")
        let present = PresentObject(metadata: [:])
        #expect(RemovalDecision.make(namespace, present, others: []) == .remove)
        #expect(RemovalDecision.make(namespace, present, others: [web]) == .keep("others use it: Deployment n/web"))
        #expect(RemovalDecision.make(namespace, present, others: nil) != .remove)
        #expect(
            RemovalDecision.make(namespace, PresentObject(metadata: ["annotations": [ApplySet.adoptedAnnotation: "true"]]), others: []) != .remove)
        #expect(RemovalDecision.make(web, present, others: nil) == .remove)
        let uses = { (kind: String, name: String, metadata: JSONValue) in
            RemovalDecision.isUse(ObjectIdentity(group: "", kind: kind, namespace: "n", name: name), metadata, of: set)
        }
        #expect(!uses("ServiceAccount", "default", [:]) && uses("ServiceAccount", "mine", [:]) && !uses("ConfigMap", "kube-root-ca.crt", [:]))
        #expect(!uses("Pod", "p", ["ownerReferences": [["kind": "Job"]]]) && uses("Pod", "p", [:]))
        #expect(!uses("ConfigMap", "m", ["labels": [ApplySet.partOfLabel: .string(set.id)]]))
    }

    @Test func phasesAndDuplicates() {
        let kinds = [GroupKind(group: "apps", kind: "Deployment"), .customResourceDefinition, GroupKind(group: "", kind: "Secret"), .namespace]
        #expect(phased(kinds) { $0 }.map { $0.map(\.kind) } == [["Namespace"], ["CustomResourceDefinition"], ["Secret"], ["Deployment"]])
        let identity = ObjectIdentity(group: "", kind: "Secret", namespace: "n", name: "a")
        let twice = duplicates([(identity, TextPlace(file: "f", line: 1)), (identity, TextPlace(file: "g", line: 2))])
        #expect(twice.map(\.description) == ["g:2: a second Secret n/a, the first is at f:1"])
    }

    @Test func differencesMaskSecrets() {
        let before: JSONValue = ["kind": "Secret", "data": ["a": "one", "b": "same", "c": "gone"]]
        let after: JSONValue = ["kind": "Secret", "data": ["a": "two", "b": "same", "d": "new"]]
        let lines = ObjectDifference.lines(before, after)
        #expect(lines.contains("-   a: *** (before)") && lines.contains("+   a: *** (after)"))
        #expect(!lines.contains { line in ["one", "two", "same", "gone", "new"].contains { line.contains($0) } }, "\(lines)")
        #expect(ObjectDifference.lines(before, before) == [])
    }
}

struct ReadinessTests {
    private func judge(_ group: String, _ kind: String, _ object: JSONValue, pods: [JSONValue] = [], endpoints: JSONValue? = nil) -> WaitVerdict {
        var object = object
        object["kind"] = .string(kind)
        return WaitGoal.ready.judge(GroupKind(group: group, kind: kind), WaitObserved(object: object, pods: pods, endpoints: endpoints))
    }

    @Test func workloads() {
        let ready: JSONValue = ["observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1]
        #expect(judge("apps", "Deployment", ["metadata": ["generation": 2], "status": ready]) == .met)
        #expect(
            judge("apps", "Deployment", ["metadata": ["generation": 3], "status": ready]) == .pending("its controller has not seen the change yet"))
        #expect(judge("apps", "Deployment", ["metadata": ["generation": 1]]) == .pending("its controller has not seen it yet"))
        var old = ready
        old["replicas"] = 2
        #expect(judge("apps", "Deployment", ["metadata": ["generation": 2], "status": old]) == .pending("1 old pods still to end"))
        #expect(
            judge("apps", "StatefulSet", ["metadata": ["generation": 2], "spec": ["replicas": 2], "status": ready]) == .pending("1 of 2 pods ready"))
        #expect(
            judge("batch", "Job", ["status": ["conditions": [["type": "Failed", "status": "True", "reason": "Late"]]]])
                == .failed(reason: "Late", log: nil))
        #expect(judge("batch", "Job", ["status": ["conditions": [["type": "Complete", "status": "True"]]]]) == .met)
    }

    @Test func others() {
        #expect(judge("", "PersistentVolumeClaim", ["status": ["phase": "Bound"]]) == .met)
        #expect(judge("", "PersistentVolumeClaim", ["status": ["phase": "Lost"]]) == .failed(reason: "its phase is Lost", log: nil))
        let service: JSONValue = ["spec": ["selector": ["a": "b"]]]
        #expect(judge("", "Service", service) == .pending("no pod is behind it"))
        #expect(judge("", "Service", service, endpoints: ["subsets": [["addresses": [["ip": "1"]]]]]) == .met)
        #expect(judge("", "Service", ["spec": ["type": "LoadBalancer"]]) == .pending("has no address of a load balancer yet"))
        #expect(judge("x.io", "Thing", ["status": ["conditions": [["type": "Ready", "status": "True"]]]]) == .met)
        let behind: JSONValue = [
            "metadata": ["generation": 2], "status": ["conditions": [["type": "Ready", "status": "True", "observedGeneration": 1]]],
        ]
        #expect(judge("x.io", "Thing", behind) != .met)
        // A status of an earlier generation tells nothing, whoever writes it.
        let ready: JSONValue = [
            "metadata": ["generation": 2],
            "status": [
                "observedGeneration": 1, "phase": "Running",
                "conditions": [
                    ["type": "Ready", "status": "True"], ["type": "Available", "status": "True"], ["type": "Established", "status": "True"],
                ],
            ],
        ]
        for (group, kind) in [
            ("x.io", "Thing"), ("", "Pod"), ("apiregistration.k8s.io", "APIService"), ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ] {
            #expect(judge(group, kind, ready) == .pending("its controller has not seen the change yet"), "\(kind)")
            let condition = WaitGoal.condition("Ready", value: "True").judge(GroupKind(group: group, kind: kind), WaitObserved(object: ready))
            #expect(condition == .pending("its controller has not seen the change yet"), "\(kind)")
        }
        #expect(judge("x.io", "Thing", [:]) != .met)
        #expect(judge("", "Secret", [:]) == .met)
    }

    @Test func missingIsNoSkip() {
        let kind = GroupKind(group: "", kind: "Secret")
        #expect(WaitGoal.ready.judge(kind, WaitObserved(object: nil)) == .missing)
        #expect(WaitGoal.condition("A", value: "True").judge(kind, WaitObserved(object: nil)) == .missing)
        #expect(WaitGoal.deleted.judge(kind, WaitObserved(object: nil)) == .met)
        #expect(WaitGoal.exists.judge(kind, WaitObserved(object: nil)) == .pending("is not there yet"))
    }

    @Test func podsEndTheWaitOrExplainIt() {
        func pod(_ state: JSONValue) -> JSONValue {
            [
                "metadata": ["name": "p", "namespace": "n"],
                "status": ["containerStatuses": [["name": "c", "image": "i", "state": state, "lastState": ["terminated": ["exitCode": 3]]]]],
            ]
        }
        let object: JSONValue = ["metadata": ["generation": 1], "status": ["observedGeneration": 1]]
        let crash = judge("apps", "Deployment", object, pods: [pod(["waiting": ["reason": "CrashLoopBackOff"]])])
        let log = WaitVerdict.PodLog(pod: "p", namespace: "n", container: "c", previous: true)
        #expect(crash == .failed(reason: "pod p: container c crashes again and again (exit code 3)", log: log))
        let missing = judge("apps", "Deployment", object, pods: [pod(["waiting": ["reason": "CreateContainerConfigError", "message": "no secret"]])])
        #expect(missing == .pending("0 of 1 pods updated; pod p: container c: CreateContainerConfigError: no secret"))
        #expect(judge("apps", "Deployment", object, pods: [pod(["waiting": ["reason": "ContainerCreating"]])]) == .pending("0 of 1 pods updated"))
    }

    @Test func podsOfAnEarlierVersionAreToldApart() {
        func pod(_ labels: JSONValue) -> JSONValue {
            [
                "metadata": ["name": "p", "namespace": "n", "labels": labels],
                "status": ["containerStatuses": [["name": "c", "state": ["waiting": ["reason": "CrashLoopBackOff"]]]]],
            ]
        }
        func isPresent(_ labels: JSONValue, _ kind: String, _ object: JSONValue) -> Bool {
            PodSelector.isOfPresentVersion(pod(labels), of: GroupKind(group: "apps", kind: kind), object)
        }
        // As objects stand in a list of the API server: without their kind.
        let daemons: JSONValue = ["metadata": ["annotations": ["deprecated.daemonset.template.generation": "2"]]]
        #expect(!isPresent(["pod-template-generation": "1"], "DaemonSet", daemons))
        #expect(isPresent(["pod-template-generation": "2"], "DaemonSet", daemons))
        let set: JSONValue = [
            "metadata": ["generation": 2], "status": ["observedGeneration": 2, "updateRevision": "b", "currentRevision": "a"],
        ]
        #expect(isPresent(["controller-revision-hash": "b"], "StatefulSet", set))
        guard case .failed(let reason, _) = judge("apps", "StatefulSet", set, pods: [pod(["controller-revision-hash": "a"])]) else {
            Issue.record("a StatefulSet waits for ever for such a pod")
            return
        }
        #expect(reason.hasSuffix("`kubectl delete pod p` makes way"))
        // Behind a Service there may be others.
        let service: JSONValue = ["spec": ["selector": ["app": "web", "tier": "a"]]]
        #expect(PodSelector.text(.service, service) == "app=web,tier=a" && PodSelector.text(.service, ["spec": [:]]) == nil)
        guard case .failed = judge("", "Service", service, pods: [pod([:])]) else {
            Issue.record("no pod of it will ever be ready")
            return
        }
        let starting: JSONValue = ["metadata": ["name": "q"], "status": ["containerStatuses": []]]
        #expect(
            judge("", "Service", service, pods: [pod([:]), starting])
                == .pending("no pod is behind it; pod p: container c crashes again and again ()"))
    }
}
