import Foundation
import Synchronization

/// Lists the selected files of a directory, in the order of a `SourceTree`. Follows no symbolic link and never opens a
/// directory in which nothing can be selected.
struct DirectoryWalk: Sendable {
    struct File: Sendable {
        var path: String
        var executable: Bool
        var stamp: FileStamp
    }

    enum Found: Sendable {
        case directory(String)
        case link(String, target: String)
        /// With its content when the cache knows it.
        case file(File, FileContent?)
    }

    /// Sorted as `SourceTree.entries`; every directory above something that was taken is in it.
    private(set) var found: [Found] = []
    /// How many directories were opened, the root included.
    let opened: Int

    /// Lists a directory with as many tasks as there are processors.
    /// - Throws: `SourceError` that names the path; `CancellationError`.
    static func run(root: String, selection: Selection, cache: StatCache = StatCache()) async throws -> DirectoryWalk {
        let agenda = WalkAgenda(root: root)
        var idle = [DirectoryLister(selection, cache)]
        // The uppermost directories are listed at once; with what they hold, several tasks have something to do.
        try idle[0].run(agenda, atMost: 8)
        idle += (1..<max(2, ProcessInfo.processInfo.activeProcessorCount)).map { _ in DirectoryLister(selection, cache) }
        try await withThrowingTaskGroup(of: DirectoryLister.self) { tasks in
            var running = 0
            while true {
                while agenda.hasWork, let lister = idle.popLast() {
                    tasks.addTask {
                        var lister = lister
                        // It comes back now and then, so that one that found nothing to do is sent out again.
                        try lister.run(agenda, atMost: 256)
                        return lister
                    }
                    running += 1
                }
                guard running > 0, let lister = try await tasks.next() else { return }
                running -= 1
                idle.append(lister)
            }
        }
        var listings = [[DirectoryLister.Item]](repeating: [], count: agenda.count)
        for lister in idle {
            for (number, items) in lister.listings { listings[number] = items }
        }
        return DirectoryWalk(listings)
    }

    private init(_ listings: [[DirectoryLister.Item]]) {
        opened = listings.count
        // Directories have higher numbers than those above them.
        var isNeeded = [Bool](repeating: false, count: listings.count)
        for number in listings.indices.reversed() {
            isNeeded[number] = listings[number].contains { item in
                guard case .directory(let below, let taken) = item.kind else { return item.kind.isEntry }
                return taken || (below.map { isNeeded[$0] } ?? false)
            }
        }
        found.reserveCapacity(listings.reduce(0) { $0 + $1.count })
        append(0, of: listings, isNeeded)
    }

    private mutating func append(_ number: Int, of listings: [[DirectoryLister.Item]], _ isNeeded: [Bool]) {
        for item in listings[number] {
            switch item.kind {
            case .file(let file, let content): found.append(.file(file, content))
            case .link(let target): found.append(.link(item.key, target: target))
            case .directory(let below, let taken):
                if taken || (below.map { isNeeded[$0] } ?? false) { found.append(.directory(item.key)) }
            case .contents(let below): append(below, of: listings, isNeeded)
            }
        }
    }
}

/// The directories that are still to be listed. Safe to share.
final class WalkAgenda: Sendable {
    struct Directory: Sendable {
        /// Higher than those of the directories above it.
        var number: Int
        var path: String
        var name: String
        var depth: Int
        /// `nil` for the root.
        var parent: OpenDirectory?
    }

    private struct State {
        var stack: [Directory]
        var count = 1
    }

    private let state: Mutex<State>

    init(root: String) { state = Mutex(State(stack: [Directory(number: 0, path: "", name: root, depth: 0, parent: nil)])) }

    var hasWork: Bool { state.withLock { !$0.stack.isEmpty } }

    /// How many directories were on it up to now.
    var count: Int { state.withLock(\.count) }

    /// The one that was added last: so few directories are open at once, as each of the waiting ones holds its parent open.
    func next() -> Directory? { state.withLock { $0.stack.popLast() } }

    /// - Returns: The number of the first; the others have the next ones.
    func add(_ directories: [Directory]) -> Int {
        state.withLock { state in
            let first = state.count
            for (index, directory) in directories.enumerated() {
                var directory = directory
                directory.number = first + index
                state.stack.append(directory)
            }
            state.count += directories.count
            return first
        }
    }
}
