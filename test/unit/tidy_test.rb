# frozen_string_literal: true

require "fileutils"
require "minitest/autorun"
require "tmpdir"
require_relative "../../script/support/tidy/tidy"

# A checkout with one bad sample for each rule of script/tidy, and with the good samples beside them.
class TidyTest < Minitest::Test
  FORBID = "#![forbid(unsafe_code)]\n"

  def setup = @root = Dir.mktmpdir("tidy")
  def teardown = FileUtils.remove_entry(@root)

  def write(path, text)
    file = File.join(@root, path)
    FileUtils.mkdir_p(File.dirname(file))
    File.write(file, text)
  end

  def offences = Tidy.check(@root).map(&:to_s)

  def assert_caught(*expected) = assert_equal(expected, offences)
  def assert_clean = assert_caught

  # A crate root that reaches the given modules.
  def crate(name, *modules, folder: "crates/#{name}")
    named = "//! | #{modules.map { |mod| "`#{mod}`" }.join(", ")} | what they hold |\n"
    write("#{folder}/src/lib.rs", named + FORBID + modules.map { |mod| "mod #{mod};\n" }.join)
  end

  def function(name, lines) = "fn #{name}() {\n#{"    let _ = 1;\n" * (lines - 2)}}\n"

  def test_a_long_rust_file
    crate("buf", "wide", "just")
    write("crates/buf/src/just.rs", "const A: u8 = 1;\n" * 400)
    write("crates/buf/src/wide.rs", "const A: u8 = 1;\n" * 401)
    assert_caught "crates/buf/src/wide.rs:400: the file has 401 lines, more than 400"
  end

  def test_the_tests_of_a_rust_file_are_not_counted
    crate("buf", "wide")
    write("crates/buf/src/wide.rs", "#{"const A: u8 = 1;\n" * 400}#[cfg(test)]\nmod tests {\n#{function("long", 50) * 4}}\n")
    assert_clean
  end

  def test_a_long_file_of_rust_tests
    crate("buf", "wide")
    write("crates/buf/src/wide.rs", "#[cfg(test)]\nmod tests;\n")
    write("crates/buf/src/wide/tests.rs", "const A: u8 = 1;\n" * 401)
    assert_caught "crates/buf/src/wide/tests.rs:400: the file has 401 lines, more than 400"
  end

  def test_a_long_ruby_file
    write("lib/hyperion.rb", "A = 1\n" * 201)
    write("test/long_test.rb", "A = 1\n" * 401)
    write("lib/hyperion/config/options.rb", "A = 1\n" * 900)
    write("exe/hyperion", "#!/usr/bin/env ruby\nrequire \"hyperion/config/options\"\n")
    assert_caught "lib/hyperion.rb:200: the file has 201 lines, more than 200",
      "test/long_test.rb:400: the file has 401 lines, more than 400"
  end

  def test_a_long_script
    write("script/long", "#!/usr/bin/env bash\n#{"true\n" * 400}")
    assert_caught "script/long:400: the file has 401 lines, more than 400"
  end

  def test_a_long_rust_function
    crate("buf", "wide")
    write("crates/buf/src/wide.rs", "// {\n#{function("short", 50)}#{function("long", 51)}")
    assert_caught "crates/buf/src/wide.rs:52: long has 51 lines, more than 50"
  end

  def test_braces_in_literals_and_signatures_do_not_end_a_function
    crate("buf", "wide")
    body = "    let _ = (\"{\", '{', b'}', r#\"}\"#, '\\'', \"\\\"}\"); /* } /* } */ */ // }\n" * 40
    write("crates/buf/src/wide.rs", "trait A {\n    fn declared(a: [u8; 4]);\n}\nfn long<'a>(a: [u8; 4]) -> [u8; 4] {\n#{body}#{body}}\n")
    assert_caught "crates/buf/src/wide.rs:4: long has 82 lines, more than 50"
  end

  def test_a_long_ruby_method
    lines = ->(count) { "    a\n" * (count - 2) }
    write("lib/hyperion.rb", "class A\n  def short?\n#{lines[25]}  end\n\n  def one(a) = a\n\n  def long=(a)\n#{lines[26]}  end\nend\n")
    assert_caught "lib/hyperion.rb:30: long= has 26 lines, more than 25"
  end

  def test_a_protocol_that_touches_the_world
    crate("proto", "clock")
    write("crates/proto/src/clock.rs", <<~RUST)
      // std::thread is for others.
      use std::{fs, net::IpAddr};
      fn now() -> Instant {
          Instant::now()
      }
      #[cfg(test)]
      mod tests {
          use std::thread;
      }
    RUST
    crate("engine", "clock")
    write("crates/engine/src/clock.rs", "use std::thread;\n")
    assert_caught "crates/proto/src/clock.rs:2: proto touches the world: use std::{fs, net::IpAddr};",
      "crates/proto/src/clock.rs:4: proto touches the world: Instant::now()"
  end

  def test_unsafe_code_out_of_its_place
    write("crates/io/src/lib.rs", "// SAFETY: none is needed.\nunsafe impl Send for A {}\n")
    write("ext/hyperion/src/lib.rs", "//! | `vm`, `body` | parts |\nmod vm;\nmod body;\n")
    write("ext/hyperion/src/vm.rs", "mod gvl;\n")
    write("ext/hyperion/src/vm/gvl.rs", "// SAFETY: so.\nunsafe impl Send for A {}\n")
    write("ext/hyperion/src/body.rs", "// unsafe\nunsafe fn a() {}\n")
    assert_caught "ext/hyperion/src/body.rs:2: unsafe code has no place here"
  end

  def test_a_crate_that_does_not_forbid_unsafe_code
    write("crates/buf/src/lib.rs", "// #![forbid(unsafe_code)]\n")
    write("crates/proto/src/lib.rs", "#![forbid(missing_docs, unsafe_code)]\n")
    write("bench/load/src/main.rs", "fn main() {}\n")
    assert_caught "bench/load/src/main.rs:1: the crate does not forbid unsafe code",
      "crates/buf/src/lib.rs:1: the crate does not forbid unsafe code"
  end

  def test_unsafe_code_without_its_reason
    write("crates/io/src/lib.rs", <<~RUST)
      fn a() {
          // SAFETY: so.
          let a = long(
              unsafe { one() },
          );
          unsafe { two() }; // SAFETY: so.
          let b = 1;
          // It is fine.
          unsafe { three() };
          let c = unsafe { four() };
      }
    RUST
    assert_caught "crates/io/src/lib.rs:9: unsafe without a SAFETY comment",
      "crates/io/src/lib.rs:10: unsafe without a SAFETY comment"
  end

  def test_unwrap_outside_tests
    crate("buf", "one")
    write("crates/buf/src/one.rs", "/// a.unwrap()\nfn a() {\n    a.unwrap();\n}\n#[cfg(test)]\nmod tests {\n    fn a() { b.unwrap(); }\n}\n")
    write("crates/buf/tests/one.rs", "fn a() { b.unwrap(); }\n")
    write("bench/load/src/main.rs", "#{FORBID}fn a() { b.unwrap(); }\n")
    assert_caught "bench/load/src/main.rs:2: unwrap() outside tests", "crates/buf/src/one.rs:3: unwrap() outside tests"
  end

  def test_comments_that_tell_history
    crate("buf", "one")
    write("crates/buf/src/one.rs", "// As of 2.14-A.\n/* Phase 2 */\n//! pre-1.7\n// TODO\nconst A: &str = \"TODO // TODO\";\n")
    write("lib/hyperion.rb", "a = 1 # FIXME\nb = \"\#{TODO}\"\n")
    write("script/one", "#!/usr/bin/env bash\n# XXX\n")
    assert_caught "crates/buf/src/one.rs:1: a comment names a version", "crates/buf/src/one.rs:2: a comment names a phase of a plan",
      "crates/buf/src/one.rs:3: a comment names a version", "crates/buf/src/one.rs:4: a comment leaves work undone",
      "lib/hyperion.rb:1: a comment leaves work undone", "script/one:2: a comment leaves work undone"
  end

  def test_white_space
    crate("buf", "one")
    write("crates/buf/src/one.rs", "const A: u8 = 1; \nfn a() {\n\ta();\n}\n")
    write("README.md", "One \nTwo")
    write("script/one", "#!/usr/bin/env bash\n\ttrue\n")
    assert_caught "README.md:1: white space at the end of a line", "README.md:2: no line feed at the end",
      "crates/buf/src/one.rs:1: white space at the end of a line", "crates/buf/src/one.rs:3: a tab"
  end

  def test_names
    crate("buf", "util")
    write("crates/buf/src/util.rs", "fn get_one() {}\nfn target_one() {}\n")
    write("lib/hyperion.rb", "class PoolManager\n  def self.get_pool = 1\n  def widget_pool = 1\nend\n")
    assert_caught "crates/buf/src/lib.rs:3: a name that says nothing", "crates/buf/src/util.rs:1: a name begins with get_",
      "lib/hyperion.rb:1: a name that says nothing", "lib/hyperion.rb:2: a name begins with get_"
  end

  def test_a_test_that_reaches_inside
    write("test/a_test.rb", "a.send(name)\na.send(:secret)\n")
    assert_caught "test/a_test.rb:2: a test reaches inside"
  end

  def test_a_dependency_in_the_wrong_direction
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"bench/load\", \"crates/*\"]\n")
    package("load", "[dependencies]\nhyperion-buf = { path = \"../../crates/buf\" }\n", folder: "bench")
    package("proto", "[dependencies]\nhyperion-io = { path = \"../io\" }\n")
    package("io", "[dependencies]\nhyperion-buf = { path = \"../buf\" }\n[dev-dependencies]\nhyperion-sim = { path = \"../sim\" }\n")
    package("sim", "")
    package("buf", "")
    assert_caught "bench/load/Cargo.toml:1: hyperion-load may not name hyperion-buf",
      "crates/proto/Cargo.toml:1: hyperion-proto may not name hyperion-io"
  end

  def package(name, dependencies, folder: "crates")
    write("#{folder}/#{name}/Cargo.toml", "[package]\nname = \"hyperion-#{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n#{dependencies}")
    write("#{folder}/#{name}/src/lib.rs", FORBID)
  end

  def test_a_rust_file_that_no_mod_leads_to
    crate("buf", "a", "c")
    write("crates/buf/src/a.rs", "pub(crate) mod b;\n// mod lost;\n#[path = \"odd.rs\"]\nmod even;\n")
    %w[a/b c/mod c/d odd a/lost].each { |name| write("crates/buf/src/#{name}.rs", "") }
    write("crates/buf/src/c/mod.rs", "mod d;\n")
    write("crates/buf/tests/one.rs", "mod support;\n")
    write("crates/buf/tests/support/mod.rs", "")
    write("crates/buf/tests/two/main.rs", "mod part;\n")
    write("crates/buf/tests/two/part.rs", "")
    assert_caught "crates/buf/src/a/lost.rs:1: no mod leads to this file"
  end

  def test_a_lock_that_may_be_waited_for_with_the_interpreters_lock
    crate("ext", "vm", "tls", folder: "ext/hyperion")
    write("ext/hyperion/src/vm.rs", "mod names;\n")
    write("ext/hyperion/src/vm/names.rs", "static CALL: LazyId = LazyId::new(\"call\");\n")
    write("ext/hyperion/src/tls.rs", "use std::sync::Mutex;\nstatic TLS: OnceLock<u8> = OnceLock::new();\nfn tls() -> u8 {\n    *TLS.get_or_init(|| 1)\n}\n")
    assert_caught "ext/hyperion/src/tls.rs:1: a lock or a cell that a thread with the interpreter's lock may wait for",
      "ext/hyperion/src/tls.rs:2: a lock or a cell that a thread with the interpreter's lock may wait for",
      "ext/hyperion/src/tls.rs:4: a cell is filled on first use"
  end

  def test_a_class_that_is_looked_up_on_first_use
    crate("ext", "input", "tls", folder: "ext/hyperion")
    lazy = "#[derive(TypedData)]\n#[magnus(class = \"Hyperion::Tls\", size)]\npub struct Tls {\n    a: u8,\n}\n"
    write("ext/hyperion/src/tls.rs", lazy)
    write("ext/hyperion/src/input.rs", "#{lazy.gsub("Tls", "Input")}fn init() {\n    class::define::<Input>();\n}\n")
    assert_caught "ext/hyperion/src/tls.rs:1: the class of Tls is looked up on first use; class::define it in init"
  end

  def test_a_ruby_file_that_nothing_requires
    write("lib/hyperion.rb", "require \"hyperion/a\"\n# require \"hyperion/lost\"\nrequire_relative \"hyperion/b\"\nautoload :C, \"hyperion/c\"\n")
    %w[a b c d lost].each { |name| write("lib/hyperion/#{name}.rb", "") }
    write("lib/hyperion/b.rb", "require_relative \"d\"\n")
    write("test/a_test.rb", "require \"hyperion/lost\"\n")
    assert_caught "lib/hyperion/lost.rb:1: nothing requires this file"
  end

  def test_rust_files_that_need_each_other_in_a_circle
    crate("buf", "a", "b", "c")
    write("crates/buf/src/a.rs", "use crate::b::B;\n// use crate::c::C;\n")
    write("crates/buf/src/b.rs", "mod part;\n\nuse crate::{c::C, b::part};\n")
    write("crates/buf/src/b/part.rs", "use super::B;\nuse super::super::c;\n")
    write("crates/buf/src/c.rs", "use crate::a::A;\n")
    assert_caught "crates/buf/src/a.rs:1: it and these need each other in a circle: crates/buf/src/b.rs, crates/buf/src/c.rs"
  end

  def test_what_only_tests_need_closes_no_circle
    crate("buf", "a", "b")
    write("crates/buf/src/a.rs", "mod part;\n\nuse crate::b::B;\n")
    write("crates/buf/src/a/part.rs", "use super::A;\n")
    write("crates/buf/src/b.rs", "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n")
    assert_clean
  end

  def test_ruby_files_that_need_each_other_in_a_circle
    write("lib/hyperion.rb", "require_relative \"hyperion/a\"\n")
    write("lib/hyperion/a.rb", "require_relative \"part/b\"\n")
    write("lib/hyperion/part/b.rb", "require_relative \"../a\"\n")
    assert_caught "lib/hyperion/a.rb:1: it and these need each other in a circle: lib/hyperion/part/b.rb"
  end

  def test_the_first_page_of_a_crate_names_its_modules
    crate("buf", "a", "b", "tests")
    lib = "//! | `a::part`, `gone` | parts |\n#{FORBID}mod a;\nmod b;\n#[cfg(test)]\nmod tests;\n"
    %w[a b tests].each { |name| write("crates/buf/src/#{name}.rs", "") }
    write("crates/buf/src/lib.rs", lib)
    assert_caught "crates/buf/src/lib.rs:1: the first page does not name the module b",
      "crates/buf/src/lib.rs:1: the first page names gone, which is no module"
  end

  def test_a_broken_link
    write("docs/a.md", <<~MARKDOWN)
      [up](../README.md#use) [web](https://example.com/a) [here](#there) `[code](code.md)` ![lost](lost.png)
      ```
      [fenced](fenced.md)
      ```
      [folder](.) [gone](gone.md "title")

      [reference]: nowhere.md
    MARKDOWN
    write("README.md", "[docs](docs/a.md)\n")
    assert_caught "docs/a.md:1: no file at the link lost.png", "docs/a.md:5: no file at the link gone.md",
      "docs/a.md:7: no file at the link nowhere.md"
  end

  def test_what_was_built_or_fetched_is_left_alone
    write("target/debug/a.rs", "fn get_a() {} \n")
    write("lib/hyperion/native.so", "\0\t \n")
    write("crates/buf/target/a.rs", "\t\n")
    assert_clean
  end

  def test_the_command_prints_and_fails
    command = File.expand_path("../../script/tidy", __dir__)
    assert system(RbConfig.ruby, command, @root)
    write("README.md", "end \n")
    assert_equal "README.md:1: white space at the end of a line\n", IO.popen([RbConfig.ruby, command, @root], &:read)
    assert_equal 1, $?.exitstatus
  end
end
