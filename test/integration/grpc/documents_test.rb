# frozen_string_literal: true

require_relative "grpc_case"

# The clients in docs/grpc.md, run as they stand there, but for the port.
class GrpcDocumentsTest < HyperionTest::GrpcCase
  speak "examples/grpc.ru", "-t", "2"

  TEXT = File.read("#{HyperionTest::TestServer::ROOT}/docs/grpc.md")

  def test_the_client_in_python
    assert_equal "b'hello'\n[b'one', b'two']\n", run_block("python", PYTHON, ".py")
  end

  def test_the_client_in_ruby
    assert_equal "hello\n" * 4, run_block("rb", RbConfig.ruby, ".rb", client: "ruby")
  end

  def test_the_app
    Dir.mktmpdir do |folder|
      File.write("#{folder}/config.ru", TEXT[/^```ruby\n(.*?)^```$/m, 1])
      response = raw_call(h2(boot("#{folder}/config.ru")), "Any", framed("x"))
      assert_equal [framed("Hello from Rack"), [%w[grpc-status 0]]], [response.body, response.trailers]
    end
  end

  def test_behind_nginx
    skip "nginx is not installed" unless system("command -v nginx >/dev/null")
    with_nginx(TEXT[/^```nginx\n(.*?)^```$/m, 1]) do |port|
      { "python" => "bidi", "ruby" => "server_stream" }.each do |client, scenario|
        skip unless HyperionTest::GrpcCase.client?(client)
        output = run_client(*CLIENTS[client], scenario, "127.0.0.1:#{port}")
        assert_equal scenario == "bidi" ? ["re: 0", "re: 49", 50, []] : %w[first second], JSON.parse(output.lines.last)
      end
    end
  end

  private

  def run_block(language, program, extension, client: "python")
    skip "no gRPC for #{client} is installed" unless HyperionTest::GrpcCase.client?(client)
    Tempfile.create(["block", extension]) do |file|
      file.write(TEXT[/^```#{language}\n(.*?)^```$/m, 1].gsub("127.0.0.1:9292", "127.0.0.1:#{server.port}"))
      file.flush
      run_client(program, file.path)
    end
  end

  # nginx with this server block in front of the test app.
  def with_nginx(block)
    booted = boot(GRPC_APP, "-t", "3")
    Dir.mktmpdir do |folder|
      port = free_port
      block = block.sub("127.0.0.1:9080", "127.0.0.1:#{port}").sub("127.0.0.1:9292", "127.0.0.1:#{booted.port}")
      File.write("#{folder}/nginx.conf", "daemon off; pid #{folder}/pid; error_log stderr; worker_processes 1;\n" \
                                         "events {}\nhttp { access_log off; client_body_temp_path #{folder};\n#{block}}\n")
      pid = Process.spawn("nginx", "-p", folder, "-c", "#{folder}/nginx.conf", err: "#{folder}/errors", out: File::NULL)
      eventually("nginx does not listen") { listens?(port) }
      yield port
    ensure
      pid && Process.kill(:TERM, pid) && Process.wait(pid)
    end
  end

  def free_port = TCPServer.open("127.0.0.1", 0) { |socket| socket.addr[1] }

  def listens?(port)
    TCPSocket.open("127.0.0.1", port).close || true
  rescue Errno::ECONNREFUSED
    false
  end
end
