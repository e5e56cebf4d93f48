/// Reads the versions that API servers tell: `v1.31.2`, `v1.34.1+k3s1`.
enum KubernetesVersion {
    /// - Returns: `false` for what is no version.
    static func isAtLeast(_ major: Int, _ minor: Int, _ version: String) -> Bool {
        let numbers = version.drop { !$0.isNumber }.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) ?? 0 }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) >= (major, minor)
    }
}
