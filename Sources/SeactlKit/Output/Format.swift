/// Numbers for people, the same in every locale so that output can be compared.
enum Format {
    /// `6,012`.
    static func count(_ value: Int) -> String {
        var digits = Array(String(abs(value)))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return (value < 0 ? "-" : "") + String(digits)
    }

    /// `3 files`, `1 file`.
    static func count(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// `512 B`, `12 KiB`, `1.4 MiB`.
    static func bytes(_ value: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var amount = Double(value)
        var unit = 0
        while amount >= 1024, unit < units.count - 1 {
            amount /= 1024
            unit += 1
        }
        return unit < 2 || amount >= 100 ? "\(Int(amount.rounded())) \(units[unit])" : "\(tenths(amount)) \(units[unit])"
    }

    /// `0.4 s`, `1 min 12 s`, `2 h 5 min`.
    static func seconds(_ duration: Duration) -> String {
        let total = max(0, duration / .seconds(1))
        return total < 60 ? "\(tenths(total)) s" : wholeSeconds(duration)
    }

    /// `13 s`, `1 min 12 s`, `2 h 5 min`.
    static func wholeSeconds(_ duration: Duration) -> String {
        let whole = Int(max(0, duration / .seconds(1)))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// A short age as tables have it: `42s`, `5m`, `3h`, `2d`.
    static func age(_ seconds: Double) -> String {
        let whole = max(0, Int(seconds))
        switch whole {
        case ..<120: return "\(whole)s"
        case ..<7200: return "\(whole / 60)m"
        case ..<172_800: return "\(whole / 3600)h"
        default: return "\(whole / 86400)d"
        }
    }

    /// The first 12 digits of a revision or digest.
    static func short(_ digest: String) -> String { String(digest.prefix(12)) }

    private static func tenths(_ value: Double) -> String {
        let scaled = Int((value * 10).rounded())
        return "\(scaled / 10).\(scaled % 10)"
    }
}
