# frozen_string_literal: true

module Tidy
  # No thread waits with the interpreter's lock for one that may wait for that lock: what Rust locks or fills
  # once has its place, and every class is looked up while the library is loaded.
  module Cells
    GLUE = %r{\Aext/hyperion/src/}
    CELL = /\b(?:Lazy|LazyId|LazyLock|Once|OnceLock|Mutex|RwLock|Condvar|Barrier)\b/
    # Here they are filled by `init`, set and read without waiting, or held for no call, neither of Ruby nor of the kernel.
    PLACES = { "ext/hyperion/src/vm/error.rs" => %w[Lazy], "ext/hyperion/src/vm/names.rs" => %w[LazyId],
               "ext/hyperion/src/request/keys.rs" => %w[OnceLock], "ext/hyperion/src/engine.rs" => %w[OnceLock],
               "ext/hyperion/src/scheduler.rs" => %w[Lazy],
               "ext/hyperion/src/scheduler/outside.rs" => %w[Mutex], "ext/hyperion/src/fiber_work.rs" => %w[Mutex],
               "ext/hyperion/src/fiber_executor.rs" => %w[Mutex] }.freeze
    WAITING = /\bget_or_(?:try_)?init\b|\bcall_once\b/
    CLASS = /\bderive\([^)]*\bTypedData\b[^)]*\)\][^;{]*?\bstruct\s+(\w+)/m

    class << self
      def check(tree)
        tree.rust.select { |source| source.path.match?(GLUE) }.flat_map { |source| cells(source) + classes(source) }
      end

      private

      def cells(source)
        rust = source.rust
        found = rust.lines_with(CELL, rust.product).select { |_, text| (text.scan(CELL) - PLACES.fetch(source.path, [])).any? }
        found.map { |line, _| source.offence(line, "a lock or a cell that a thread with the interpreter's lock may wait for") } +
          rust.lines_with(WAITING, rust.product).map { |line, _| source.offence(line, "a cell is filled on first use") }
      end

      def classes(source)
        code = source.rust.product
        names = code.scan(CLASS).flatten.reject { |name| code.match?(/\bdefine::<#{name}>/) }
        names.map { |name| source.offence(1, "the class of #{name} is looked up on first use; class::define it in init") }
      end
    end
  end
end
