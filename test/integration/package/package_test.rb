# frozen_string_literal: true

require_relative "../process/process_case"

# The gem, built from the checkout and installed into an empty GEM_HOME, serves a request.
class PackageTest < HyperionTest::ProcessCase
  BUILD_TIMEOUT_S = 900

  def test_the_gem_builds_installs_and_serves
    package = build
    home = install(package)
    assert_equal 1, Dir.glob("#{home}/**/*.so").size, "the library is there more than once: #{Dir.glob("#{home}/**/*.so")}"
    run_installed(home)
  end

  def test_the_gem_holds_what_it_needs_and_nothing_else
    files = Gem::Specification.load(Dir["#{ROOT}/*.gemspec"].first).files
    %w[exe/hyperion lib/hyperion.rb Cargo.toml Cargo.lock README.md LICENSE].each { |path| assert_includes files, path }
    assert_empty files.grep(%r{\A(test|target|bench/(?!load/)|fuzz)/|\.so\z|\A\.git})
    files.each { |path| assert File.file?(File.join(ROOT, path)), path }
  end

  def test_an_old_compiler_is_named_before_anything_is_built
    old = file("bin/rustc", "#!/bin/sh\necho 'rustc 1.63.0 (Debian)'\n")
    File.chmod(0o755, old)
    _, err, status = capture(RbConfig.ruby, "#{ROOT}/ext/hyperion/extconf.rb", env: { "PATH" => "#{dir}/bin:#{ENV["PATH"]}" }, chdir: dir)
    assert_equal 1, status.exitstatus
    assert_match(/rustc 1\.63\.0 is too old: 1\.\d+ or newer is needed; install Rust from/, err)
  end

  private

  def build
    package = "#{dir}/hyperion.gem"
    out, err, status = capture(RbConfig.ruby, "-S", "gem", "build", Dir["#{ROOT}/*.gemspec"].first, "-o", package, timeout: 60)
    assert status.success?, out + err
    refute_match(/WARNING/, (out + err).lines.grep_v(/See https|open-ended|licenses/).join)
    package
  end

  def install(package)
    home = "#{dir}/gems"
    env = { "GEM_HOME" => home, "CARGO_TARGET_DIR" => ENV["CARGO_TARGET_DIR"] || "#{ROOT}/target" }
    out, err, status = capture(RbConfig.ruby, "-S", "gem", "install", "--local", "--no-document", "--bindir", "#{home}/bin",
      "--ignore-dependencies", package, env: env, timeout: BUILD_TIMEOUT_S, chdir: dir)
    assert status.success?, "#{out}#{err}#{Dir["#{home}/**/gem_make.out"].map { |log| File.read(log) }.join}"
    home
  end

  def run_installed(home)
    ru = file("config.ru", "run ->(_) { [200, { 'content-type' => 'text/plain' }, [$LOADED_FEATURES.grep(/native/).join]] }\n")
    env = { "GEM_HOME" => home, "GEM_PATH" => [home, *Gem.path].join(":"), "RUBYLIB" => nil, "RUBYOPT" => nil }
    installed = boot(ru, command: [RbConfig.ruby, "#{home}/bin/hyperion"], env: env, chdir: dir)
    loaded = body("/", to: installed)
    refute_includes IO.popen(["readelf", "-S", loaded.lines.first.strip], &:read), ".debug_info", "it is not stripped"
    assert loaded.start_with?(File.realpath(home)) || loaded.include?(home), "loaded #{loaded}"
    assert_equal 0, installed.stop.exitstatus
  end
end
