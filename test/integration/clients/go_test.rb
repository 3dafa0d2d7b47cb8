# frozen_string_literal: true

require_relative "transfer_case"

# Go's net/http gives room for each few KiB that are read.
class GoClientTest < HyperionTest::TransferCase
  SIZE = 64 * MIB
  # Kept beside what cargo builds: newer compilers come without a built library.
  CACHE = File.join(File.expand_path(ENV.fetch("CARGO_TARGET_DIR", "#{HyperionTest::TestServer::ROOT}/target")), "go")

  def test_a_download_in_small_pieces_over_tls
    assert_read(SIZE, go("h2", secure_url("/download?#{SIZE},1024"), secure_url("/upload")))
  end

  def test_a_download_in_small_pieces_over_h2c
    assert_read(SIZE, go("h2c", server.url("/download?#{SIZE},1024"), server.url("/upload")))
  end

  private

  def assert_read(size, told)
    assert_equal({ "Protocol" => "HTTP/2.0", "Size" => size, "Sha256" => digest_of(size) }, told["download"])
    assert_operator told["beside"], :>=, 1, "nothing was served beside the download"
    assert_equal 1, told["connections"]
  end

  def go(protocol, *urls)
    output, complaints, status = Open3.capture3("timeout", "60", self.class.client || skip("go is not installed"), protocol, CA.root_path, *urls)
    skip "this Go has no client of h2c" if status.exitstatus == 3
    assert_predicate status, :success?, "#{complaints}\n#{server.log[-1500..]}"
    JSON.parse(output)
  end

  # @return [String, nil] the client's executable
  def self.client
    return unless system("command -v go >/dev/null")

    @client ||= "#{CACHE}/client".tap do |path|
      environment = { "CGO_ENABLED" => "0", "GOCACHE" => "#{CACHE}/cache", "GOFLAGS" => "-buildvcs=false", "GOTOOLCHAIN" => "local" }
      output, status = Open3.capture2e(environment, "go", "build", "-o", path, ".", chdir: "#{__dir__}/go")
      status.success? or raise "the client cannot be built: #{output}"
    end
  end
end
