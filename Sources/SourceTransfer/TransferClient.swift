import Foundation

/// Sends requests until they are answered for good.
struct TransferClient: Sendable {
    let transport: TransferTransport
    var attempts = 6
    var firstDelay = Duration.milliseconds(200)
    var longestDelay = Duration.seconds(5)

    /// Sends a request; repeats it when nothing was answered or the answer says to come back later.
    /// - Returns: A success, or a refusal with a status in `accepting`.
    /// - Throws: `TransferError`, `CancellationError`.
    func send(_ request: TransferRequest, to what: String, accepting: Set<Int> = []) async throws -> TransferResponse {
        var attempt = 1
        while true {
            let failure: TransferError
            do {
                let response = try await transport(request)
                if (200..<300).contains(response.status) || accepting.contains(response.status) { return response }
                failure = TransferError(response, to: what)
            } catch let error as TransferError {
                throw error
            } catch let error as CancellationError {
                throw error
            } catch {
                failure = TransferError(.unavailable, "Cannot \(what): \(error). Check the connection to the cluster and repeat.")
            }
            try Task.checkCancellation()
            guard failure.code == .unavailable || failure.code == .storeUnavailable, attempt < attempts else { throw failure }
            let delay = min(longestDelay, firstDelay * (1 << (attempt - 1)))
            try await Task.sleep(for: delay / 2 + delay / 2 * Double.random(in: 0...1))
            attempt += 1
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
