import Testing

@testable import Source

@Suite struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool {
        var matcher = PatternMatcher(try PatternProgram(try PatternParser.parse(pattern)))
        return matcher.matches(text)
    }

    @Test(arguments: [
        // Published manifests.
        ("^*.py$", "main.py", true), ("^*.py$", "app/main.py", true), ("^*.py$", "main.pyc", false), ("^*.py$", "py", false),
        ("*.py", "a.py", true), ("(*.py|+.go)", "a.go", true), ("a|*b", "b", true),
        // Search, anchors, alternatives.
        ("b", "abc", true), ("^b", "abc", false), ("c$", "abc", true), ("b$", "abc", false), ("^abc$", "abc", true), ("", "x", true),
        ("^(app|lib)/", "lib/x", true), ("^(app|lib)/", "mylib/x", false), ("a||b", "zzz", true), ("^(?:a|b|c)$", "b", true),
        (#"\Aab\z"#, "ab", true), (#"\Aab\z"#, "abc", false),
        // Repetition.
        ("^a*$", "", true), ("^a+$", "", false), ("^a+$", "aaa", true), ("^a?b$", "b", true), ("^a{2}$", "aa", true), ("^a{2}$", "aaa", false),
        ("^a{2,}$", "aaaa", true), ("^a{1,2}$", "aaa", false), ("^a*?$", "aa", true), ("^(ab)+$", "abab", true), ("^(a*)*$", "aa", true),
        ("a{", "a{", true), ("a{,2}", "a{,2}", true), ("a{x}", "a{x}", true), ("^(a|b){2}$", "ba", true), ("^a{0}$", "", true),
        // Classes.
        ("^[abc]$", "b", true), ("^[^abc]$", "b", false), ("^[a-z]+$", "hello", true), ("^[]a]$", "]", true), ("^[a-]$", "-", true),
        ("^[[:alpha:]]+$", "Ab", true), ("^[[:^digit:]]$", "a", true), (#"^[\d_]+$"#, "1_2", true), (#"^[^\D]$"#, "5", true),
        (#"^\w+\.\d$"#, "a_1.5", true), (#"^\S$"#, " ", false), (#"^\pL$"#, "é", true), (#"^\p{Lu}$"#, "é", false), (#"^\PL$"#, "1", true),
        ("^.$", "é", true), ("^.$", "\n", false), ("(?s)^.$", "\n", true), ("^[à-ö]$", "é", true),
        // Escapes.
        (#"\.py$"#, "apy", false), (#"^\x41\x{42}\103$"#, "ABC", true), (#"^\Qa.b\E$"#, "a.b", true), (#"^\Qa.b\E$"#, "axb", false),
        (#"^\t$"#, "\t", true), (#"^a\/b$"#, "a/b", true), (#"^\*$"#, "*", true),
        // Flags and names.
        ("(?i)README", "readme.md", true), ("(?i:r)eadme", "Readme", true), ("(?i:r)eadme", "READme", false), ("(a(?i)b)c", "aBc", true),
        ("(a(?i)b)c", "aBC", false), ("(?P<x>a)(?<y>b)", "ab", true), ("(?m)^b$", "a\nb\nc", true), ("^b$", "a\nb\nc", false), ("(?i)É", "é", true),
        // Boundaries of words.
        (#"\btest\b"#, "a/test.py", true), (#"\btest\b"#, "testing", false), (#"\Best"#, "test", true), (#"\bt"#, "at", false),
    ])
    func searches(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        ("(", "missing ')'"), (")", "unexpected ')'"), ("a)", "unexpected ')'"), ("[a", "missing ']'"), ("[z-a]", "bad range"), ("a**", "'**'"),
        ("a{2}{3}", "repeats a repetition"), ("a{2,1}", "wrong way round"), ("a{1001}", "at most 1000"), ("(?=a)", "looks around"),
        ("(?<!a)b", "looks around"), (#"(a)\1"#, "refers back"), (#"\y"#, "no escape"), ("a\\", "backslash at the end"), ("(?z)", "no group"),
        ("[[:foo:]]", "no character class"), (#"\p{Greek}"#, "no general category"), (#"\xZZ"#, "hex digits"),
        ("((a{1000}){1000}){1000}", "too large"),
        (String(repeating: "(", count: 300), "nested too deeply"), ("(?P<n", "named group"),
    ])
    func badPatternsSayWhy(_ pattern: String, _ reason: String) {
        #expect { try Selection(include: [pattern]) } throws: { error in
            guard let error = error as? SourceError, error.code == .invalidPattern else { return false }
            return error.message.contains(reason) && error.message.contains("include")
        }
    }

    /// Backtracking engines need ages for this one.
    @Test(.timeLimit(.minutes(10))) func timeIsLinear() throws {
        let text = String(repeating: "a", count: 5000)
        #expect(try !matches("^(a+)+$", text + "b"))
        #expect(try matches("(x+x+)+y|a$", text))
    }

    @Test(arguments: [
        // pattern, directory, every path below matches, some path below may match
        ("^app/", "app/", true, true), ("^app/", "lib/", false, false), (#"\.py$"#, "app/", false, true), ("^*.py$", "app/", false, true),
        ("^app/x$", "app/", false, true), ("^app$", "app/", false, false), ("app", "my/app/", true, true), (#"^app/\b"#, "app/", false, true),
        ("^docs/.*$", "docs/", false, true), ("^a/b/c/", "a/", false, true), ("^a/b/c/", "a/x/", false, false), ("", "a/", true, true),
    ])
    func prefixesAreDecided(_ pattern: String, _ directory: String, _ certain: Bool, _ possible: Bool) throws {
        var matcher = PatternMatcher(try PatternProgram(try PatternParser.parse(pattern)))
        let found = matcher.searchPrefix(directory)
        #expect(found.certain == certain)
        #expect(found.possible == possible)
    }
}
