import Foundation

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#endif

/// What of a machine decides how Podman must be set up on it.
public struct PodmanMachine: Sendable, Equatable {
    public var isLinux: Bool
    public var isRoot: Bool
    /// CAP_SYS_RESOURCE: the right to raise hard limits, which Podman's defaults need when it runs as root.
    public var mayRaiseLimits: Bool
    /// Whether the kernel's control groups are version 2 only.
    public var hasUnifiedCgroups: Bool
    public var hasSystemd: Bool
    public var hasRunc: Bool
    /// Hard limits of this process.
    public var openFiles: UInt64
    public var processes: UInt64

    public init(
        isLinux: Bool, isRoot: Bool, mayRaiseLimits: Bool, hasUnifiedCgroups: Bool, hasSystemd: Bool, hasRunc: Bool, openFiles: UInt64,
        processes: UInt64
    ) {
        self.isLinux = isLinux
        self.isRoot = isRoot
        self.mayRaiseLimits = mayRaiseLimits
        self.hasUnifiedCgroups = hasUnifiedCgroups
        self.hasSystemd = hasSystemd
        self.hasRunc = hasRunc
        self.openFiles = openFiles
        self.processes = processes
    }

    /// Control groups of version 1 cannot be handed to a user.
    public var mayLimitMemory: Bool { !isLinux || isRoot || hasUnifiedCgroups }

    /// The containers.conf that Podman needs here; `nil` where its own settings will do.
    ///
    /// Pure. What each line is for: a container's limits may not be above the hard ones without CAP_SYS_RESOURCE; crun starts
    /// nothing on mixed cgroups; without systemd there is no cgroup manager and no journal of its own to use.
    public var configuration: String? {
        guard isLinux else { return nil }
        var containers: [String] = []
        var engine: [String] = []
        if isRoot, !mayRaiseLimits {
            containers.append(
                "default_ulimits = [\"nofile=\(min(openFiles, 1_048_576)):\(min(openFiles, 1_048_576))\", "
                    + "\"nproc=\(min(processes, 4096)):\(min(processes, 4096))\"]")
        }
        if isRoot, !hasUnifiedCgroups, hasRunc { engine.append("runtime = \"runc\"") }
        if !hasSystemd { engine += ["cgroup_manager = \"cgroupfs\"", "events_logger = \"file\""] }
        guard !containers.isEmpty || !engine.isEmpty else { return nil }
        return "[containers]\n" + containers.map { $0 + "\n" }.joined() + "[engine]\n" + engine.map { $0 + "\n" }.joined()
    }

    /// This machine.
    public static func current(path: String?) -> PodmanMachine {
        #if os(Linux)
            // proc(5): the columns are the name, the soft and the hard limit.
            let limits = (try? String(contentsOfFile: "/proc/self/limits", encoding: .utf8)) ?? ""
            func limit(_ name: String) -> UInt64 {
                let line = limits.split(separator: "\n").first { $0.hasPrefix(name) }
                guard let hard = line?.dropFirst(name.count).split(separator: " ").dropFirst().first else { return 1024 }
                return hard == "unlimited" ? .max : UInt64(hard) ?? 1024
            }
            // capabilities(7): CAP_SYS_RESOURCE is bit 24.
            let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
            let effective = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }?.split(whereSeparator: \.isWhitespace).last
            let capabilities = effective.flatMap { UInt64($0, radix: 16) } ?? 0
            return PodmanMachine(
                isLinux: true, isRoot: geteuid() == 0, mayRaiseLimits: capabilities & (1 << 24) != 0,
                hasUnifiedCgroups: FileManager.default.fileExists(atPath: "/sys/fs/cgroup/cgroup.controllers"),
                hasSystemd: FileManager.default.fileExists(atPath: "/run/systemd/system"),
                hasRunc: PodmanSetup.find("runc", path: (path ?? "") + ":/usr/bin:/usr/sbin:/usr/local/bin") != nil,
                openFiles: limit("Max open files"), processes: limit("Max processes"))
        #else
            return PodmanMachine(
                isLinux: false, isRoot: false, mayRaiseLimits: true, hasUnifiedCgroups: true, hasSystemd: true, hasRunc: false, openFiles: 0,
                processes: 0)
        #endif
    }
}
