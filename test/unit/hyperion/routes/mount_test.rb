# frozen_string_literal: true

require_relative "../../support/unit"
require "hyperion/routes"

class MountTest < UnitCase
  def test_a_mount_as_the_engine_gets_it
    native = mount("/a/", headers: { "Cache-Control" => "no-cache" }, index: "index.html", internal: true).native
    assert_equal({ kind: :mount, number: 5, place: "here:1", prefix: "/a", dir: dir, index: ["index.html"], fallthrough: true, immutable: false,
                   headers: [%w[cache-control no-cache]], precompressed: true, internal: true }, native)
    assert_equal ["/", []], mount("/").native.values_at(:prefix, :index)
  end

  def test_prefixes
    ["/", "/a", "/a/b.c", "/.well-known", "/a:b;c=1"].each { |prefix| assert_equal prefix, mount(prefix).native[:prefix] }
    [nil, :a].each { |prefix| assert_refused(/prefix: #{prefix.inspect} is not a String/) { mount(prefix) } }
    ["", "a", "//", "/a//b", "/a/../b", "/..", "/.", "/a%20b", "/a?b", "/a#b", "/a b", "/é", "/a\0"].each do |prefix|
      assert_refused(/is not a path of whole segments/) { mount(prefix) }
    end
  end

  def test_directories
    assert_equal dir, mount("/a", Struct.new(:to_path) { def to_s = to_path }.new(dir)).native[:dir]
    assert_equal dir, Dir.chdir(dir) { mount("/a", ".").native[:dir] }
    assert_refused(/there is no directory #{dir}\/missing; make it, or correct the path/) { mount("/a", "#{dir}/missing") }
    assert_refused(/there is no directory/) { mount("/a", file("plain", "")) }
    [nil, 5, "", "a\0b"].each { |path| assert_refused(/dir: #{Regexp.escape(path.inspect)} is not the path/) { mount("/a", path) } }
  end

  def test_index_files
    assert_equal %w[a b.html], mount("/", index: %w[a b.html]).native[:index]
    [true, nil, [], "", "a/b", "..", ".", 5, ["a", :b], "a\0"].each { |index| assert_refused(/is not the name of a file such as/) { mount("/", index: index) } }
  end

  def test_switches_are_true_or_false
    %i[fallthrough immutable precompressed internal].each do |name|
      assert_equal false, mount("/", name => false).native[name]
      assert_refused(/#{name}: nil is neither/) { mount("/", name => nil) }
    end
  end

  def test_headers_that_each_file_decides
    %w[ETag accept-ranges Last-Modified connection].each { |name| assert_refused(/the server decides about #{name.downcase}; leave it out/) { mount("/", headers: { name => "x" }) } }
  end

  def test_a_directory_that_has_gone_before_boot
    assert_match(/preload_static: dir: there is no directory/, assert_raises(Hyperion::Error) { Hyperion::Mount.preloaded("#{dir}/gone") }.message)
  end

  private

  def mount(prefix, path = dir, **options) = Hyperion::Mount.new(5, prefix, path, "here:1", **options)
  def assert_refused(message, &block) = assert_match(message, assert_raises(ArgumentError, &block).message)
end
