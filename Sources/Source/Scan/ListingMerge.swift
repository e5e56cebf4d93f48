/// Puts the listings of directories together to one, in the order of a tree.
struct ListingMerge {
    private(set) var entries: [SourceTree.Entry]
    private(set) var origins: [DirectoryListings.Origin] = []
    /// Files of which the content is not known, by their entries.
    private(set) var unknown: [(entry: Int, stamp: FileStamp)] = []

    private var found: [DirectoryListings]
    /// Where the listing with a number is.
    private let places: [(part: Int, listing: Int)]
    /// Of each number whether anything in the directory or below it is taken.
    private let isNeeded: [Bool]

    /// - Parameters:
    ///   - found: Listings that have the numbers from 0, which is the root's; directories have higher ones than those above them.
    ///   - count: How many they are.
    init(_ found: consuming [DirectoryListings], count: Int) {
        var places = [(part: Int, listing: Int)](repeating: (0, 0), count: count)
        for (part, listings) in found.enumerated() {
            for (index, listing) in listings.listings.enumerated() { places[listing.number] = (part, index) }
        }
        var isNeeded = [Bool](repeating: false, count: count)
        var total = 0
        for number in places.indices.reversed() {
            let place = places[number]
            let listing = found[place.part].listings[place.listing]
            let empty = found[place.part].below[listing.below].count { !$0.taken && !isNeeded[$0.number] }
            isNeeded[number] = listing.entries.count > empty
            total += listing.entries.count - empty
        }
        entries = [SourceTree.Entry](repeating: Self.placeholder, count: total)
        origins.reserveCapacity(total)
        self.found = found
        self.isNeeded = isNeeded
        self.places = places
        append(0)
    }

    private static let placeholder = SourceTree.Entry(path: "", kind: .directory)

    private mutating func append(_ number: Int) {
        let (part, index) = places[number]
        let listing = found[part].listings[index]
        var next = listing.entries.lowerBound
        var empty: Set<Int> = []
        for below in found[part].below[listing.below] where !below.taken && !isNeeded[below.number] { empty.insert(below.entry) }
        for index in listing.below {
            let below = found[part].below[index]
            move(next..<below.next, of: part, without: empty)
            append(below.number)
            next = below.next
        }
        move(next..<listing.entries.upperBound, of: part, without: empty)
    }

    private mutating func move(_ range: Range<Int>, of part: Int, without empty: Set<Int>) {
        guard empty.isEmpty else {
            for index in range where !empty.contains(index) { move(index..<(index + 1), of: part, without: []) }
            return
        }
        let filled = origins.count
        Self.swap(&found[part].entries, range, &entries, filled)
        origins += found[part].origins[range]
        guard !found[part].unknown.isEmpty else { return }
        for index in filled..<origins.count {
            guard case .unknown(let number) = origins[index] else { continue }
            origins[index] = .unknown(Int32(unknown.count))
            unknown.append((index, found[part].unknown[Int(number)]))
        }
    }

    /// Entries change places instead of being copied: copies would touch the memory of each path, most of which was written by
    /// another processor.
    private static func swap(_ source: inout [SourceTree.Entry], _ range: Range<Int>, _ target: inout [SourceTree.Entry], _ start: Int) {
        source.withUnsafeMutableBufferPointer { source in
            target.withUnsafeMutableBufferPointer { target in
                for index in range { Swift.swap(&source[index], &target[start + index - range.lowerBound]) }
            }
        }
    }
}
