import Foundation

/// Something that kept a measurement from being made.
struct BenchmarkError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Another program, found in PATH or by its path, with what it needs to run.
struct Program {
    var words: [String]
    var directory: String?
    /// Added to this process's own.
    var variables: [String: String] = [:]
    /// Where its errors go; they are shown when it fails.
    var errors: String?

    init(_ words: [String], in directory: String? = nil, variables: [String: String] = [:]) {
        self.words = words
        self.directory = directory
        self.variables = variables
    }

    struct Result {
        var output: String
        /// From just before it was started until it had ended.
        var seconds: Double
    }

    /// Runs it to its end.
    /// - Throws: `BenchmarkError` when it cannot be started or ends with another code than 0.
    @discardableResult
    func run() throws -> Result {
        let clock = ContinuousClock()
        let pipe = Pipe()
        let errors = FileManager.default.temporaryDirectory.appendingPathComponent("bench-\(UUID().uuidString)")
        try Data().write(to: errors)
        defer { try? FileManager.default.removeItem(at: errors) }
        let began = clock.now
        let process = try launch(output: pipe, errors: try FileHandle(forWritingTo: errors))
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let took = clock.now - began
        guard process.terminationStatus == 0 else {
            let said = ((try? String(contentsOf: errors, encoding: .utf8)) ?? "") + String(decoding: output, as: UTF8.self).suffix(400)
            throw BenchmarkError("`\(words.prefix(4).joined(separator: " "))` ended with code \(process.terminationStatus): \(said.suffix(600))")
        }
        return Result(output: String(decoding: output, as: UTF8.self), seconds: took.inSeconds)
    }

    struct Print {
        /// In seconds since 1970; `nil` when the text never came.
        var at: Double?
        var code: Int32
        var output: String
    }

    /// Runs it to its end, whatever its code, and notes when a text has arrived from it, on either stream.
    func firstPrint(of text: String) throws -> Print {
        let pipe = Pipe()
        let process = try launch(output: pipe.fileHandleForWriting, errors: pipe.fileHandleForWriting)
        try pipe.fileHandleForWriting.close()
        var print = Print(code: -1, output: "")
        while case let data = pipe.fileHandleForReading.availableData, !data.isEmpty {
            let time = Date().timeIntervalSince1970
            print.output += String(decoding: data, as: UTF8.self)
            if print.at == nil, print.output.contains(text) { print.at = time }
        }
        process.waitUntilExit()
        print.code = process.terminationStatus
        return print
    }

    /// Starts it and leaves it running.
    func start(log: String) throws -> Process {
        try Data().write(to: URL(fileURLWithPath: log))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        return try launch(output: file, errors: file)
    }

    private func launch(output: Any, errors: FileHandle) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.environment = ProcessInfo.processInfo.environment.merging(variables) { _, new in new }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return process
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// Asks again and again until there is an answer.
/// - Throws: `BenchmarkError` that says what was waited for.
func wait<Answer>(for what: String, upTo limit: Duration, every pause: Double = 0.01, _ answer: () throws -> Answer?) throws -> Answer {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if let found = try answer() { return found }
        Thread.sleep(forTimeInterval: pause)
    }
    throw BenchmarkError("\(what) did not happen within \(Int(limit.inSeconds)) s")
}
