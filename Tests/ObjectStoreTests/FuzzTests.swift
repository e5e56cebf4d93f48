import Fuzzing
import NIOHTTP1
import Testing

@testable import ObjectStore

/// An S3's answers, damaged at random: refused with an error of ours, or read.
@Suite struct FuzzTests {
    @Test func listingsAreRefusedOrRead() {
        let listing = """
            <?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>
            <Contents><Key>a/b&amp;c</Key><Size>3</Size></Contents><Contents><Key>ü</Key></Contents>
            <NextContinuationToken>t</NextContinuationToken></ListBucketResult>
            """
        var mutator = ByteMutator(
            seed: 0x5EA_21,
            tokens: ["<", ">", "</", "&", "&#0;", "&x;", "<![CDATA[", "<!--", "<Contents><Key>", "<?", "<!DOCTYPE a [<!ENTITY x \"y\">]>", "]]>"])
        var read = 0
        var refused = 0
        for _ in 0..<ByteMutator.rounds(5_000) {
            do {
                let page = try S3Listing(mutator.damage(listing.utf8))
                #expect(page.continuation?.isEmpty != true)
                read += 1
            } catch {
                #expect(error.code == .invalidResponse)
                refused += 1
            }
        }
        #expect(read > 100 && refused > 1_000, "both sides are met: \(read), \(refused)")
    }

    @Test func refusalsAreRead() {
        let refusal = """
            <?xml version="1.0" encoding="UTF-8"?><Error><Code>AuthorizationHeaderMalformed</Code>
            <Message>the region is wrong</Message><Region>eu-west-1</Region><RequestId>1</RequestId></Error>
            """
        var mutator = ByteMutator(seed: 0x5EA_22, tokens: ["<", ">", "</", "&", "&#0;", "<Code>", "</Code>", "<![CDATA[", "<Error>"])
        var read = 0
        for _ in 0..<ByteMutator.rounds(5_000) {
            let answer = S3Answer(status: 400, headers: [:], body: mutator.damage(refusal.utf8))
            #expect(!answer.isSuccess)
            #expect(answer.region(besides: "us-east-1").map(S3Configuration.isRegion) ?? true)
            if answer.code == "AuthorizationHeaderMalformed" { read += 1 }
        }
        #expect(read > 500)
    }

    /// Entities that stand for ten of the level below, and files of this machine.
    @Test func entitiesAreNotExpandedWithoutBound() {
        var entities = "<!ENTITY e0 \"0123456789\">"
        for level in 1...12 {
            entities += "<!ENTITY e\(level) \"\(String(repeating: "&e\(level - 1);", count: 10))\">"
        }
        let bomb = "<!DOCTYPE a [\(entities)]><ListBucketResult><IsTruncated>&e12;</IsTruncated></ListBucketResult>"
        #expect(throws: ObjectStoreError.self) {
            let page = try S3Listing(Array(bomb.utf8))
            // Left out altogether is right, too.
            if page.keys.isEmpty { throw ObjectStoreError(.invalidResponse, "nothing was expanded") }
        }
        let file = """
            <!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
            <ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>&x;</Key></Contents></ListBucketResult>
            """
        #expect((try? S3Listing(Array(file.utf8)))?.keys.allSatisfy(\.isEmpty) ?? true)
    }

    @Test func deepAnswersAreRefused() {
        let depth = 200_000
        let deep = String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        #expect(throws: ObjectStoreError.self) { try S3Listing(Array(deep.utf8)) }
    }
}
