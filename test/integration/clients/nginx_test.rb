# frozen_string_literal: true

require_relative "../grpc/grpc_case"
require_relative "transfer_case"

# nginx before the server: kept connections of HTTP/1.1, as its manual recommends them, and gRPC.
class NginxTest < HyperionTest::TransferCase
  SIZE = 64 * MIB
  LIMIT = MIB
  PROXY = "proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\";"

  def test_downloads_and_uploads
    front = start_nginx
    assert_downloaded SIZE, curl_by(front, "/download?#{SIZE},4096")
    assert_uploaded SIZE, curl_by(front, "/upload", "--upload-file", file_of(SIZE))
    assert_equal "page for HTTP/1.1", curl_by(front, "/page")
  end

  # It takes a 103 for the response and waits for what it says to follow.
  def test_a_page_with_early_hints
    front = start_nginx
    3.times { assert_equal "hinted", curl_by(front, "/hints", "--max-time", "10") }
    assert_equal "page for HTTP/1.1", curl_by(front, "/page", "--max-time", "10")
  end

  { "kept back until it is whole" => "on", "passed on as it comes" => "off" }.each do |title, buffering|
    define_method("test_the_refusal_of_an_upload_that_is_too_large_and_#{title.tr(" ", "_")}") do
      booted = boot_h2(APP, "-t", "1", "--max-body-bytes", LIMIT)
      front = start_nginx("#{PROXY} proxy_request_buffering #{buffering};", to: booted)
      [[], ["--header", "Transfer-Encoding: chunked"]].each { |headers| assert_refused(front, headers) }
      assert_equal "page for HTTP/1.1", curl_by(front, "/page")
    end
  end

  def test_a_grpc_call
    skip "no gRPC for python is installed" unless HyperionTest::GrpcCase.client?("python")
    booted = boot_h2(HyperionTest::GrpcCase::GRPC_APP, "-t", "2")
    front = start_nginx("grpc_pass grpc://app;", to: booted, listen: " http2")
    client = HyperionTest::GrpcCase::CLIENTS.fetch("python")
    assert_equal ["hello", "", 2560], JSON.parse(run_client(*client, "unary", "unix:#{front}"))
    assert_equal 1000, JSON.parse(run_client(*client, "many_messages", "unix:#{front}"))
  end

  private

  # The server's own answer reaches the client, which is told nothing by nginx of its own.
  def assert_refused(front, headers)
    answer = curl_by(front, "/upload", *headers, "--header", "Expect:", "--upload-file", file_of(32 * MIB), "--write-out", " %{http_code}")
    assert_match(/ 413\z/, answer)
    refute_match(/nginx/, answer)
  end

  def start_nginx(location = PROXY, to: server, listen: "")
    executable = program("nginx")
    File.write("#{folder}/nginx.conf", <<~CONF)
      daemon off; master_process off;
      pid #{folder}/pid;
      events {}
      http {
        access_log off;
        #{%w[client_body proxy fastcgi uwsgi scgi].map { |kind| "#{kind}_temp_path #{folder}/#{kind};" }.join(" ")}
        upstream app { server #{to.authority}; keepalive 4; }
        server {
          listen unix:#{folder}/front.sock#{listen};
          client_max_body_size 0;
          location / { #{location} }
        }
      }
    CONF
    start_proxy(executable, "-p", folder, "-c", "#{folder}/nginx.conf", "-e", "#{folder}/error.log")
  end
end
