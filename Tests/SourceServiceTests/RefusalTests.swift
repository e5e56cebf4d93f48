import Foundation
import NIOHTTP1
import ObjectStore
import Source
import SourceTransfer
import Testing

@testable import SourceService

@Suite struct RefusalTests {
    private let api = SourceAPI(namespace: "shop", environment: "app")
    private static let digest = Digest(hashing: Array("x".utf8))

    private func pack(_ text: String = "hello") throws -> Pack {
        var writer = PackWriter()
        try writer.append(Digest(hashing: Array(text.utf8)), Array(text.utf8))
        return try writer.finish()
    }

    private func tree(_ text: String = "hello", size: Int? = nil) throws -> SourceTree {
        let kind = SourceTree.Kind.file(executable: false, size: size ?? text.utf8.count, digest: Digest(hashing: Array(text.utf8)), chunks: [])
        return try SourceTree(entries: [.init(path: "a", kind: kind)])
    }

    private func expect(
        _ status: Int, _ request: TransferRequest, by service: TestService, token: String? = TestService.shopToken,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await service.send(request, token: token).status
        #expect(found == status, sourceLocation: sourceLocation)
    }

    @Test func onlyTheTokensNamespaceCanBeUsed() async throws {
        try await withService { service in
            let pack = try pack()
            let requests = [
                api.postTree(try Zstd.compress(try tree().canonical)), api.getTree(Self.digest), api.getPacks(of: Self.digest), api.putPack(pack),
                api.getPack(Self.digest),
            ]
            for request in requests {
                for (token, status) in [(nil, 401), ("", 401), ("garbage", 401), (TestService.unlucky, 503), (TestService.otherToken, 403)]
                    as [(String?, Int)]
                {
                    let (found, headers, body) = try await service.send(request, token: token)
                    #expect(found == status, "\(request.method) \(request.path) with \(token ?? "no token")")
                    let answer = try JSONDecoder().decode(StatusAnswer.self, from: body)
                    #expect(answer.code == status && answer.kind == "Status" && !answer.message.isEmpty)
                    #expect(headers.first(name: "X-Seaway-Api") == "v1")
                    #expect((headers.first(name: "Retry-After") != nil) == (status == 503))
                }
            }
            #expect(try await service.storedKeys() == [])
            #expect(!service.log.text.contains("secret-token"))
            #expect(service.log.text.contains("/v1/namespaces/shop"))
        }
    }

    @Test func theOtherHeaderCarriesTokensToo() async throws {
        try await withService { service in
            var request = api.getTree(Self.digest)
            request.headers["Authorization"] = "Bearer \(TestService.shopToken)"
            try await expect(404, request, by: service, token: nil)
            request.headers["Authorization"] = "Basic \(TestService.shopToken)"
            try await expect(401, request, by: service, token: nil)
        }
    }

