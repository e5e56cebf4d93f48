/// Keeps a sync from reaching another cluster only because the current context of the kubeconfig changed.
enum ContextGuard: Equatable, Sendable {
    case proceed
    /// Ask the user; going on only when the answer is yes.
    case ask(question: String)
    case refuse(CommandFailure)

    /// - Parameters:
    ///   - last: the context of the last sync of this manifest; `nil` when there was none.
    ///   - current: the context that this command would use.
    ///   - isExplicit: whether the user named it with `--context`.
    ///   - isConfirmed: whether the user said `--yes`.
    ///   - canAsk: whether a person is there to answer.
    static func check(last: String?, current: String, isExplicit: Bool, isConfirmed: Bool, canAsk: Bool) -> ContextGuard {
        guard let last, last != current, !isExplicit, !isConfirmed else { return .proceed }
        if canAsk {
            let difference = "The last sync of this manifest went to context '\(last)', the current context is '\(current)'."
            return .ask(question: "\(difference) Go on with '\(current)'? [y/N] ")
        }
        return .refuse(
            CommandFailure(
                .badInput, "the last sync of this manifest went to context '\(last)', the current context is '\(current)'",
                next: [
                    "--context \(last) uses the cluster of the last sync", "--context \(current) or --yes goes on with the current one",
                ]))
    }
}
