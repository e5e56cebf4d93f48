import KubernetesModel

/// A Kubernetes probe, as far as it is asked from outside of the container.
struct Probe: Equatable, Sendable {
    enum Action: Equatable, Sendable {
        case http(port: Int, path: String, headers: [String: String], isSecure: Bool)
        case tcp(port: Int)
        case exec([String])
    }

    var action: Action
    /// Seconds.
    var initialDelay: Double
    /// Seconds.
    var period: Double
    /// Seconds.
    var timeout: Double
    var successThreshold: Int

    /// - Parameters:
    ///   - value: the probe as the manifest has it; `nil` and probes that nobody knows from outside (gRPC) give no probe.
    ///   - names: the container's ports by name.
    init?(_ value: JSONValue?, ports names: [String: Int]) {
        guard let value else { return nil }
        func port(_ value: JSONValue?) -> Int? { value?.intValue ?? value?.stringValue.flatMap { names[$0] ?? Int($0) } }
        if let http = value["httpGet"], let port = port(http["port"]) {
            var headers: [String: String] = [:]
            for header in http["httpHeaders"]?.arrayValue ?? [] {
                if let name = header["name"]?.stringValue { headers[name] = header["value"]?.stringValue ?? "" }
            }
            action = .http(
                port: port, path: http["path"]?.stringValue ?? "/", headers: headers, isSecure: http["scheme"]?.stringValue == "HTTPS")
        } else if let port = port(value["tcpSocket"]?["port"]) {
            action = .tcp(port: port)
        } else if let command = value["exec"]?["command"]?.arrayValue {
            action = .exec(command.compactMap(\.stringValue))
        } else {
            return nil
        }
        // The defaults are the API server's.
        initialDelay = Double(value["initialDelaySeconds"]?.intValue ?? 0)
        period = Double(max(1, value["periodSeconds"]?.intValue ?? 10))
        timeout = Double(max(1, value["timeoutSeconds"]?.intValue ?? 1))
        successThreshold = max(1, value["successThreshold"]?.intValue ?? 1)
    }

    /// The container's port that it asks.
    var port: Int? {
        switch action {
        case .http(let port, _, _, _), .tcp(let port): port
        case .exec: nil
        }
    }
}

/// What a probe answered.
enum ProbeAnswer: Equatable, Sendable {
    case passed
    /// Why not, for people.
    case failed(String)
}

/// Whether a container is ready, from what its probes answered. Pure: time is given.
struct Readiness: Equatable, Sendable {
    private var isStarted = false
    private var successes = 0
    private var askedAt: Double?
    private(set) var readySince: Double?
    /// The last answer that was no success.
    private(set) var lastFailure: String?

    var isReady: Bool { readySince != nil }

    /// The probe to ask now, if one is due.
    /// - Parameters:
    ///   - age: seconds since the container started.
    ///   - now: seconds of any clock that does not jump.
    func due(startup: Probe?, readiness: Probe?, age: Double, now: Double) -> Probe? {
        guard let probe = isStarted ? readiness : startup ?? readiness, age >= probe.initialDelay else { return nil }
        // A node asks once a period. Before the first success a shorter one costs nothing here and shows the page sooner.
        let pause = isReady ? probe.period : min(probe.period, 0.2)
        guard let askedAt, now - askedAt < pause else { return probe }
        return nil
    }

    /// Takes the answer of the probe that was due.
    mutating func take(_ answer: ProbeAnswer, startup: Probe?, readiness: Probe?, now: Double) {
        askedAt = now
        let wasStartup = !isStarted && startup != nil
        guard case .passed = answer else {
            if case .failed(let why) = answer { lastFailure = why }
            successes = 0
            readySince = nil
            return
        }
        if wasStartup {
            isStarted = true
            askedAt = nil
            if readiness == nil { readySince = now }
            return
        }
        isStarted = true
        successes += 1
        if successes >= readiness?.successThreshold ?? 1, readySince == nil { readySince = now }
    }

    /// A container without any probe is ready once it runs.
    mutating func takeRunning(now: Double) {
        if readySince == nil { readySince = now }
    }
}
