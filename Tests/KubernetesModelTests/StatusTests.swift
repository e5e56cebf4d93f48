import Foundation
import KubernetesModel
import Testing

@Suite struct StatusTests {
    private func status(_ json: String) throws -> Status {
        try JSONDecoder().decode(Status.self, from: Data(json.utf8))
    }

    @Test func conflictAndAlreadyExistsShareACode() throws {
        let conflict = try status(#"{"kind":"Status","status":"Failure","reason":"Conflict","code":409}"#)
        let exists = try status(#"{"kind":"Status","status":"Failure","reason":"AlreadyExists","code":409}"#)
        #expect(conflict.isConflict && !conflict.isAlreadyExists)
        #expect(exists.isAlreadyExists && !exists.isConflict)
    }

    @Test(arguments: [#"{"code":410,"reason":"Expired"}"#, #"{"code":410,"reason":"Gone"}"#, #"{"code":410}"#])
    func tooOldIsGone(json: String) throws {
        #expect(try status(json).isGone)
    }

    @Test func forbiddenTellsQuotaAndTermination() throws {
        let quota = try status(#"{"reason":"Forbidden","code":403,"message":"pods \"a\" is forbidden: exceeded quota: q, requested: pods=1"}"#)
        #expect(quota.isForbidden && quota.isQuotaExceeded)
        let ending = try status(#"{"reason":"Forbidden","code":403,"message":"no","details":{"causes":[{"reason":"NamespaceTerminating"}]}}"#)
        #expect(ending.isNamespaceTerminating && !ending.isQuotaExceeded)
    }

    @Test func fieldConflictsAreNamed() throws {
        let conflict = try status(
            #"""
            {"reason":"Conflict","code":409,
             "details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"a\"","field":".data.x"}]}}
            """#)
        #expect(conflict.fieldConflicts.map(\.field) == [".data.x"])
    }
}
