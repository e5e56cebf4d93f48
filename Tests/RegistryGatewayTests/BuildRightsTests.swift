import Testing

@testable import RegistryGateway

@Suite struct BuildRightsTests {
    private let rights = BuildRights(repository: "shop/web", readable: ["base/", "library/python"])

    private func code(_ method: String, _ path: String) throws -> String {
        let request = try #require(BuildRequest(path: path), "\(path)")
        switch rights.verdict(on: method, request) {
        case .allowed(let scope): return scope
        case .refused(let code, _): return code
        }
    }

    @Test(arguments: [
        ("POST", "shop/web/blobs/uploads/"), ("POST", "shop/web/blobs/uploads"), ("PATCH", "shop/web/blobs/uploads/abc_-"),
        ("PUT", "shop/web/blobs/uploads/abc"), ("GET", "shop/web/blobs/uploads/abc"), ("PUT", "shop/web/manifests/v1"),
        ("PUT", "shop/web/cache/manifests/0a1b"), ("POST", "shop/web/cache/blobs/uploads/"),
    ])
    func `a build writes its own repository and cache`(method: String, path: String) throws {
        let repository = path.hasPrefix("shop/web/cache") ? "shop/web/cache" : "shop/web"
        #expect(try code(method, path) == "repository:\(repository):pull,push")
    }

    @Test(arguments: [
        "shop/web/manifests/v1", "shop/web/blobs/sha256:0a", "shop/web/tags/list", "shop/web/cache/blobs/sha256:0a", "base/debian/manifests/12",
        "base/a/b/blobs/sha256:0a", "library/python/manifests/3", "library/python/slim/manifests/3", "shop/web/referrers/sha256:0a",
    ])
    func `a build reads its own and what is allowed by name`(path: String) throws {
        for method in ["GET", "HEAD"] { #expect(try code(method, path).hasSuffix(":pull")) }
    }

    @Test(arguments: [
        ("POST", "shop/other/blobs/uploads/"), ("PUT", "other/web/manifests/v1"), ("PUT", "shop/web2/manifests/v1"),
        ("PUT", "shop/web/cache/more/manifests/v1"), ("PUT", "shop/manifests/v1"), ("PUT", "base/debian/manifests/12"),
        ("PATCH", "other/web/blobs/uploads/abc"), ("GET", "other/web/manifests/v1"), ("GET", "other/web/blobs/sha256:0a"),
        ("GET", "shop/other/tags/list"), ("HEAD", "library/python2/manifests/3"), ("GET", "bases/x/manifests/1"),
        ("GET", "base/manifests/1"),
    ])
    func `everything else is denied`(method: String, path: String) throws {
        #expect(try code(method, path) == "DENIED")
    }

    @Test(arguments: [("DELETE", "shop/web/manifests/v1"), ("DELETE", "shop/web/blobs/sha256:0a"), ("POST", "shop/web/manifests/v1")])
    func `nothing is removed`(method: String, path: String) throws {
        #expect(try code(method, path) == "UNSUPPORTED")
    }

    @Test(arguments: [
        "_catalog", "", "manifests/v1", "shop/web", "shop/web/manifests/v1/x", "shop/../other/web/manifests/v1", "shop//web/manifests/v1",
        "shop/%77eb/manifests/v1", "Shop/web/manifests/v1", "shop/web/manifests/v1%2Fx", "shop/web/manifests/a?b", "/shop/web/manifests/v1",
        "shop/web/blobs/uploads/a/b", "shop/.web/manifests/v1", "shop/web./manifests/v1",
    ])
    func `paths that may mean several things mean none`(path: String) {
        #expect(BuildRequest(path: path) == nil)
    }

    @Test func `an upload's place is known by its seal, in its own repository and process`() {
        let locations = UploadLocations()
        let url = "https://uploads.example/part?signature=hidden&x=é"
        let name = locations.name(for: url, repository: "shop/web")
        #expect(locations.url(named: name, repository: "shop/web") == url)
        #expect(locations.url(named: name, repository: "shop/other") == nil)
        #expect(UploadLocations().url(named: name, repository: "shop/web") == nil)
        #expect(BuildRequest(path: "shop/web/blobs/uploads/\(name)")?.resource == .upload(name: name))
        for wrong in ["", "a", String(name.dropLast(4)), "A" + name.dropFirst(), String(repeating: "A", count: 80)] {
            #expect(locations.url(named: wrong, repository: "shop/web") == nil || wrong == name, "\(wrong)")
        }
    }
}
