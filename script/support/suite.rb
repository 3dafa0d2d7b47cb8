# frozen_string_literal: true

require_relative "step"

# Every check of the project in order: what `script/test` runs and CI with it. The last line it
# prints is `N passed, N failed, N skipped`.
class Suite
  ROOT = File.expand_path("../..", __dir__)

  RUST = [
    Step.new("rustfmt", %w[cargo fmt --all --check]),
    Step.new("clippy", %w[cargo clippy --workspace --all-targets --features hyperion-engine/model --locked --quiet -- -D warnings]),
    Step.new("cargo doc", %w[cargo doc --workspace --no-deps --document-private-items --locked --quiet], environment: { "RUSTDOCFLAGS" => "-D warnings" }),
    Step.new("tidy", %w[ruby script/tidy]),
    Step.new("cargo deny", %w[cargo deny --locked --log-level error check bans licenses sources],
      requires: %w[cargo deny --version]),
    Step.new("cargo test", %w[cargo test --workspace --exclude hyperion-ext --locked --no-fail-fast --quiet], counted: true),
    Step.new("mutations", %w[cargo test --package hyperion-proto --package hyperion-engine --profile mutations --locked --quiet
      --test http1 --test http2 --test files -- mutations second_opinion], environment: { "FUZZ_CASES" => "100000", "PROPTEST_RNG_SEED" => "1" }, counted: true),
    Step.new("models", %w[cargo test --package hyperion-engine --features model --lib --locked --quiet models::], counted: true)
  ].freeze

  # More at once would make tests of deadlines unsure on two cores.
  WORKERS = 2

  # These use every core themselves, so nothing runs beside them.
  ALONE = %r{/package_test\.rb\z}
  ALONE_TIMEOUT_S = 1200

  # Its tests hold for both drivers.
  TWO_DRIVERS = %r{\Atest/integration/(?:fibers|grpc|http|http2|native|tls)/}
  ASKS_IO_URING = ["ruby", "#{__dir__}/io_uring.rb"].freeze

  # @param arguments [Array<String>] `rust`, `ruby`, files and folders; none means all
  def initialize(arguments, from: Dir.pwd)
    @parts = arguments & %w[rust ruby]
    @paths = (arguments - @parts).map { |path| File.expand_path(path, from) }
    @all = arguments.empty?
  end

  # @return [Boolean] whether nothing failed
  def run
    Dir.chdir(ROOT)
    alone, shared = file_steps.partition { |step| step.name.split.first.match?(ALONE) }
    results = (rust? ? run_each(RUST, 1) : []) + run_each(shared, WORKERS) + run_each(alone, 1)
    report(results)
    results.any? && results.none?(&:failed?)
  end

  private

  def rust? = @all || @parts.include?("rust")

  def files
    folders = @all || @parts.include?("ruby") ? [*@paths, "#{ROOT}/test"] : @paths
    folders.flat_map { |path| files_of(path) }.uniq.map { |path| path.delete_prefix("#{ROOT}/") }
  end

  def files_of(path)
    found = File.directory?(path) ? Dir["#{path}/**/*_test.rb"].sort : [path]
    found.each { |file| abort "script/test: no file #{file}" unless File.file?(file) }
  end

  def file_steps
    chosen = ENV["HYPERION_IO"]
    found = files
    return found.map { |file| step(file) } if chosen

    found.map { |file| step(file, { "HYPERION_IO" => "epoll" }) } +
      found.grep(TWO_DRIVERS).map { |file| step(file, { "HYPERION_IO" => "io_uring" }, requires: ASKS_IO_URING) }
  end

  def step(file, environment = {}, **options)
    options[:timeout] = ALONE_TIMEOUT_S if file.match?(ALONE)
    Step.ruby(file, environment, **options)
  end

  # Runs the steps by so many threads; prints each result in its turn.
  def run_each(steps, workers)
    turns = steps.map { |step| [step, Queue.new] }
    queue = Queue.new(turns).close
    Array.new(workers) { Thread.new { drain(queue) }.tap { |thread| thread.abort_on_exception = true } }
    turns.map { |_, answer| answer.pop.tap { |result| announce(result) } }
  end

  def drain(queue)
    while (step, answer = queue.pop)
      answer << step.run
    end
  end

  def announce(result)
    print result.text.sub(/\n*\z/, "\n") if result.failed?
    puts result.line
  end

  def report(results)
    results.select(&:failed?).each { |result| puts "FAILED #{result.step.name}" }
    puts "no test was run" if results.empty?
    sums = %i[passed failed skipped].map { |count| results.sum(&count) }
    puts format("%d passed, %d failed, %d skipped", *sums)
  end
end

if $PROGRAM_NAME == __FILE__
  $stdout.sync = true
  exit(Suite.new(ARGV).run)
end
