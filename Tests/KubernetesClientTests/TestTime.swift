import Foundation
import Synchronization

/// A clock that stands still until a test sets it.
final class TestTime: Sendable {
    private let value: Mutex<Date>
    init(_ date: Date) { value = Mutex(date) }

    var now: Date {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
