import Foundation
import Synchronization

/// How long requests are repeated that nobody answers, or that are answered with a wish to come back later.
public struct TransferPatience: Sendable, Equatable {
    /// While the operator has not answered at all: one that does not run is to be told soon.
    public var first: Duration
    /// Once something on the way has answered: it is away for a moment, and comes back.
    public var later: Duration
    /// How long one request may be without an answer before that is told.
    public var silence = Duration.seconds(5)

    public init(first: Duration = .seconds(20), later: Duration = .seconds(120)) {
        self.first = first
        self.later = later
    }
}

/// What a transfer has to tell besides its progress.
public enum TransferNotice: Sendable, Equatable {
    /// A request failed and is repeated for up to so long.
    case trouble(TransferError, patience: Duration)
    /// A request has been under way for so long without an answer.
    case silence(what: String, for: Duration)
    /// After either of these: there are answers again.
    case recovered
}

/// Sends requests until they are answered for good.
struct TransferClient: Sendable {
    let transport: TransferTransport
    var patience = TransferPatience()
    var firstDelay = Duration.milliseconds(200)
    var longestDelay = Duration.seconds(5)
    /// Requests go side by side; each state is told once.
    let told: ToldNotices

    /// Bytes per second that any connection is taken to carry, so that a large body is no silence.
    private static let slowest = 256.0 * 1024

    init(
        transport: @escaping TransferTransport, patience: TransferPatience = TransferPatience(), firstDelay: Duration = .milliseconds(200),
        longestDelay: Duration = .seconds(5), notice: @escaping @Sendable (TransferNotice) -> Void = { _ in }
    ) {
        self.transport = transport
        self.patience = patience
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        told = ToldNotices(notice)
    }

    /// Sends a request; repeats it when nothing was answered or the answer says to come back later.
    /// - Returns: A success, or a refusal with a status in `accepting`.
    /// - Throws: `TransferError`, `CancellationError`.
    func send(_ request: TransferRequest, to what: String, accepting: Set<Int> = []) async throws -> TransferResponse {
        var attempt = 1
        let began = ContinuousClock.now
        while true {
            let failure: TransferError
            do {
                let response = try await watching(request, what)
                if (200..<300).contains(response.status) || accepting.contains(response.status) {
                    told.answered()
                    return response
                }
                failure = TransferError(response, to: what)
            } catch let error as TransferError where error.code != .interrupted {
                throw error
            } catch let error as TransferError {
                failure = error
            } catch let error as CancellationError {
                throw error
            } catch {
                failure = TransferError(.unavailable, "Cannot \(what): \(error). Check the connection to the cluster and repeat.")
            }
            try Task.checkCancellation()
            guard failure.mayPass else { throw failure }
            let limit = failure.code == .unavailable && !told.hasAnswer ? patience.first : patience.later
            let delay = min(longestDelay, firstDelay * (1 << min(attempt - 1, 20)))
            guard ContinuousClock.now - began + delay / 2 < limit else { throw failure }
            told.tell(.trouble(failure, patience: limit))
            try await Task.sleep(for: delay / 2 + delay / 2 * Double.random(in: 0...1))
            attempt += 1
        }
    }

    /// Sends once, and tells when no answer comes.
    private func watching(_ request: TransferRequest, _ what: String) async throws -> TransferResponse {
        let limit = patience.silence + .seconds(Double(request.body?.count ?? 0) / Self.slowest)
        return try await withThrowingTaskGroup(of: TransferResponse?.self) { group in
            group.addTask { try await transport(request) }
            group.addTask {
                try await Task.sleep(for: limit)
                told.tell(.silence(what: what, for: limit))
                return nil
            }
            defer { group.cancelAll() }
            while let response = try await group.next() { if let response { return response } }
            throw CancellationError()
        }
    }

    static func decode<Answer: Decodable>(_ type: Answer.Type, _ response: TransferResponse) throws -> Answer {
        do {
            return try JSONDecoder().decode(type, from: response.body)
        } catch {
            throw TransferError(.invalidResponse, "The operator's answer is not understood; is it the same version as seactl?")
        }
    }
}

/// Whether there was an answer, and what was told since the last one.
final class ToldNotices: Sendable {
    private struct State {
        var hasAnswer = false
        var kinds: Set<String> = []
    }

    private let state = Mutex(State())
    private let notice: @Sendable (TransferNotice) -> Void

    init(_ notice: @escaping @Sendable (TransferNotice) -> Void) { self.notice = notice }

    var hasAnswer: Bool { state.withLock(\.hasAnswer) }

    /// Told once until there is an answer again.
    func tell(_ news: TransferNotice) {
        let kind =
            switch news {
            case .trouble(let error, _): error.code.rawValue
            case .silence: "silence"
            case .recovered: "recovered"
            }
        guard state.withLock({ $0.kinds.insert(kind).inserted }) else { return }
        notice(news)
    }

    func answered() {
        let wasTold = state.withLock { state in
            defer { state = State(hasAnswer: true) }
            return !state.kinds.isEmpty
        }
        if wasTold { notice(.recovered) }
    }
}
