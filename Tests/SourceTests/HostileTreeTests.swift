import Foundation
import Testing

@testable import Source

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a directory may hold that is no source, or that does not hold still.
@Suite struct HostileTreeTests {
    private func scan(_ root: String, _ selection: Selection? = nil) async throws -> SourceTree {
        try await SourceScanner.scan(root: root, selection: try selection ?? Selection()).tree
    }

    /// The devices of this machine: to make one takes more rights than to look at one.
    @Test func devicesAreRefused() async throws {
        await #expect { try await scan("/dev", try Selection(include: ["^null$"])) } throws: { error in
            (error as? SourceError).map { $0.code == .unsupportedFile && $0.message.contains("'null' is a device") } ?? false
        }
    }

    /// Whoever may read everything, as the superuser may, starts the scan as somebody who may not.
    @Test func whatCannotBeReadIsNamed() async throws {
        try await withTemporaryDirectory { root in
            chmod(root, 0o755)
            try write(["root/open.txt": "x", "root/secret.txt": "x", "root/closed/x": "", "cache/": ""], to: root)
            chmod("\(root)/root/secret.txt", 0)
            let file = try scanAsNobody("\(root)/root")
            #expect(file == "seaway-scan: cannot open 'secret.txt': Permission denied\n")
            chmod("\(root)/root/secret.txt", 0o644)
            chmod("\(root)/root/closed", 0)
            let directory = try scanAsNobody("\(root)/root")
            #expect(directory == "seaway-scan: cannot open 'closed': Permission denied\n")
            chmod("\(root)/root/closed", 0o755)
        }
    }

    /// - Returns: what it says when it fails.
    private func scanAsNobody(_ root: String) throws -> String {
        let process = Process()
        let program = FileManager.default.currentDirectoryPath + "/.build/debug/seaway-scan"
        let words = [program, root, "/nonexistent/cache"]
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] + words : words
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 2)
        return String(decoding: said, as: UTF8.self)
    }

    /// A file in which somebody writes all the time, without pause.
    @Test(.timeLimit(.minutes(10))) func aFileThatChangesWhileItIsReadIsNoticed() async throws {
        try await withTemporaryDirectory { root in
            try Data(repeating: 1, count: 64 << 20).write(to: URL(fileURLWithPath: "\(root)/busy.log"))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    let file = try Descriptor("\(root)/busy.log", O_WRONLY, shown: "busy.log")
                    var byte: UInt8 = 0
                    while !Task.isCancelled {
                        byte &+= 1
                        try withUnsafeBytes(of: byte) { try file.write($0, at: 0, shown: "busy.log") }
                    }
                }
                // A scan during which the writer had no turn is a good one.
                while true {
                    do {
                        _ = try await scan(root)
                    } catch let error as SourceError {
                        #expect(error.code == .changedWhileReading && error.message.contains("'busy.log'"), "\(error)")
                        break
                    }
                }
                tasks.cancelAll()
            }
        }
    }

    #if os(Linux)
        /// By the kernel's word: it tells of each directory that is opened or read.
        @Test func ignoredDirectoriesAreLeftAloneByTheKernelsAccount() async throws {
            try await withTemporaryDirectory { root in
                let ignored = ["node_modules", "node_modules/left/deep", ".git", "target", "build/out"]
                for directory in ignored + ["src"] { try write(["\(directory)/file": "x"], to: root) }
                let listener = Descriptor(owning: inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC)))
                var watches: [Int32: String] = [:]
                for directory in ignored + ["src"] {
                    let watch = inotify_add_watch(listener.raw, "\(root)/\(directory)", UInt32(IN_OPEN) | UInt32(IN_ACCESS))
                    try #require(watch >= 0)
                    watches[watch] = directory
                }
                let selection = try Selection(exclude: ["^build/out"], dockerignore: "target")
                let paths = try await scan(root, selection).entries.map(\.path)
                #expect(paths == ["build", "src", "src/file"])
                #expect(Set(try events(listener, watches)) == ["src"])
            }
        }

        private func events(_ listener: borrowing Descriptor, _ watches: [Int32: String]) throws -> [String] {
            var found: [String] = []
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
            defer { buffer.deallocate() }
            while true {
                let count = read(listener.raw, buffer.baseAddress, buffer.count)
                guard count > 0 else { return found }
                var place = 0
                while place < count {
                    let event = buffer.load(fromByteOffset: place, as: inotify_event.self)
                    found.append(watches[event.wd] ?? "?")
                    place += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
    #endif
}
