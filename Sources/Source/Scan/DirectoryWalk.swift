import Synchronization

/// Lists the selected files of a directory, in the order of a `SourceTree`. Follows no symbolic link and never opens a
/// directory in which nothing can be selected.
struct DirectoryWalk: Sendable {
    /// Sorted as `SourceTree.entries`; every directory above something that was taken is in it. Files of which the content is
    /// not known have that of none.
    var entries: [SourceTree.Entry]
    /// Of each entry.
    let origins: [DirectoryListings.Origin]
    /// Files of which the content is not known, by their entries.
    let unknown: [(entry: Int, stamp: FileStamp)]
    /// How many directories were opened, the root included.
    let opened: Int

    /// Lists a directory with as many tasks as there are processors.
    /// - Throws: `SourceError` that names the path; `CancellationError`.
    static func run(root: String, selection: Selection, cache: StatCache = StatCache()) async throws -> DirectoryWalk {
        let agenda = WalkAgenda(root: root)
        var idle = [DirectoryLister(selection, cache)]
        // The uppermost directories are listed at once; with what they hold, several tasks have something to do.
        var found = [try idle[0].run(agenda, atMost: 8)]
        idle += (1..<max(2, Processors.count)).map { _ in DirectoryLister(selection, cache) }
        try await withThrowingTaskGroup(of: (DirectoryLister, DirectoryListings).self) { tasks in
            var running = 0
            while true {
                while agenda.hasWork, let lister = idle.popLast() {
                    tasks.addTask {
                        var lister = lister
                        // It comes back now and then, so that one that found nothing to do is sent out again.
                        let listings = try lister.run(agenda, atMost: 256)
                        return (lister, listings)
                    }
                    running += 1
                }
                guard running > 0, let (lister, listings) = try await tasks.next() else { return }
                running -= 1
                idle.append(lister)
                found.append(listings)
            }
        }
        let merge = ListingMerge(found, count: agenda.count)
        return DirectoryWalk(entries: merge.entries, origins: merge.origins, unknown: merge.unknown, opened: agenda.count)
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
