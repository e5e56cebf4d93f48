import Foundation
import Source
import Synchronization
import Testing

@testable import SourceService
@testable import SourceTransfer

@Suite struct RoundTripTests {
    /// A tree with everything that can be in one; made by other tools.
    private func makeSources(_ root: String) throws {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try shell(
            #"""
            mkdir -p app/sub empty 'odd names' deep/a/b/c/d/e .git node_modules
            printf 'print(1)\n' > app/main.py
            printf '#!/bin/sh\necho hi\n' > app/run.sh; chmod 755 app/run.sh
            head -c 9437185 /dev/urandom > big.bin
            head -c 4194304 /dev/zero > zeros.bin
            head -c 4194305 /dev/zero > zeros-and-one.bin
            : > nothing
            printf x > "odd names/new
            line"
            printf x > 'odd names/dollar$HOME'; printf x > 'odd names/-rf'; printf y > "odd names/quote'\""
            printf z > "odd names/$(printf '\303\251')"; printf z > "odd names/$(printf 'e\314\201')"; printf z > 'odd names/日本'
            printf e > 'odd names/😀'; printf b > 'odd names/back\slash'; printf s > 'odd names/ spaces '; printf t > "odd names/$(printf 'a\tb')"
            printf g > 'odd names/*?['; mkdir 'odd names/😀 dir'; ln -s '../back\slash' 'odd names/😀 dir/link'
            ln -s main.py app/link; ln -s ../app deep/dirlink; ln -s nowhere dangling; ln -s . deep/self
            i=0; while [ $i -lt 300 ]; do printf 'file %s\n' $i > app/sub/f$i.txt; i=$((i+1)); done
            cp app/main.py deep/a/b/c/d/e/copy.py
            chmod -R u=rwX,go=rX .
            printf secret > .git/config; printf x > node_modules/x
            """#, in: root)
    }

    /// Fails when two directories differ in names, kinds, modes, contents or link targets, as GNU's tools see them.
    private func expectSame(_ left: String, _ right: String) throws {
        try shell("diff -r --no-dereference -x .git -x node_modules '\(left)' '\(right)'", in: "/")
        let listing = "find . \\( -name .git -o -name node_modules \\) -prune -o -mindepth 1 -printf '%y %m %P -> %l\\n' | sort"
        #expect(try shell(listing, in: left) == shell(listing, in: right))
        let archive =
            "tar --exclude=./.git --exclude=./node_modules --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . | sha256sum"
        #expect(try shell(archive, in: left) == shell(archive, in: right))
    }

    private func scan(_ root: String, cacheFile: String? = nil) async throws -> SourceScan {
        try await SourceScanner.scan(root: root, selection: try Selection(), cacheFile: cacheFile)
    }

    @Test(.timeLimit(.minutes(10))) func whatArrivesIsWhatWasSent() async throws {
        try await withService { service in
            let (source, target) = ("\(service.directory)/source", "\(service.directory)/target")
            try makeSources(source)
            let scan = try await scan(source)
            let progress = Mutex<[UploadProgress]>([])
            let summary = try await service.uploader().upload(scan) { step in progress.withLock { $0.append(step) } }
            #expect(summary.revision == scan.tree.revision)
            #expect(summary.files == scan.tree.fileCount)
            #expect(summary.chunksSent == scan.files.count)
            // Zeros are sent once and compressed; random bytes are not compressed.
            #expect((9_437_185..<9_700_000).contains(summary.bytesSent))
            let steps = progress.withLock { $0 }
            #expect(steps.map(\.bytesSent).max() == steps.first?.bytesTotal)
            #expect(steps.map(\.filesSent).max() == scan.files.count)

            let name = try ObjectName(namespace: "shop", name: "app")
            #expect(try await service.store.contains(environment: name, revision: scan.tree.revision))
            let fetched = try await service.fetcher().fetch(revision: scan.tree.revision, into: target)
            #expect(fetched.files == scan.tree.fileCount)
            try expectSame(source, target)
            #expect(try shell("find . -name .git -o -name node_modules", in: target).isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(10))) func aChangedLineSendsOneChunk() async throws {
        try await withService { service in
            let (source, cache) = ("\(service.directory)/source", "\(service.directory)/cache")
            try makeSources(source)
            let recorder = RequestRecorder()
            let uploader = service.uploader(transport: recorder.recording(service.transport))
            _ = try await uploader.upload(try await scan(source, cacheFile: cache))

            recorder.forget()
            let again = try await uploader.upload(try await scan(source, cacheFile: cache))
            #expect(again.chunksSent == 0)
            #expect(recorder.requests.map(\.method) == ["POST"])
            #expect(again.bytesSent < 100)

            recorder.forget()
            try shell("printf 'print(2)\\n' > app/main.py", in: source)
            let scan = try await scan(source, cacheFile: cache)
            let summary = try await uploader.upload(scan)
            #expect(summary.chunksSent == 1)
            #expect(recorder.requests.map(\.method) == ["POST", "PUT", "POST"])
            let pack = try #require(recorder.requests[1].body)
            #expect(try PackReader.check(Array(pack)) == [.init(digest: Digest(hashing: Array("print(2)\n".utf8)), length: 9)])
            // The list of 310 files travels as the difference to the last one.
            #expect(summary.bytesSent < 600)
            #expect(summary.requests == 3)

            try await service.fetcher().fetch(revision: scan.tree.revision, into: "\(service.directory)/target")
            try expectSame(source, "\(service.directory)/target")
        }
    }

    @Test func aTreeWhoseBaseIsUnknownTravelsInFull() async throws {
        try await withService { service in
            let (source, cache) = ("\(service.directory)/source", "\(service.directory)/cache")
            try shell("mkdir source; echo 1 > source/a", in: service.directory)
            _ = try await service.uploader().upload(try await scan(source, cacheFile: cache))
            let recorder = RequestRecorder()
            let other = service.uploader("second", transport: recorder.recording(service.transport))
            let summary = try await other.upload(try await scan(source, cacheFile: cache))
            #expect(summary.chunksSent == 1)
            #expect(recorder.requests.map { $0.headers[SourceAPI.baseHeader] != nil } == [true, false, false, false])
            try await service.fetcher("second").fetch(revision: summary.revision, into: "\(service.directory)/target")
        }
    }

    /// The line breaks after two packs: what arrived is not sent again.
    @Test func anUploadThatBrokeOffGoesOn() async throws {
        try await withService { service in
            let source = "\(service.directory)/source"
            try shell("mkdir source; for i in 1 2 3 4 5 6 7 8 9; do head -c 5000000 /dev/urandom > source/f$i; done", in: service.directory)
            let scan = try await scan(source)
            let arrived = RequestRecorder()
            let count = Mutex(0)
            let breaking = service.uploader(transport: { request in
                let number = count.withLock { count in
                    if request.method == "PUT" { count += 1 }
                    return count
                }
                if request.method == "PUT", number > 2 {
                    // Others are under way; the line breaks when the first two have arrived.
                    while try arrived.chunks().count < 2 { try await Task.sleep(for: .milliseconds(10)) }
                    throw TransferError(.refused, "the line broke")
                }
                let response = try await service.transport(request)
                arrived.note(request)
                return response
            })
            await #expect(throws: TransferError.self) { try await breaking.upload(scan) }
            let before = try arrived.chunks()

            let again = RequestRecorder()
            let summary = try await service.uploader(transport: again.recording(service.transport)).upload(scan)
            let after = try again.chunks()
            #expect(summary.chunksSent == after.count && after.count < scan.files.count)
            #expect(Set(before).isDisjoint(with: after), "what was answered for is not sent again")
            try await service.fetcher().fetch(revision: scan.tree.revision, into: "\(service.directory)/target")
            try expectSame(source, "\(service.directory)/target")
        }
    }

    /// A line that breaks again and again, before requests arrive or after, so that their answers are lost.
    @Test(.timeLimit(.minutes(10)), arguments: [1, 2, 3] as [UInt64]) func anUploadSurvivesALineThatBreaks(_ seed: UInt64) async throws {
        struct Broken: Error {}
        try await withService { service in
            let source = "\(service.directory)/source"
            try shell("mkdir source; for i in $(seq 20); do head -c 1500000 /dev/urandom > source/f$i; done", in: service.directory)
            let scan = try await scan(source)
            let random = Mutex(SeededRandom(seed: seed))
            let transport = service.transport
            let breaking: TransferTransport = { request in
                let luck = random.withLock { Int.random(in: 0..<4, using: &$0) }
                if luck == 0 { throw Broken() }
                let response = try await transport(request)
                if luck == 1 { throw Broken() }
                return response
            }
            let client = TransferClient(
                transport: breaking, patience: TransferPatience(first: .seconds(60), later: .seconds(60)), firstDelay: .milliseconds(1),
                longestDelay: .milliseconds(1))
            let summary = try await SourceUploader(namespace: "shop", environment: "app", client: client).upload(scan)
            #expect(summary.chunksSent == 20)
            try await SourceFetcher(namespace: "shop", environment: "app", client: client)
                .fetch(revision: summary.revision, into: "\(service.directory)/target")
            try expectSame(source, "\(service.directory)/target")
        }
    }

    @Test func manyUploadsAtOnce() async throws {
        try await withService { service in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<8 {
                    tasks.addTask {
                        let source = "\(service.directory)/source\(number)"
                        try shell("mkdir '\(source)'; seq \(number) 2000 | split -l 20 - '\(source)/f'", in: service.directory)
                        // Four environments, each written by two clients.
                        let environment = "app\(number % 4)"
                        let summary = try await service.uploader(environment).upload(try await self.scan(source))
                        try await service.fetcher(environment).fetch(revision: summary.revision, into: "\(service.directory)/target\(number)")
                        try self.expectSame(source, "\(service.directory)/target\(number)")
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    @Test func anEmptyTreeTravelsToo() async throws {
        try await withService { service in
            try shell("mkdir source", in: service.directory)
            let summary = try await service.uploader().upload(try await scan("\(service.directory)/source"))
            #expect(summary.requests == 1)
            try await service.fetcher().fetch(revision: summary.revision, into: "\(service.directory)/target")
            #expect(try shell("ls -A target", in: service.directory).isEmpty)
        }
    }

    @Test func aDirectoryThatIsNotEmptyIsRefused() async throws {
        try await withService { service in
            try shell("mkdir source target; touch source/a target/b", in: service.directory)
            let summary = try await service.uploader().upload(try await scan("\(service.directory)/source"))
            await #expect {
                try await service.fetcher().fetch(revision: summary.revision, into: "\(service.directory)/target")
            } throws: { ($0 as? TransferError)?.code == .invalidTarget }
        }
    }
}
