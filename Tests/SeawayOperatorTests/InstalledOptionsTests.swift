import ArgumentParser
import InstallManifests
import KubernetesModel
import SeawayPlan
import Testing

@testable import SeawayOperator

/// What `seactl install` puts into the operator's command line is what the operator understands.
struct InstalledOptionsTests {
    private func installed(_ options: InstallOptions) throws -> OperatorCommand {
        let deployment = try #require(
            try InstallManifests.objects(options).first { $0["kind"] == "Deployment" && $0["metadata"]?["name"] == "seaway" })
        let container = deployment["spec"]?["template"]?["spec"]?["containers"]?[0]
        let arguments = container?["args"]?.arrayValue?.compactMap(\.stringValue) ?? []
        try #require(arguments.first == "operator")
        return try OperatorCommand.parse(Array(arguments.dropFirst()))
    }

    @Test func `the defaults are sane`() throws {
        let command = try installed(InstallOptions())
        #expect(command.workers == 8 && command.maxConcurrentBuilds == 4)
        #expect(command.buildDeadline == 1800 && command.progressDeadline == 300 && command.patience == 120 && command.buildRetries == 0)
        #expect(command.terminationGracePeriod == 10 && command.drainSeconds == 4 && command.cacheSize == "10Gi" && command.logLevel == "info")
    }

    @Test func `every option arrives`() throws {
        var options = InstallOptions()
        options.tuning.workers = 3
        options.tuning.maxConcurrentBuilds = 9
        options.tuning.buildDeadline = 60
        options.tuning.buildRetries = 2
        options.tuning.progressDeadline = 61
        options.tuning.patience = 62
        options.tuning.terminationGracePeriod = 0
        options.tuning.drainSeconds = 0
        options.tuning.cacheSize = "1Gi"
        options.tuning.buildkitImage = "own/buildkit:1"
        options.tuning.kanikoImage = "own/kaniko:1"
        options.tuning.logLevel = "debug"
        let command = try installed(options)
        #expect(command.workers == 3 && command.maxConcurrentBuilds == 9 && command.logLevel == "debug" && command.drainSeconds == 0)
        let settings = command.settings(certificateAuthority: "PEM")
        #expect(settings.buildDeadline == 60 && settings.buildRetries == 2 && settings.progressDeadline == 61 && settings.patience == 62)
        #expect(settings.builderImages.buildkit == "own/buildkit:1" && settings.builderImages.kaniko == "own/kaniko:1")
        #expect(settings.terminationGracePeriod == 0 && settings.cacheSize == "1Gi")
    }
}
