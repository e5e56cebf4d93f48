import Foundation
import NIOHTTP1

/// What S3 answered to a request.
struct S3Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    /// S3's code, such as `NoSuchKey`. A multipart upload may fail with it after a status of 200.
    var code: String?
    private var namedRegion: String?

    init(status: Int, headers: HTTPHeaders, body: [UInt8], mayHideError: Bool = false) {
        self.status = status
        self.headers = headers
        self.body = body
        guard status >= 300 || mayHideError, let xml = S3XML(body) else { return }
        code = xml.first("Error/Code")
        namedRegion = xml.first("Error/Region")
    }

    var isSuccess: Bool { (200...299).contains(status) && code == nil }
    var isMissing: Bool { status == 404 && code != "NoSuchBucket" }
    var length: Int? { headers.first(name: "content-length").flatMap { Int($0) } }

    /// Whether the same request may succeed later.
    var isTransient: Bool {
        RetryPolicy.isTransient(status: status)
            || ["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted"].contains(code)
    }

    /// The region that the bucket is in, when the answer says that requests must be signed for it.
    /// See <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
    func region(besides current: String) -> String? {
        guard [301, 307, 400, 403].contains(status) else { return nil }
        // Answers to HEAD have no body, so no code.
        let region = headers.first(name: "x-amz-bucket-region") ?? namedRegion
        guard let region, region != current, S3Configuration.isRegion(region) else { return nil }
        return region
    }

    /// The server's clock, when the answer is a refusal of a request whose date is too far from it.
    /// - Parameter signed: the date that the request was signed with.
    func clock(besides signed: Date) -> Date? {
        guard status == 403, let text = headers.first(name: "date"), let date = S3Answer.date(text) else { return nil }
        // S3 takes 15 minutes; answers to HEAD do not name the reason.
        let isFar = abs(date.timeIntervalSince(signed)) > 14 * 60
        return code == "RequestTimeTooSkewed" || isFar ? date : nil
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, as RFC 9110 has servers write it.
    static func date(_ text: String) -> Date? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return formatter.date(from: text)
    }
}
