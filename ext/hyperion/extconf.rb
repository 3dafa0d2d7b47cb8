# frozen_string_literal: true

# Writes a Makefile that has cargo build the engine for the Ruby that runs this, and puts the library
# where `require "hyperion/native"` finds it: into lib of a checkout, and where RubyGems asks for it.

require "rbconfig"

HERE = __dir__
ROOT = File.expand_path("../..", HERE)

def missing(what) = abort("hyperion-rb cannot be built: #{what}")

def on_path?(name) = ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).any? { |folder| File.executable?(File.join(folder, name)) }

RUSTUP = "install Rust from https://rustup.rs"

# A program of Rust: on PATH, or where rustup puts it.
def rust(name)
  own = File.join(Dir.home, ".cargo", "bin", name)
  return name if on_path?(name)

  File.executable?(own) ? own : missing("#{name} is missing; #{RUSTUP}")
rescue ArgumentError
  missing("#{name} is missing; #{RUSTUP}")
end

# Cargo itself would say so of a dependency somewhere, or not understand a file.
def check_rust
  needed = File.read(File.join(ROOT, "Cargo.toml"))[/^rust-version = "([\d.]+)"/, 1]
  found = IO.popen([rust("rustc"), "--version"], &:read)[/\d+(?:\.\d+)+/] || "unknown"
  return if Gem::Version.correct?(found) && Gem::Version.new(found) >= Gem::Version.new(needed)

  missing("rustc #{found} is too old: #{needed} or newer is needed; #{RUSTUP}")
end

def check_libclang
  places = [*ENV["LIBCLANG_PATH"], "/usr/lib/llvm-*/lib", "/usr/lib/*-linux-*", "/usr/lib", "/usr/lib64", "/usr/local/lib"]
  return if places.any? { |place| Dir[File.join(place, "libclang*.so*")].any? } || on_path?("llvm-config")

  missing("libclang is missing (Debian: apt-get install libclang-dev)")
end

def check_headers
  return if File.exist?(File.join(RbConfig::CONFIG["rubyhdrdir"], "ruby.h"))

  missing("Ruby's headers are missing (Debian: apt-get install ruby-dev)")
end

missing("only Linux is supported") unless RUBY_PLATFORM.include?("linux")
check_headers
check_libclang
check_rust

# A gem is built in a directory of its own that must not keep gigabytes of intermediate files.
checkout = File.directory?(File.join(ROOT, ".git"))
target = ENV["CARGO_TARGET_DIR"] || File.join(checkout ? ROOT : HERE, "target")

File.write(File.join(HERE, "Makefile"), <<~MAKE)
  ROOT = #{ROOT}
  TARGET = #{target}
  BUILT = $(TARGET)/release/libhyperion.so
  NATIVE = $(ROOT)/lib/hyperion/native.so
  DESTDIR =
  sitearchdir = #{RbConfig::CONFIG["sitearchdir"]}

  export RUBY = #{RbConfig.ruby}
  export CARGO_TARGET_DIR = $(TARGET)

  all: $(NATIVE)

  $(NATIVE): FORCE
  \tcd "$(ROOT)" && #{rust("cargo")} build --release --locked -p hyperion-ext
  \tcp "$(BUILT)" "$(NATIVE).new"
  \tmv "$(NATIVE).new" "$(NATIVE)"

  install: $(NATIVE)
  \tmkdir -p "$(DESTDIR)$(sitearchdir)/hyperion"
  \tinstall -s -m 755 "$(NATIVE)" "$(DESTDIR)$(sitearchdir)/hyperion/native.so"
  #{"\trm -rf \"$(TARGET)\"" unless checkout || ENV["CARGO_TARGET_DIR"]}

  clean distclean:
  \trm -f "$(NATIVE)" "$(NATIVE).new"

  FORCE:
  .PHONY: all install clean distclean FORCE
MAKE
