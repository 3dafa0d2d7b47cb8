# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/config/check"
require "stringio"

class AdminOptionsTest < UnitCase
  def test_a_token_is_read_from_its_file
    path = file("token", "sesame\n").tap { |name| File.chmod(0o600, name) }
    config = configure("--admin-token-file", path)
    assert_equal ["sesame", "sesame"], [config.admin_token, config.engine_settings[:admin_token]]
    assert_nil configure.admin_token
  end

  def test_a_file_that_is_no_good_is_told_with_its_place
    path = file("token", "sesame\n").tap { |name| File.chmod(0o644, name) }
    assert_match(/\Aflag --admin-token-file: admin_token_file: .*chmod 600/, problems { configure("--admin-token-file", path) }.first)
  end

  def test_the_token_itself_wins_over_the_file_with_a_warning
    path = file("token", "sesame\n").tap { |name| File.chmod(0o600, name) }
    config = configure("--admin-token", "direct", env: { "HYPERION_ADMIN_TOKEN_FILE" => path })
    assert_equal "direct", config.admin_token
    assert_match(/ADMIN_TOKEN_FILE: has no effect/, config.warnings.first)
  end

  def test_no_token_is_ever_shown
    text = problems { configure("--admin-token", "sesame\nsesame") }.join
    config = configure("--admin-token", "sesame")
    out = StringIO.new
    Dir.chdir(dir) { assert_raises(Hyperion::Error) { Hyperion::Check.new(config, out: out).run } }
    assert_match(/admin_token +\(not shown\) +flag --admin-token/, out.string)
    refute_match(/sesame/, text + out.string)
  end

  def test_an_admin_address_is_complete
    assert_equal "http://[::1]:9293", configure("--admin-bind", "[::1]:9293").admin_bind.url
    path = "unix://#{dir}/admin.sock"
    assert_equal [0o600, 0o660], [path, "#{path}?mode=0660"].map { |raw| configure("--admin-bind", raw).admin_bind.mode }
    ["127.0.0.1", "", "localhost", "ssl://127.0.0.1:9293"].each { |raw| assert_match(/is not an address such as/, problems { configure("--admin-bind", raw) }.first) }
  end

  def test_the_block_of_the_file
    path = file("conf.rb", "admin do\n  token 'sesame'\n  bind '127.0.0.1:9293'\nend\ndrain_delay 3\n")
    config = configure(file: path)
    assert_equal ["sesame", "http://127.0.0.1:9293", 3], [config.admin_token, config.admin_bind.url, config.drain_delay]
  end
end
