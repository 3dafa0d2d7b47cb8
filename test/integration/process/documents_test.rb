# frozen_string_literal: true

require_relative "process_case"
require_relative "../tls/authority"
require "shellwords"

# Nothing in README, docs or examples that was not run: every Ruby block, every command line, every example.
class DocumentsTest < HyperionTest::ProcessCase
  DOCUMENTS = Dir["#{ROOT}/{README.md,docs/**/*.md}"].sort.freeze
  APPS = Dir["#{ROOT}/examples/**/*.ru"].sort.freeze
  CONFIGURATIONS = Dir["#{ROOT}/examples/**/*.rb"].sort.freeze

  Block = Struct.new(:document, :line, :language, :text) do
    def name = "#{File.basename(document, ".md")}_line_#{line}"
    def app? = text.match?(/^\s*run\b/)
    def program? = text.match?(/require ["']hyperion["']|Hyperion::Server\.new/)
    def gemfile? = text.match?(/^\s*gem\b/)
  end

  def self.blocks(*languages)
    DOCUMENTS.flat_map do |document|
      File.read(document).to_enum(:scan, /^```(\w+)\n(.*?)^```$/m).filter_map do
        match = Regexp.last_match
        Block.new(document, match.pre_match.count("\n") + 1, match[1], match[2]) if languages.include?(match[1])
      end
    end
  end

  def self.commands
    blocks("sh", "bash", "shell", "console").flat_map do |block|
      block.text.gsub("\\\n", " ").lines.map { |line| line.sub(/\A\$\s+/, "").sub(/\s#.*$/, "").strip }
        .grep(%r{\A(?:[A-Z_]+=\S+ )*(?:bundle exec )?(?:exe/)?hyperion\b}).map { |line| [block, line] }
    end
  end

  blocks("ruby").each do |block|
    define_method("test_W17_ruby_of_#{block.name}") do
      if block.gemfile? then skip "a Gemfile"
      elsif block.program? then assert_runs(block)
      elsif block.app? then assert_serves(block.text)
      else assert_configures(block.text)
      end
    end
  end

  commands.each_with_index do |(block, line), i|
    define_method("test_W17_command_#{i}_of_#{block.name}") { assert_accepted(line) }
  end

  APPS.each do |path|
    define_method("test_W17_example_#{File.basename(path, ".ru").tr("-", "_")}") { assert_serves_file(path) }
  end

  CONFIGURATIONS.each do |path|
    define_method("test_W17_configuration_#{File.basename(path, ".rb").tr("-", "_")}") { assert_configures(File.read(path)) }
  end

  def test_W17_the_examples_are_there
    assert_includes APPS.map { |path| File.basename(path) }, "hello.ru"
    assert_includes DOCUMENTS.map { |path| File.basename(path) }, "README.md"
    refute_empty self.class.commands
  end

  private

  def assert_serves(text) = assert_serves_file(file("config.ru", text))

  def assert_serves_file(path)
    example = boot(path)
    assert_operator get("/", to: example).status, :<, 500, example.log
    assert_equal 0, example.stop.exitstatus, example.log
  end

  # The example as it stands, with only the address moved out of the way of other servers.
  def assert_configures(text)
    config = file("hyperion.rb", text.gsub(/^(\s*)(bind|pid_file|log_file)\b.*$/, '\1# \2'))
    file("whole.rb", text)
    write_certificates
    out, err, status = run_hyperion("check", "-C", "#{dir}/whole.rb", "#{ROOT}/#{BASIC}", chdir: dir)
    assert status.success?, out + err
    configured = boot(BASIC, "-C", config, chdir: dir)
    scheme = configured.log[%r{Listening on (https?)://}, 1]
    assert_equal "200", capture("curl", "-ks", "-o", File::NULL, "-w", "%{http_code}", "#{scheme}://#{configured.authority}/pid").first
    assert_equal 0, configured.stop.exitstatus, configured.log
  end

  # The files that documents name.
  def write_certificates
    authority = HyperionTest::Authority.new(FileUtils.mkdir_p("#{dir}/config/tls").first, name: "ca")
    authority.issue("localhost", file: "server")
    authority.issue("shop.example", file: "shop")
  end

  def assert_runs(block)
    path = file("program.rb", block.text)
    out, err, status = capture(RbConfig.ruby, "-I#{ROOT}/lib", path, chdir: dir)
    assert status.success?, "#{block.name}: #{out}#{err}"
  end

  # `hyperion … config.ru` as documented, but only checked: its port may be taken here.
  def assert_accepted(line)
    words = Shellwords.split(line)
    env = {}
    env.store(*words.shift.split("=", 2)) while words.first.match?(/\A[A-Z_]+=/)
    words.shift(2) if words.first == "bundle"
    words.shift
    file("config.ru", File.read("#{ROOT}/#{BASIC}"))
    File.chmod(0o600, file("config/admin-token", "open-sesame\n"))
    write_certificates
    FileUtils.cp_r("#{ROOT}/examples", dir) if Dir.exist?("#{ROOT}/examples")
    words.unshift("check") unless words.first == "check" || words.intersect?(%w[-h --help -V --version])
    out, err, status = run_hyperion(*words, env: env, chdir: dir)
    assert status.success?, "#{line}: #{out}#{err}"
  end
end
