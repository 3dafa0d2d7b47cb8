# frozen_string_literal: true

require_relative "../http2/http2_case"

module HyperionTest
  # A test case about clients and proxies as they are. Each needs a program; without it its tests are skipped.
  class TransferCase < Http2Case
    APP = "test/integration/clients/apps/transfers.ru"
    MIB = 1024 * 1024

    speak APP, "-t", "5"

    # What `/download` sends.
    PATTERN = (0...131_072).map { |index| format("%08x", index) }.join.freeze

    def self.digest_of(size)
      (@@digests ||= {})[size] ||= Digest::SHA256.new.tap { |sha| (0...size).step(MIB) { |from| sha << PATTERN.byteslice(0, [MIB, size - from].min) } }.hexdigest
    end

    def digest_of(size) = TransferCase.digest_of(size)

    # Servers are where only root looks for programs.
    def program(name)
      path = [*ENV["PATH"].split(":"), "/usr/sbin"].map { |folder| File.join(folder, name) }.find { |file| File.executable?(file) }
      path || skip("#{name} is not installed")
    end

    # A folder for this test.
    def folder = @folder ||= Dir.mktmpdir("proxy").tap { |made| ending { FileUtils.remove_entry(made) } }

    # A file of the pattern.
    def file_of(size)
      File.join(folder, "file-#{size}").tap { |path| File.open(path, "wb") { |file| (size / MIB).times { file.write(PATTERN) } } }
    end

    # Starts a proxy, which is killed behind the test, and waits for its socket.
    # @return [String] path of the socket on which it listens
    def start_proxy(*command, socket: "#{folder}/front.sock")
      log = "#{folder}/proxy.log"
      pid = Process.spawn(*command, out: log, err: %i[child out], in: File::NULL, pgroup: true)
      Watchdog.watch(pid)
      ending { end_proxy(pid) }
      eventually("the proxy does not listen: #{File.read(log)}") { accepts?(socket) }
      socket
    end

    # @return [String] the body, or what `--write-out` in `arguments` makes of the answer
    def curl_by(socket, path, *arguments) = curl("--unix-socket", socket, *arguments, "http://proxied.example#{path}")

    def assert_downloaded(size, bytes)
      assert_equal [size, digest_of(size)], [bytes.bytesize, Digest::SHA256.hexdigest(bytes)]
    end

    def assert_uploaded(size, answer)
      assert_equal [size, digest_of(size)], JSON.parse(answer).values_at("size", "sha256")
    end

    private

    def accepts?(socket)
      UNIXSocket.new(socket).close
      true
    rescue Errno::ENOENT, Errno::ECONNREFUSED
      false
    end

    def end_proxy(pid)
      Process.kill(:KILL, -pid)
      Process.wait(pid)
      Watchdog.forget(pid)
    end
  end
end
