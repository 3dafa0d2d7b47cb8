# frozen_string_literal: true

require_relative "transfer_case"

# Node's http2 leaves its windows at the protocol's 64 KiB, and gives them back in parts.
class NodeClientTest < HyperionTest::TransferCase
  SIZE = 128 * MIB

  def test_a_download_of_the_app_over_tls
    assert_read secure_url("/download?#{SIZE},16384")
  end

  def test_a_download_of_the_app_over_h2c
    assert_read server.url("/download?#{SIZE},65536")
  end

  def test_a_download_of_a_file
    file = file_of(SIZE)
    booted = boot_h2(APP, "-t", "1", "--preload-static", folder)
    assert_read booted.url("/#{File.basename(file)}")
  end

  private

  def assert_read(url)
    told = JSON.parse(run_client("node", "#{__dir__}/node_client.js", CA.root_path, url, timeout: 60))
    assert_equal [200, SIZE, digest_of(SIZE)], told.values_at("status", "size", "sha256")
  end
end
