import Testing

@testable import Source

@Suite struct SelectionTests {
    @Test(arguments: [
        ("digits.py", true), (".gitignore", true), ("app/.github/x", true), ("legit/x", true), ("vendor/x.go", true), ("my_node_modules/x", true),
        (".git/config", false), (".git", false), ("sub/.git/config", false), ("node_modules/a/index.js", false), ("a/__pycache__/x.pyc", false),
        (".venv/bin/python", false), (".DS_Store", false), ("a/b/.DS_Store", false),
    ])
    func defaultExcludesMatchWholeSegments(_ path: String, _ taken: Bool) throws {
        #expect(try Selection().takes(path) == taken)
    }

    @Test(
        arguments: [
            (["^*.py$"], [], "main.py", true), (["^*.py$"], [], "app/main.py", true), (["^*.py$"], [], "main.go", false),
            (["^app/", #"\.py$"#], [], "app/x.txt", true), (["^app/", #"\.py$"#], [], "x.py", true), (["^app/", #"\.py$"#], [], "x.txt", false),
            (["^app/"], ["_test"], "app/a_test.py", false), (["^app/"], ["_test"], "app/a.py", true), ([], ["^docs/"], "docs/x", false),
            ([], ["^docs/"], "docs2/x", true), ([], [".git/*"], "digits/x.py", false), (["^x$"], [], "Dockerfile", true),
            ([], ["."], "Dockerfile", true),
            (["^x$"], [], ".dockerignore", true),
        ] as [([String], [String], String, Bool)])
    func includesThenExcludes(_ include: [String], _ exclude: [String], _ path: String, _ taken: Bool) throws {
        #expect(try Selection(include: include, exclude: exclude, always: ["Dockerfile"]).takes(path) == taken)
    }

    /// What Docker itself does with these files.
    @Test(arguments: [
        ("*.md", "README.md", false), ("*.md", "docs/README.md", true), ("**/*.md", "docs/README.md", false), ("**/*.md", "README.md", false),
        ("*/temp*", "a/temporary.txt", false), ("*/temp*", "a/temp/x", false), ("*/temp*", "a/b/temp", true), ("*/*/temp*", "a/b/temp.txt", false),
        ("temp?", "tempa", false), ("temp?", "temp", true), ("temp?", "temp/", true), ("docs", "docs/a/b", false), ("docs/", "docs/a", false),
        ("/docs", "docs/a", false), ("./docs", "docs/a", false), ("docs", "mydocs/a", true), ("docs", "a/docs/x", true),
        ("a/../docs", "docs/x", false),
        ("*.md\n!README.md", "README.md", true), ("*.md\n!README.md", "OTHER.md", false),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", false),
        ("*.md\n!README*.md\nREADME-secret.md", "README-public.md", true), ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", true),
        ("docs\n!docs/keep", "docs/keep/x", true), ("docs\n!docs/keep", "docs/other", false), ("*\n!app", "app/x", true), ("*\n!app", "lib/x", false),
        ("**\n!app/**", "app/a/b", true), ("**\n!**/*.py", "a/b/c.py", true), ("**\n!**/*.py", "a/b/c.go", false), ("docs/**", "docs/x/y", false),
        ("docs/**", "docs", true), ("**/foo", "foo", false), ("**/foo", "a/b/foo/x", false), ("a/**/b", "a/b", false), ("a/**/b", "a/x/y/b", false),
        ("a/**/b", "ab", true), ("[a-c].txt", "b.txt", false), ("[^a-c].txt", "b.txt", true), (#"\*.txt"#, "*.txt", false),
        (#"\*.txt"#, "a.txt", true),
        ("# comment\n\n  spaced  ", "spaced", false), ("# comment", "# comment", true), ("a.b", "axb", true), ("a+(b)", "a+(b)", false),
        ("\u{FEFF}first", "first", false), ("one\r\ntwo\r\n", "two", false), ("Dockerfile\n.dockerignore", "Dockerfile", true),
        ("*", ".dockerignore", true),
        ("! app\napp", "app", false), ("app\n!  app", "app", true), ("node_modules\n!node_modules", "node_modules/x", true),
        ("!node_modules", "node_modules/x", true), ("!**/*.md", "node_modules/README.md", false), ("é*", "école", false),
    ])
    func dockerignore(_ file: String, _ path: String, _ taken: Bool) throws {
        let trimmed = path.hasSuffix("/") ? String(path.dropLast()) : path
        #expect(try Selection(dockerignore: file, always: ["Dockerfile"]).takes(trimmed) == taken)
    }

    @Test(arguments: ["a\n!\n", "[a", "x\\"]) func badIgnoreFilesNameTheLine(_ file: String) {
        #expect { try Selection(dockerignore: file) } throws: { error in
            guard let error = error as? SourceError, error.code == .invalidPattern else { return false }
            return error.message.hasPrefix(".dockerignore:\(file.hasPrefix("a\n") ? 2 : 1):")
        }
    }

    @Test(arguments: [
        ("docs", "docs", false), ("docs\n!docs/keep", "docs", true), ("docs\n!other", "docs", false), ("**", "a", false), ("**\n!a/b/c", "a", true),
        ("**\n!a/b/c", "x", false), ("*\n!app", "lib", false), ("!keep/x\n*", "keep", false), ("docs/**", "docs", false), ("*.md", "docs", true),
        ("", "node_modules", false), ("*", "build", true),
    ])
    func directoriesWithNothingToTakeAreNotEntered(_ file: String, _ path: String, _ entered: Bool) throws {
        var matcher = SelectionMatcher(try Selection(dockerignore: file, always: ["build/images/Dockerfile"]))
        var name = path
        matcher.begin(in: "")
        #expect(name.withUTF8 { matcher.enters($0) } == entered)
    }
}