    @Test func garbageIsRefusedAndNotStored() async throws {
        try await withService { service in
            let good = try pack()
            let canonical = try tree().canonical
            let base = "/v1/namespaces/shop/environments/app"
            func put(_ id: String, _ bytes: [UInt8]) -> TransferRequest {
                TransferRequest(method: "PUT", path: "\(base)/packs/\(id)", body: Data(bytes))
            }
            func named(_ bytes: [UInt8]) -> TransferRequest { put(Digest(hashing: bytes).hex, bytes) }
            let wrongChunk = try Zstd.compress(Self.digest.bytes + [0, 0, 0, 1] + Array("y".utf8))
            let bomb = try Zstd.compress([UInt8](repeating: 0, count: 64 << 20))
            let table: [(String, TransferRequest, Int)] = [
                ("another id", put(Self.digest.hex, good.bytes), 422), ("id in upper case", put(good.id.hex.uppercased(), good.bytes), 400),
                ("no id", put("xyz", good.bytes), 400), ("no bytes", named([]), 422), ("no pack", named(Array("garbage".utf8)), 422),
                ("cut pack", named(Array(good.bytes.dropLast())), 422), ("something behind", named(good.bytes + [0]), 422),
                ("wrong digest of a chunk", named(wrongChunk), 422), ("pack that is a bomb", named(bomb), 422),
                ("empty pack", named(try Zstd.compress([])), 422), ("too large a pack", named([UInt8](repeating: 0, count: Pack.largest + 1)), 413),
                ("no tree", api.postTree(Array("garbage".utf8)), 422), ("empty tree", api.postTree([]), 422),
                ("tree that is no tree", api.postTree(try Zstd.compress(Array("garbage".utf8))), 422),
                ("hostile tree", api.postTree(try Zstd.compress(Array("seaway-tree 1\0d ..\0".utf8))), 422),
                ("tree that is a bomb", api.postTree(bomb), 413),
                ("too large a tree", api.postTree([UInt8](repeating: 0, count: SourceAPI.largestTree + 1)), 413),
                ("unknown base", api.postTree(try Zstd.compress(canonical), base: Self.digest), 409), ("unknown tree", api.getTree(Self.digest), 404),
                ("packs of an unknown tree", api.getPacks(of: Self.digest), 404), ("unknown pack", api.getPack(Self.digest), 404),
                ("no revision", TransferRequest(method: "GET", path: "\(base)/trees/..%2F..%2Fx"), 400),
                ("unknown route", TransferRequest(method: "GET", path: "/v1/nothing"), 404),
                (
                    "environment that is no label",
                    TransferRequest(method: "GET", path: "/v1/namespaces/shop/environments/A_b/trees/\(Self.digest.hex)"), 400
                ),
                (
                    "environment with a slash",
                    TransferRequest(method: "GET", path: "/v1/namespaces/shop/environments/..%2Fother/trees/\(Self.digest.hex)"), 400
                ),
                (
                    "environment of dots", TransferRequest(method: "GET", path: "/v1/namespaces/shop/environments/%2E%2E/trees/\(Self.digest.hex)"),
                    400
                ),
                (
                    "namespace of another case",
                    TransferRequest(method: "GET", path: "/v1/namespaces/Shop/environments/app/trees/\(Self.digest.hex)"), 400
                ),
            ]
            for (what, request, status) in table {
                let (found, _, body) = try await service.send(request)
                #expect(found == status, "\(what): \(String(decoding: body, as: UTF8.self))")
                #expect((try? JSONDecoder().decode(StatusAnswer.self, from: body))?.code == found, "\(what)")
            }
            #expect(try await service.storedKeys() == [])

            // And what is right is taken after all of it, once.
            let missing = try await service.send(api.postTree(try Zstd.compress(canonical)))
            let answer = try JSONDecoder().decode(TreeAnswer.self, from: missing.body)
            #expect(answer.missing == good.chunks.map(\.digest))
            #expect(try await service.storedKeys() == [])
            try await expect(201, api.putPack(good), by: service)
            try await expect(200, api.putPack(good), by: service)
            let wrongSize = try Zstd.compress(try tree(size: 6).canonical)
            try await expect(422, api.postTree(wrongSize), by: service)
            let stored = try await service.send(api.postTree(try Zstd.compress(canonical)))
            #expect(try JSONDecoder().decode(TreeAnswer.self, from: stored.body).missing.isEmpty)
            let head = TransferRequest(method: "HEAD", path: "\(base)/trees/\(answer.revision.hex)")
            try await expect(200, head, by: service)
            // The pack, its index, the tree and the history.
            #expect(try await service.storedKeys().count == 4)
        }
    }

    /// Paths that would leave the directory which a build unpacks them into, or mean something else there.
    @Test func hostileTreesAreRefusedAndNotStored() async throws {
        let file = Array("seaway-tree 1\0f 5 \(Digest(hashing: Array("hello".utf8)).hex) ".utf8)
        let paths: [(String, [UInt8])] = [
            ("parent", Array("..".utf8)), ("parent within", Array("a/../../b".utf8)), ("itself", Array(".".utf8)),
            ("absolute", Array("/etc/passwd".utf8)), ("two slashes", Array("a//b".utf8)), ("a slash at the end", Array("a/".utf8)), ("empty", []),
            ("NUL", [0x61, 0, 0x62]), ("no UTF-8", [0x61, 0xFF]), ("half a letter", [0xC3]), ("a letter in too many bytes", [0xC0, 0xAE]),
            ("half of a pair", [0xED, 0xA0, 0x80]), ("too long", [UInt8](repeating: 0x61, count: 5000)),
        ]
        let links = ["/etc/passwd", "..", "a/../../b", ""].map { ("link to '\($0)'", Array("seaway-tree 1\0l a\0t \($0)\0".utf8)) }
        try await withService { service in
            let trees = paths.map { ($0, file + $1 + [0]) } + links
            for (what, tree) in trees {
                let (status, _, body) = try await service.send(api.postTree(try Zstd.compress(tree)))
                #expect(status == 422, "\(what): \(String(decoding: body, as: UTF8.self))")
            }
            #expect(try await service.storedKeys() == [])
            // The same with a path that is good is understood.
            let good = try await service.send(api.postTree(try Zstd.compress(file + Array("a\0".utf8))))
            #expect(good.status == 200)
        }
    }

    @Test(arguments: [true, false]) func health(_ isReady: Bool) async throws {
        try await withService(isReady: isReady) { service in
            try await expect(200, TransferRequest(method: "GET", path: "/healthz"), by: service, token: nil)
            try await expect((isReady ? 200 : 503), TransferRequest(method: "GET", path: "/readyz"), by: service, token: nil)
        }
    }

    @Test(arguments: ["", "A", "a.b", "-a", "a-", "a/b", "..", "a_b", "a b", "é", String(repeating: "a", count: 64)])
    func namesAreLabels(_ name: String) {
        #expect(throws: SourceStoreError.self) { try ObjectName(namespace: name, name: "app") }
        #expect(throws: SourceStoreError.self) { try ObjectName(namespace: "shop", name: name) }
    }
}
