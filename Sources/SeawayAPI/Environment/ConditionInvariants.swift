/// Rules that every status written by the operator keeps; `settle` tests and cluster tests check them.
public enum ConditionInvariants {
    /// - Returns: the broken rules as sentences; empty when the status is sound.
    public static func violations(_ status: EnvironmentStatus) -> [String] {
        var found: [String] = []
        func rule(_ holds: Bool, _ sentence: String) { if !holds { found.append(sentence) } }

        let conditions = status.conditions ?? []
        rule(Set(conditions.map(\.type)).count == conditions.count, "a condition type appears twice")
        guard let ready = status.condition(.ready) else {
            found.append("Ready is missing")
            return found
        }
        let reconciling = status.isTrue(.reconciling)
        let stalled = status.isTrue(.stalled)
        rule(!(ready.status == .true && reconciling), "Ready while Reconciling")
        rule(!(ready.status == .true && stalled), "Ready while Stalled")
        rule(!(reconciling && stalled), "Reconciling while Stalled")
        rule(ready.status == .true || reconciling || stalled, "neither Ready nor Reconciling nor Stalled")
        for step in [ConditionType.sourceReady, .imageBuilt, .deployed] {
            rule(ready.status != .true || status.isTrue(step), "Ready while \(step.rawValue) is not True")
        }
        rule(ready.status != .true || status.deployedRevision == status.expectedRevision, "Ready with another revision deployed")
        for type in [ConditionType.reconciling, .stalled] {
            rule(status.condition(type).map { $0.status == .true } ?? true, "\(type.rawValue) present but not True")
        }
        rule(conditions.allSatisfy { $0.observedGeneration == status.observedGeneration }, "a condition of another generation")
        rule(conditions.allSatisfy { !$0.reason.rawValue.isEmpty }, "a condition without a reason")
        rule(status.reason != nil && status.stage != nil, "no stage or reason")
        return found
    }
}
