# frozen_string_literal: true

# Writes a Makefile that has cargo build the engine for the Ruby that runs this, and puts the library
# where `require "hyperion/native"` finds it: into lib of a checkout, or into a gem's folder of what was
# built for one Ruby.

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

# The folder that RubyGems and Bundler have made, beside their gems, for what is built of this one. What `make
# install` gives them in their own way they put there too, and once more into lib.
def extension_folder
  name = File.basename(ROOT)
  gems = File.dirname(ROOT)
  [File.dirname(gems), gems].flat_map do |base|
    named = File.join("extensions", Gem::Platform.local.to_s, Gem.extension_api_version)
    [Gem.default_ext_dir_for(base), File.join(base, named)].compact.map { |folder| File.join(folder, name) }
  end.find { |folder| File.directory?(folder) }
end

# A gem is built in a directory of its own that must not keep gigabytes of intermediate files.
place = extension_folder
target = ENV["CARGO_TARGET_DIR"] || File.join(place ? HERE : ROOT, "target")

File.write(File.join(HERE, "Makefile"), <<~MAKE)
  ROOT = #{ROOT}
  TARGET = #{target}
  BUILT = $(TARGET)/release/libhyperion.so
  NATIVE = $(ROOT)/lib/hyperion/native.so
  DESTDIR =
  sitearchdir = #{RbConfig::CONFIG["sitearchdir"]}
  PLACE = #{place || "$(DESTDIR)$(sitearchdir)"}

  export RUBY = #{RbConfig.ruby}
  export CARGO_TARGET_DIR = $(TARGET)

  all: #{place ? "$(BUILT)" : "$(NATIVE)"}

  $(BUILT): FORCE
  \tcd "$(ROOT)" && #{rust("cargo")} build --release --locked -p hyperion-ext

  $(NATIVE): $(BUILT)
  \tcp "$(BUILT)" "$(NATIVE).new"
  \tmv "$(NATIVE).new" "$(NATIVE)"

  install: $(BUILT)
  \tmkdir -p "$(PLACE)/hyperion"
  \tinstall -s -m 755 "$(BUILT)" "$(PLACE)/hyperion/native.so"
  #{"\trm -rf \"$(TARGET)\"" if place && !ENV["CARGO_TARGET_DIR"]}

  clean distclean:
  \trm -f "$(NATIVE)" "$(NATIVE).new"

  FORCE:
  .PHONY: all install clean distclean FORCE
MAKE
