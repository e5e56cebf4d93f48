import Synchronization

/// Keeps writing and removing the same environment apart: a removal waits for the writes that have begun, and writes
/// that come meanwhile are refused. So nothing that is written stays behind, and nothing new is lost. A collection of old
/// sources waits for writes as a removal does, but writes that come meanwhile wait for it instead of being refused.
final class RemovalGate: Sendable {
    private struct Entry {
        var writers = 0
        var removers = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isCollected = false
        var blocked: [CheckedContinuation<Void, Never>] = []

        var isIdle: Bool { writers == 0 && removers == 0 && !isCollected }
    }

    private enum Turn { case go, busy, wait }

    private let entries = Mutex<[ObjectName: Entry]>([:])

    /// - Throws: `SourceStoreError` with code `busy` while the environment is being removed; what `body` throws.
    func write<Result>(_ environment: ObjectName, _ body: () async throws -> Result) async throws -> Result {
        while true {
            switch begin(environment) {
            case .busy: throw SourceStoreError(.busy, "The sources of \(environment) are being deleted; repeat in a moment.")
            case .wait: await waitForCollection(environment)
            case .go:
                defer { endWrite(environment) }
                return try await body()
            }
        }
    }

    private func begin(_ environment: ObjectName) -> Turn {
        entries.withLock { entries in
            let entry = entries[environment, default: Entry()]
            if entry.removers > 0 { return .busy }
            if entry.isCollected { return .wait }
            entries[environment, default: Entry()].writers += 1
            return .go
        }
    }

    private func waitForCollection(_ environment: ObjectName) async {
        await withCheckedContinuation { continuation in
            let isOver = entries.withLock { entries in
                guard entries[environment]?.isCollected == true else { return true }
                entries[environment]?.blocked.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    /// Runs `body` while nobody writes. Does nothing when the environment is being removed or collected already.
    func collect(_ environment: ObjectName, _ body: () async throws -> Void) async throws {
        let mayBegin = entries.withLock { entries in
            let entry = entries[environment, default: Entry()]
            guard entry.removers == 0, !entry.isCollected else { return false }
            entries[environment, default: Entry()].isCollected = true
            return true
        }
        guard mayBegin else { return }
        defer { endCollection(environment) }
        await waitForWriters(environment)
        try await body()
    }

    private func endCollection(_ environment: ObjectName) {
        let blocked = entries.withLock { entries -> [CheckedContinuation<Void, Never>] in
            guard var entry = entries[environment] else { return [] }
            let blocked = entry.blocked
            entry.isCollected = false
            entry.blocked = []
            entries[environment] = entry.isIdle ? nil : entry
            return blocked
        }
        for continuation in blocked { continuation.resume() }
    }

    func remove(_ environment: ObjectName, _ body: () async throws -> Void) async throws {
        entries.withLock { $0[environment, default: Entry()].removers += 1 }
        defer { endRemoval(environment) }
        await waitForCollection(environment)
        await waitForWriters(environment)
        try await body()
    }

    private func waitForWriters(_ environment: ObjectName) async {
        await withCheckedContinuation { continuation in
            let isFree = entries.withLock { entries in
                if entries[environment, default: Entry()].writers == 0 { return true }
                entries[environment, default: Entry()].waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func endWrite(_ environment: ObjectName) {
        let waiting = entries.withLock { entries -> [CheckedContinuation<Void, Never>] in
            guard var entry = entries[environment] else { return [] }
            entry.writers -= 1
            let waiting = entry.writers == 0 ? entry.waiting : []
            if entry.writers == 0 { entry.waiting = [] }
            entries[environment] = entry.isIdle ? nil : entry
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func endRemoval(_ environment: ObjectName) {
        entries.withLock { entries in
            guard var entry = entries[environment] else { return }
            entry.removers -= 1
            entries[environment] = entry.isIdle ? nil : entry
        }
    }
}
