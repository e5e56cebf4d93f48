import Synchronization

/// Keeps writing and removing the same environment apart: a removal waits for the writes that have begun, and writes
/// that come meanwhile are refused. So nothing that is written stays behind, and nothing new is lost.
final class RemovalGate: Sendable {
    private struct Entry {
        var writers = 0
        var removers = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let entries = Mutex<[ObjectName: Entry]>([:])

    /// - Throws: `SourceStoreError` with code `busy` while the environment is being removed; what `body` throws.
    func write<Result>(_ environment: ObjectName, _ body: () async throws -> Result) async throws -> Result {
        let isBusy = entries.withLock { entries in
            if entries[environment, default: Entry()].removers > 0 { return true }
            entries[environment, default: Entry()].writers += 1
            return false
        }
        if isBusy { throw SourceStoreError(.busy, "The sources of \(environment) are being deleted; repeat in a moment.") }
        defer { endWrite(environment) }
        return try await body()
    }

    func remove(_ environment: ObjectName, _ body: () async throws -> Void) async throws {
        entries.withLock { $0[environment, default: Entry()].removers += 1 }
        defer { endRemoval(environment) }
        await withCheckedContinuation { continuation in
            let isFree = entries.withLock { entries in
                if entries[environment, default: Entry()].writers == 0 { return true }
                entries[environment, default: Entry()].waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        try await body()
    }

    private func endWrite(_ environment: ObjectName) {
        let waiting = entries.withLock { entries -> [CheckedContinuation<Void, Never>] in
            guard var entry = entries[environment] else { return [] }
            entry.writers -= 1
            let waiting = entry.writers == 0 ? entry.waiting : []
            if entry.writers == 0 { entry.waiting = [] }
            entries[environment] = entry.writers == 0 && entry.removers == 0 ? nil : entry
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func endRemoval(_ environment: ObjectName) {
        entries.withLock { entries in
            guard var entry = entries[environment] else { return }
            entry.removers -= 1
            entries[environment] = entry.writers == 0 && entry.removers == 0 ? nil : entry
        }
    }
}
