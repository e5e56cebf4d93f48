/// The stages' states, and when each began and ended.
struct StageClock: Equatable, Sendable {
    private(set) var states: [Stage: StageState] = [:]
    private var begins: [Stage: Duration] = [:]
    private var ends: [Stage: Duration] = [:]

    /// - Returns: whether this is news.
    mutating func note(_ stage: Stage, _ state: StageState, at time: Duration) -> Bool {
        guard states[stage, default: .pending] != state else { return false }
        states[stage] = state
        if begins[stage] == nil, state != .pending { begins[stage] = time }
        if state.isOver {
            if ends[stage] == nil { ends[stage] = time }
        } else {
            ends[stage] = nil
        }
        return true
    }

    func state(_ stage: Stage) -> StageState { states[stage, default: .pending] }

    /// When a stage began.
    func begin(_ stage: Stage) -> Duration? { begins[stage] }

    /// How long a stage took or has taken until now; `nil` before it began.
    func elapsed(_ stage: Stage, at time: Duration) -> Duration? {
        begins[stage].map { (ends[stage] ?? time) - $0 }
    }

    /// `source 0.4 s, build 4.1 s, deploy 2.3 s`: the stages that took part.
    func summary(at time: Duration) -> String {
        [Stage.source, .build, .deploy].compactMap { stage in
            elapsed(stage, at: time).map { "\(stage.rawValue) \(Format.seconds($0))" }
        }.joined(separator: ", ")
    }
}
