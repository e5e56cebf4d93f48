import Foundation
import KubernetesModel
import Testing

/// What the API server sends becomes the objects that Seaway reads.
@Suite struct DecodingTests {
    private func decode<T: Decodable>(_ json: String, as type: T.Type = T.self) throws -> T {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    @Test func aCrashingPodTellsWhy() throws {
        let pod: Pod = try decode(
            #"""
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"dev","uid":"u","resourceVersion":"7","creationTimestamp":"2026-01-02T03:04:05Z"},
             "spec":{"nodeName":"n1","containers":[{"name":"app","image":"i:1","ports":[{"containerPort":80}]}]},
             "status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"False","reason":"ContainersNotReady","lastProbeTime":null,"lastTransitionTime":"2026-01-02T03:04:05Z"}],
              "containerStatuses":[{"name":"app","image":"i:1","imageID":"i@sha256:00","ready":false,"started":false,"restartCount":3,
                "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
                "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","startedAt":"2026-01-02T03:04:05Z","finishedAt":"2026-01-02T03:04:06Z","containerID":"c"}}}]}}
            """#)
        #expect(pod.key == ObjectKey(namespace: "dev", name: "web"))
        let container = try #require(pod.status?.containerStatuses?.first)
        #expect(container.state?.waiting?.reason == "CrashLoopBackOff")
        #expect(container.lastState?.terminated?.exitCode == 137)
        #expect(container.restartCount == 3)
        #expect(pod.status?.conditions?[type: "Ready"]?.isTrue == false)
        #expect(pod.spec?.containers?.first?.image == "i:1")
    }

    @Test func objectsMayLackEverythingButMetadata() throws {
        _ = try decode(#"{"metadata":{"name":"a"}}"#, as: Pod.self)
        _ = try decode(#"{"metadata":{"name":"a"},"status":{}}"#, as: Job.self)
        _ = try decode(#"{"metadata":{"name":"a"},"spec":{"template":{"metadata":{"creationTimestamp":null}}},"status":{}}"#, as: Deployment.self)
        _ = try decode(#"{"metadata":{"name":"a"},"spec":{},"status":{"loadBalancer":{}}}"#, as: Ingress.self)
        _ = try decode(#"{"metadata":{"name":"a"}}"#, as: Endpoints.self)
        _ = try decode(#"{"metadata":{"name":"a"}}"#, as: Lease.self)
        _ = try decode(#"{"metadata":{"name":"a"},"firstTimestamp":null,"source":{}}"#, as: Event.self)
    }

    @Test func secretDataIsDecoded() throws {
        let secret: Secret = try decode(#"{"metadata":{"name":"a"},"type":"Opaque","data":{"key":"aGk="}}"#)
        #expect(secret.data?["key"] == Data("hi".utf8))
    }

    @Test func servicesIngressesAndClasses() throws {
        let service: Service = try decode(
            #"""
            {"metadata":{"name":"a"},
             "spec":{"type":"NodePort","clusterIP":"10.96.0.2","ports":[{"port":80,"targetPort":"http","nodePort":30080,"protocol":"TCP"}]},
             "status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}}
            """#)
        #expect(service.spec?.ports?.first?.targetPort == "http")
        #expect(service.status?.loadBalancer?.ingress?.first?.ip == "1.2.3.4")
        let ingress: Ingress = try decode(
            #"""
            {"metadata":{"name":"a"},"spec":{"ingressClassName":"x","rules":[{"host":"a.test","http":{"paths":[]}}]},
             "status":{"loadBalancer":{"ingress":[{"hostname":"lb"}]}}}
            """#)
        #expect(ingress.spec?.rules?.first?.host == "a.test")
        let storage: StorageClass = try decode(
            #"{"metadata":{"name":"a","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"p"}"#)
        #expect(storage.isDefault)
    }

    @Test func leasesKeepMicroseconds() throws {
        let lease: Lease = try decode(#"{"metadata":{"name":"a"},"spec":{"renewTime":"2026-01-02T03:04:05.123456Z","holderIdentity":"x"}}"#)
        let time = try #require(lease.spec?.renewTime)
        #expect(abs(time.timestamp.date.timeIntervalSince1970 - 1_767_323_045.123456) < 0.000_01)
        let whole = MicroTimestamp(Timestamp(Date(timeIntervalSince1970: 0)))
        #expect(try JSONValue(encoding: [whole]) == ["1970-01-01T00:00:00.000000Z"])
    }

    @Test func oneOddObjectDoesNotHideTheOthers() throws {
        let list: List<Pod> = try decode(
            #"""
            {"metadata":{"resourceVersion":"9","continue":"t"},
             "items":[{"metadata":{"name":"a"}},
                      {"metadata":{"name":"b","namespace":"n","resourceVersion":"8"},"status":{"phase":5}},
                      {"metadata":{"name":"c"}}]}
            """#)
        #expect(list.items.map(\.name) == ["a", "c"])
        #expect(
            list.undecodable == [
                UndecodableObject(key: ObjectKey(namespace: "n", name: "b"), resourceVersion: "8", reason: "items[1].status.phase is no String")
            ])
        #expect(list.metadata.continue == "t")
        #expect(list.resourceVersion == "9")
        #expect(try decode(#"{"metadata":{},"items":null}"#, as: List<Pod>.self).items.isEmpty)
    }

    @Test func watchEvents() throws {
        func event(_ line: String) throws -> WatchEvent<ConfigMap> { try WatchEvent(line: Data(line.utf8)) }
        let a = ConfigMap(metadata: ObjectMeta(name: "a", resourceVersion: "3"), data: ["x": "y"])
        let object = #"{"metadata":{"name":"a","resourceVersion":"3"},"data":{"x":"y"}}"#
        #expect(try event(#"{"type":"ADDED","object":\#(object)}"#) == .added(a))
        #expect(try event(#"{"type":"MODIFIED","object":\#(object)}"#) == .modified(a))
        #expect(try event(#"{"object":\#(object),"type":"DELETED"}"#) == .deleted(a))
        let bookmark = try event(#"{"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"12"}}}"#)
        #expect(bookmark == .bookmark(resourceVersion: "12"))
        guard case .error(let status) = try event(#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#) else {
            Issue.record("no error")
            return
        }
        #expect(status.isGone)
        let odd = try event(#"{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"4"},"data":7}}"#)
        guard case .undecodable(let what, let deleted) = odd else {
            Issue.record("not undecodable")
            return
        }
        #expect(what.key?.name == "a" && what.resourceVersion == "4" && !deleted)
        #expect(throws: DecodingError.self) { try event(#"{"type":"OTHER","object":{}}"#) }
        #expect(throws: DecodingError.self) { try event("<html>") }
    }

    @Test func discoveryFindsAKind() throws {
        let list: APIResourceList = try decode(
            #"""
            {"kind":"APIResourceList","groupVersion":"g.io/v2","resources":[
              {"name":"things/status","singularName":"","namespaced":true,"kind":"Thing","verbs":[]},
              {"name":"things","singularName":"","namespaced":false,"kind":"Thing","verbs":[]}]}
            """#)
        #expect(list.resourceType(kind: "Thing") == ResourceType(group: "g.io", version: "v2", plural: "things", kind: "Thing", namespaced: false))
        #expect(list.resourceType(kind: "Other") == nil)
    }
}
