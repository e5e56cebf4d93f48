import ArgumentParser
import SeawayOperator

@main
struct Seaway {
    static func main() async {
        await SeawayCommand.main()
    }
}
