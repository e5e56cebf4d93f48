extension Selection {
    /// The ignore file for a builder that got what was selected.
    ///
    /// The sources were selected by the `.dockerignore`, in Docker's own meaning. Builders read such a file again, and not all in that
    /// meaning, so they get this one in its place: it names what is sent in any case, and what Docker would not copy all the same.
    /// - Parameters:
    ///   - dockerignore: the text of the `.dockerignore` file, if there is one.
    ///   - always: paths that are sent in any case: the Dockerfile.
    /// - Throws: `SourceError` with code `invalidPattern`.
    public static func builderIgnoreFile(dockerignore: String?, always: [String]) throws -> String {
        let selection = try Selection(dockerignore: dockerignore, sendsIgnoreFile: false)
        let left = ([".dockerignore"] + always).filter { !selection.takes($0) }.map { path in
            path.map { #"\*?[]#!"#.contains($0) ? "\\\($0)" : String($0) }.joined()
        }
        // buildah takes an empty file for none, and goes back to the `.dockerignore`. This is never sent.
        return ([".seaway/nothing"] + left).map { "\($0)\n" }.joined()
    }
}
