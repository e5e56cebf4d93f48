/// A registry that does not do what it was asked; the description is fit for a status. Never with credentials.
public struct RegistryError: Error, Equatable, CustomStringConvertible {
    public var message: String
    public var description: String { message }

    init(message: String) { self.message = message }

    /// - Parameters:
    ///   - what: what was asked.
    ///   - code: the registry's own word, such as `DENIED`.
    init(address: String, doing what: String, status: UInt, code: String?, signedIn: Bool) {
        let known = (code ?? "").filter { $0.isASCII && ($0.isLetter || $0 == "_") }.prefix(40)
        let reason = "\(status)" + (known.isEmpty ? "" : " \(known)")
        let advice: String
        switch (status, signedIn) {
        case (401, false): advice = "; it wants credentials, and none are configured for it"
        case (401, true): advice = "; it does not take the credentials: renew them"
        case (403, _): advice = "; the user may not do that: check the permissions at the registry"
        case (405, _): advice = "; it does not allow that: enable deletion in the registry's configuration"
        case (429, _): advice = "; it limits requests: it is asked again later"
        case (300...399, _): advice = "; it sends elsewhere without end: check its address"
        default: advice = ""
        }
        self.init(message: "the registry at \(address) answered \(reason) to: \(what)\(advice)")
    }
}
