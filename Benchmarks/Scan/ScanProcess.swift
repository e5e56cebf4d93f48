import Source

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The process whose time is the time of a scan: `seaway-scan DIRECTORY CACHE-FILE` prints how many files there are.
///
/// It is a program of its own, as `git` is, so that what other measurements need is not loaded for this one.
@main
struct ScanProcess {
    static func main() async {
        let words = CommandLine.arguments
        do {
            guard words.count == 3 else { throw SourceError(.inaccessible, "usage: seaway-scan DIRECTORY CACHE-FILE") }
            let scan = try await SourceScanner.scan(root: words[1], selection: try Selection(), cacheFile: words[2])
            print(scan.tree.fileCount)
        } catch {
            let text = Array("seaway-scan: \(error)\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
            exit(2)
        }
    }
}
