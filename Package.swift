// swift-tools-version: 6.1
import PackageDescription

// Pure targets decide and import no IO; the others act. `Tests/ArchitectureTests` holds the direction.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "seaway",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "seactl", targets: ["seactl"]),
        .executable(name: "seaway", targets: ["seaway"]),
        .library(name: "KubernetesModel", targets: ["KubernetesModel"]),
        .library(name: "KubernetesClient", targets: ["KubernetesClient"]),
        .library(name: "KubernetesRuntime", targets: ["KubernetesRuntime"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    ],
    targets: [
        // Pure: values and decisions.
        .target(name: "KubernetesModel", swiftSettings: settings),
        .target(
            name: "SeawayAPI",
            dependencies: [
                "KubernetesModel",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: settings),
        .target(name: "SeawayPlan", dependencies: ["KubernetesModel", "SeawayAPI"], swiftSettings: settings),
        .target(
            name: "SeawayDependencies",
            dependencies: [
                "KubernetesModel", "SeawayAPI",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: settings),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .target(
            name: "Source",
            dependencies: ["CZstd", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),

        // IO: Kubernetes.
        .target(
            name: "KubernetesClient",
            dependencies: [
                "KubernetesModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: settings),
        .target(
            name: "KubernetesRuntime",
            dependencies: ["KubernetesModel", "KubernetesClient", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings),

        // IO: stores and registries.
        .target(
            name: "ObjectStore",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: settings),
        .target(
            name: "SourceTransfer",
            dependencies: ["Source", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .target(
            name: "SourceService",
            dependencies: [
                "CZstd", "ObjectStore", "Source", "SourceTransfer",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: settings),
        .target(
            name: "ContainerRegistry",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: settings),

        .target(
            name: "RegistryGateway",
            dependencies: [
                "ContainerRegistry", "SourceService", "SourceTransfer",
                .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: settings),

        // The two programs.
        .target(
            name: "SeawayOperator",
            dependencies: [
                "ContainerRegistry", "KubernetesClient", "KubernetesModel", "KubernetesRuntime", "ObjectStore",
                "RegistryGateway", "SeawayAPI", "SeawayPlan", "Source", "SourceService", "SourceTransfer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "X509", package: "swift-certificates"),
            ], swiftSettings: settings),
        .target(
            name: "SeactlKit",
            dependencies: [
                "KubernetesClient", "KubernetesModel", "InstallManifests", "SeawayAPI", "SeawayLocal", "SeawayDependencies", "Source",
                "SourceTransfer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: settings),
        .target(
            name: "InstallManifests",
            dependencies: ["KubernetesModel", "ObjectStore", "SeawayAPI"], path: "config",
            exclude: [
                "crd/kustomization.yaml", "default", "operator/kustomization.yaml", "rbac/kustomization.yaml", "registry/kustomization.yaml",
                "store/kustomization.yaml",
            ],
            sources: ["InstallManifests.swift", "InstallOptions.swift", "InstallS3.swift"],
            resources: [
                .embedInCode("crd/environments.yaml"), .embedInCode("operator/namespace.yaml"), .embedInCode("operator/operator.yaml"),
                .embedInCode("rbac/cluster-role.yaml"), .embedInCode("rbac/people.yaml"), .embedInCode("rbac/role.yaml"),
                .embedInCode("registry/registry.yaml"),
                .embedInCode("store/store.yaml"),
            ],
            swiftSettings: settings),
        .target(
            name: "SeawayLocal",
            dependencies: [
                "KubernetesModel", "SeawayAPI", "SeawayPlan", "Source", .product(name: "Subprocess", package: "swift-subprocess"),
            ], swiftSettings: settings),
        .executableTarget(name: "seactl", dependencies: ["SeactlKit"], swiftSettings: settings),
        .executableTarget(
            name: "seaway", dependencies: ["SeawayOperator", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: settings),
        // Measures, is not shipped.
        .executableTarget(name: "seaway-bench", dependencies: ["Source"], path: "Benchmarks", exclude: ["run"], swiftSettings: settings),

        // Tests.
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
        .target(name: "Fuzzing", path: "Tests/Fuzzing", swiftSettings: settings),
        .testTarget(name: "KubernetesModelTests", dependencies: ["KubernetesModel"], swiftSettings: settings),
        .testTarget(
            name: "KubernetesClientTests",
            dependencies: [
                "Fuzzing", "KubernetesClient", "KubernetesModel",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: settings),
        .testTarget(
            name: "KubernetesRuntimeTests", dependencies: ["KubernetesClient", "KubernetesModel", "KubernetesRuntime"], swiftSettings: settings),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: [
                "ContainerRegistry", "InstallManifests", "KubernetesClient", "KubernetesModel", "KubernetesRuntime", "ObjectStore", "SeawayAPI",
                "SeawayOperator", "SeawayPlan", "SourceService",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ], swiftSettings: settings),
        .testTarget(
            name: "SourceTests", dependencies: ["Fuzzing", "Source"], exclude: ["dockerignore.json"], swiftSettings: settings),
        .testTarget(
            name: "SourceServiceTests",
            dependencies: [
                "ObjectStore", "Source", "SourceService", "SourceTransfer",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ], swiftSettings: settings),
        .target(
            name: "ScriptedServer",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], path: "Tests/ScriptedServer", swiftSettings: settings),
        .testTarget(
            name: "ObjectStoreTests",
            dependencies: [
                "Fuzzing", "ObjectStore", "ScriptedServer", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: settings),
        .testTarget(
            name: "ContainerRegistryTests",
            dependencies: [
                "ContainerRegistry", "DebianRegistry", "Fuzzing", "ScriptedServer",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: settings),
        .target(
            name: "DebianRegistry",
            dependencies: ["ScriptedServer", .product(name: "Crypto", package: "swift-crypto"), .product(name: "NIOHTTP1", package: "swift-nio")],
            path: "Tests/DebianRegistry", swiftSettings: settings),
        .testTarget(
            name: "RegistryGatewayTests",
            dependencies: [
                "ContainerRegistry", "DebianRegistry", "ObjectStore", "RegistryGateway", "ScriptedServer", "SourceService",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: settings),
        .testTarget(name: "SeawayAPITests", dependencies: ["InstallManifests", "KubernetesModel", "SeawayAPI"], swiftSettings: settings),
        .testTarget(name: "SeawayPlanTests", dependencies: ["KubernetesModel", "SeawayAPI", "SeawayPlan"], swiftSettings: settings),
        .testTarget(name: "SeawayDependenciesTests", dependencies: ["KubernetesModel", "SeawayAPI", "SeawayDependencies"], swiftSettings: settings),
        .testTarget(
            name: "SeawayOperatorTests",
            dependencies: ["KubernetesModel", "SeawayOperator", .product(name: "NIOSSL", package: "swift-nio-ssl")], swiftSettings: settings),
        .testTarget(
            name: "SeawayLocalTests",
            dependencies: [
                "KubernetesModel", "SeawayAPI", "SeawayLocal", "SeawayPlan", "Source", .product(name: "Subprocess", package: "swift-subprocess"),
            ], swiftSettings: settings),
        .testTarget(
            name: "SeactlKitTests", dependencies: ["KubernetesClient", "KubernetesModel", "SeactlKit", "SeawayAPI", "Source"], swiftSettings: settings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "ContainerRegistry", "DebianRegistry", "KubernetesClient", "KubernetesModel", "ObjectStore", "ScriptedServer", "SeawayAPI", "Source",
                "SourceTransfer",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], swiftSettings: settings),
    ]
)
