import Testing

@testable import SeactlKit

/// The help texts are an interface of their own: a change of them is meant, or it is a mistake.
@Suite struct HelpTests {
    private func help(_ arguments: String...) async throws -> String {
        let test = try TestSystem()
        #expect(await Seactl.main(arguments + ["--help"], in: test.system()) == .done)
        return test.stdout
    }

    @Test func topLevel() async throws {
        #expect(
            try await help() == """
                OVERVIEW: Runs your application on a Kubernetes cluster from the source tree on
                this machine.

                seactl sends the source tree to Seaway in the cluster, which builds the image,
                deploys it and tells what happened. It needs a kubeconfig and nothing else.

                Exit codes: 0 done; 1 `deps diff` found a difference; 2 bad input (usage,
                manifest, files); 3 the cluster refused or cannot be reached; 4 build failed; 5
                deployment failed; 6 timed out; 7 a dependency failed; 130 interrupted.

                USAGE: seactl <subcommand>

                OPTIONS:
                  --version               Show the version.
                  -h, --help              Show help information.

                SUBCOMMANDS:
                  env                     Works with the environments of the manifest.
                  deps                    Works with the dependencies of the manifest: what the
                                          application needs besides itself.
                  manifest                Helps to write manifests.
                  install                 Installs Seaway into the cluster, or brings it up to
                                          date.
                  uninstall               Removes Seaway from the cluster, with its registry
                                          and its stored sources.
                  doctor                  Checks what Seaway needs on this machine and in the
                                          cluster, and says what to do about each finding.
                  version                 Shows the version of seactl.

                  See 'seactl help <subcommand>' for detailed help.

                """)
    }

    @Test func environmentSync() async throws {
        #expect(
            try await help("env", "sync") == """
                OVERVIEW: Sends the sources, builds the image, deploys it and waits until it
                answers.

                Only files that the cluster does not have yet are sent. When the same sources
                already run with the same settings, nothing is sent or built. A build or
                deployment that failed is tried again. Ctrl-C ends the waiting; the build goes
                on in the cluster.

                USAGE: seactl env sync [<options>] [<environment>]

                ARGUMENTS:
                  <environment>           The environment's name in the manifest; default the
                                          manifest's defaultEnvironment, or its only one.

                GLOBAL OPTIONS:
                  --context <context>     The context of the kubeconfig to use.
                  --kubeconfig <kubeconfig>
                                          The kubeconfig; default $KUBECONFIG, else
                                          ~/.kube/config.
                  -v, --verbose           Show the requests to the cluster on stderr.
                  --local                 Build and run on this machine with Podman; the
                                          default when no cluster is configured.
                  -n, --namespace <namespace>
                                          The namespace, instead of the manifest's.
                  --manifest <manifest>   The manifest; the sources are the files beside it.
                                          (default: manifest.yaml)
                  -o, --output <output>   What stdout gets: text, or the Kubernetes object as
                                          json or yaml. (values: text, json, yaml; default:
                                          text)

                OPTIONS:
                  --timeout <timeout>     How long to wait until the environment is ready: 90s,
                                          15m, 1h. (default: 15m)
                  --patience <patience>   How long the API server, the operator or its object
                                          store may be away meanwhile before the sync gives up.
                                          (default: 2m)
                  --take-over             Overwrite the environment though it belongs to
                                          somebody else.
                  -y, --yes               Go on though the last sync of this manifest went to
                                          another context.
                  --with-deps             Apply the dependencies first, as `seactl deps apply`
                                          does.
                  --version               Show the version.
                  -h, --help              Show help information.

                """)
    }
}
