# frozen_string_literal: true

require_relative "transfer_case"

# HAProxy speaks HTTP/2 to the server, by prior knowledge and by ALPN, and HTTP/1.1 to its own clients.
class HaproxyTest < HyperionTest::TransferCase
  SIZE = 64 * MIB

  def test_transfers_over_h2c = assert_transferred("#{server.authority} proto h2")

  def test_transfers_over_tls
    assert_transferred("127.0.0.1:#{secure_port} ssl alpn h2 ca-file #{CA.root_path} verify required verifyhost localhost sni str(localhost)")
  end

  private

  def assert_transferred(backend)
    front = start_haproxy(backend)
    assert_equal "page for HTTP/2", curl_by(front, "/page")
    assert_downloaded SIZE, curl_by(front, "/download?#{SIZE},4096")
    assert_uploaded SIZE, curl_by(front, "/upload", "--upload-file", file_of(SIZE))
    sizes = Array.new(4) { Thread.new { curl_by(front, "/download?#{16 * MIB},16384").bytesize } }.map(&:value)
    assert_equal [16 * MIB] * 4, sizes
  end

  def start_haproxy(backend)
    executable = program("haproxy")
    File.write("#{folder}/haproxy.cfg", <<~CONF)
      defaults
        mode http
        timeout connect 5s
        timeout client 20s
        timeout server 20s
      listen proxy
        bind unix@#{folder}/front.sock
        server hyperion #{backend}
    CONF
    start_proxy(executable, "-db", "-f", "#{folder}/haproxy.cfg")
  end
end
