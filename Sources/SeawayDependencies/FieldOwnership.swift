import KubernetesModel

/// Who owns the fields of an object, as server-side apply keeps it in `metadata.managedFields`.
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>
public enum FieldOwnership {
    /// The `managedFields` in which what kubectl applied belongs to `manager`.
    ///
    /// Without this, fields that kubectl set would stay for ever: no apply of ours removes what another manager also owns.
    /// - Returns: `nil` when kubectl owns nothing here.
    public static func takenOver(_ managedFields: JSONValue?, by manager: String) -> JSONValue? {
        let entries = managedFields?.arrayValue ?? []
        func isKubectl(_ entry: JSONValue) -> Bool {
            (entry["manager"]?.stringValue ?? "").hasPrefix("kubectl") && (entry["subresource"]?.stringValue ?? "").isEmpty
        }
        guard let first = entries.first(where: isKubectl) else { return nil }
        func isOurs(_ entry: JSONValue) -> Bool {
            entry["manager"]?.stringValue == manager && entry["operation"]?.stringValue == "Apply"
        }
        var merged = entries.first(where: isOurs) ?? first
        merged["manager"] = .string(manager)
        merged["operation"] = "Apply"
        merged["fieldsV1"] = entries.filter { isKubectl($0) || isOurs($0) }.reduce([:]) { union($0, $1["fieldsV1"] ?? [:]) }
        return .array(entries.filter { !isKubectl($0) && !isOurs($0) } + [merged])
    }

    private static func union(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
        guard let first = left.objectValue, let second = right.objectValue else { return left }
        return .object(first.merging(second) { union($0, $1) })
    }
}
