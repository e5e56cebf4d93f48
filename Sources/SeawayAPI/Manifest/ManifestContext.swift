/// What the decoding of one manifest shares: the errors found so far and the variables.
///
/// Confined to one call of the decoder, so it needs no lock.
final class ManifestContext {
    let file: String
    /// `nil` leaves variables as they are written.
    let lookup: ((String) -> String?)?
    /// The manifest's `name`, known once it is decoded: the value of `${NAME}`.
    var applicationName = "application"
    /// Why a regular expression is not understood.
    let patternProblem: (String) -> String?
    private(set) var errors: [ManifestError] = []
    /// Problems with the variables of the environment that is being decoded. They concern only whoever uses this
    /// environment: a variable of the build server must not keep a developer from syncing another one.
    private var variableProblems: [ManifestError]?

    init(file: String, lookup: ((String) -> String?)?, patternProblem: @escaping (String) -> String?) {
        self.file = file
        self.lookup = lookup
        self.patternProblem = patternProblem
    }

    func report(_ place: Place, _ field: String, _ message: String, aboutVariables: Bool = false) {
        let error = ManifestError(file: file, line: place.line, column: place.column, field: field, message: message)
        if aboutVariables, variableProblems != nil {
            variableProblems?.append(error)
        } else {
            errors.append(error)
        }
    }

    func report(all errors: [ManifestError]) {
        self.errors += errors
    }

    /// Gathers the problems with variables inside `body` apart from the errors.
    func gatheringVariableProblems<Result>(_ body: () -> Result) -> (Result, [ManifestError]) {
        variableProblems = []
        defer { variableProblems = nil }
        let result = body()
        return (result, variableProblems ?? [])
    }

    func value(of variable: String) -> String? {
        variable == "NAME" ? applicationName : lookup?(variable)
    }
}
