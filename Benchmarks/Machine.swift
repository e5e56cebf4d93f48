import Foundation

/// What the figures are of.
enum Machine {
    static var description: String {
        let information = ProcessInfo.processInfo
        let processor = field("model name", of: "/proc/cpuinfo") ?? "an unknown processor"
        return "\(information.activeProcessorCount) processors (\(processor)), \(Figure.mebibytes(Int(information.physicalMemory))) of memory, "
            + "\(information.operatingSystemVersionString), Linux \(kernel)"
    }

    private static var kernel: String {
        (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    }

    private static func field(_ name: String, of file: String) -> String? {
        let line = (try? String(contentsOfFile: file, encoding: .utf8))?.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
    }
}
