import Foundation
import ObjectStore
import Source
import SourceTransfer
import Testing

@testable import SourceService

/// As many files as a large repository has, all the way: scanned, sent to the service, kept in a real S3, fetched as a build pod does.
///
/// It takes a minute or two, because all of it is done with two hundred thousand files.
@Suite(.timeLimit(.minutes(30))) struct LargeSourceTests {
    private static let directories = 400
    private static let files = 500

    /// In memory, where there is room: a disk would take minutes for so many files, and it is not what is tested.
    private static var folder: String {
        let room = try? FileManager.default.attributesOfFileSystem(forPath: "/dev/shm")[.systemFreeSize] as? Int
        return (room ?? 0) > 4 << 30 ? "/dev/shm/" : NSTemporaryDirectory()
    }

    /// Two hundred thousand files, each with another line in it.
    private func makeTree(_ directory: String) throws {
        try shell(
            """
            mkdir -p source
            for d in $(seq \(Self.directories)); do
              mkdir -p source/group$((d % 20))/package$d/src; cd source/group$((d % 20))/package$d/src
              seq $((d * 1000)) $((d * 1000 + \(Self.files) - 1)) | split --lines=1 --suffix-length=3 - component-
              cd ../../../..
            done
            """, in: directory)
    }

    private func inventory(_ directory: String) throws -> String {
        try shell(
            "find . -printf '%y %m %P\\n' | sort | sha256sum; find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum", in: directory)
    }

    @Test func twoHundredThousandFilesTravel() async throws {
        try await withS3(bucket: "seaway-large") { objects in
            try await withService(in: Self.folder, objects: objects) { service in
                let (source, cache) = ("\(service.directory)/source", "\(service.directory)/cache")
                try makeTree(service.directory)
                func scan() async throws -> SourceScan {
                    try await SourceScanner.scan(root: source, selection: try Selection(), cacheFile: cache)
                }
                let first = try await scan()
                #expect(first.tree.fileCount == Self.directories * Self.files)
                let sent = try await service.uploader().upload(first)
                #expect(sent.chunksSent == Self.directories * Self.files)

                // A line more in one of them: that file, and the difference between the lists.
                try shell("echo more >> source/group7/package7/src/component-aaa", in: service.directory)
                let second = try await service.uploader().upload(try await scan())
                #expect(second.chunksSent == 1 && second.bytesSent < 65_536, "\(second)")

                let fetched = try await service.fetcher().fetch(revision: second.revision, into: "\(service.directory)/target")
                #expect(fetched.files == Self.directories * Self.files)
                #expect(try inventory(source) == inventory("\(service.directory)/target"))
            }
        }
    }
}
