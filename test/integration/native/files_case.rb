# frozen_string_literal: true

require_relative "native_case"

module HyperionTest
  # A test case whose server has a tree of files, made once and the same for all tests of the class.
  class FilesCase < NativeCase
    LINE = (0...64).map { |index| format("%07x ", index * 7) }.join
    LARGE = Array.new(20_000) { |index| format("%08x:%s\n", index, LINE) }.join.byteslice(0, 10_000_000).freeze
    TEN = "0123456789"

    def self.tree
      @tree ||= Dir.mktmpdir("hyperion-files").tap { |path| plant(path) }
    end

    def self.run(*)
      super
    ensure
      FileUtils.remove_entry(@tree) if @tree
      @tree = nil
    end

    def self.plant(path)
      { "assets/ten.txt" => TEN, "assets/large.bin" => LARGE, "assets/page.html" => "<p>", "assets/empty.txt" => "", "assets/a b%.txt" => "odd",
        "assets/sub/deep.css" => "css", "assets/é.txt" => "accent", "assets/.hidden" => "hidden", "assets/static.txt" => "a file", "inner/x.txt" => "inner",
        "site/index.html" => "home", "site/docs/index.htm" => "docs", "site/none/x" => "x", "private/report.pdf" => "private", "outside.txt" => "outside" }.each do |name, text|
        FileUtils.mkdir_p(File.dirname("#{path}/#{name}"))
        File.binwrite("#{path}/#{name}", text)
        File.utime(PAST, PAST, "#{path}/#{name}")
      end
    end

    PAST = Time.at(1_700_000_000)
    PAST_DATE = "Tue, 14 Nov 2023 22:13:20 GMT"

    class << self
      # The environment is known only when the tree is made.
      def serving
        app, options, settings = super
        [app, options, { env: { "TREE" => tree } }.merge(settings)]
      end
    end

    def tree = self.class.tree

    # A server with the same app over the same tree.
    def boot_files(*options, **settings) = boot(self.class.app("files"), *options, env: { "TREE" => tree }, **settings)

    # Writes a file of the tree for this test only.
    def plant(name, text, time: PAST)
      path = "#{tree}/#{name}"
      FileUtils.mkdir_p(File.dirname(path))
      File.binwrite(path, text)
      File.utime(time, time, path) if time
      ending { FileUtils.rm_f(path) }
      path
    end

    # What a multipart answer holds: [content-range, bytes] of each part.
    def parts_of(response)
      boundary = response["content-type"][%r{\Amultipart/byteranges; boundary=(\h+)\z}, 1] or flunk response["content-type"]
      body = response.body
      assert body.end_with?("\r\n--#{boundary}--\r\n")
      body.delete_suffix("--#{boundary}--\r\n").split("--#{boundary}\r\n").drop(1).map do |part|
        head, bytes = part.split("\r\n\r\n", 2)
        [head[/^content-range: (.*?)\r?$/i, 1], bytes.delete_suffix("\r\n")]
      end
    end
  end
end
