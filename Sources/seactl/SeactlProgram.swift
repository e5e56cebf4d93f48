import SeactlKit

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

@main
struct SeactlProgram {
    static func main() async {
        let status = await Seactl.main(Array(CommandLine.arguments.dropFirst()), in: .live())
        exit(status.rawValue)
    }
}
