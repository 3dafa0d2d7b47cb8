# frozen_string_literal: true

require_relative "tls_case"

# Sessions are resumed, whichever worker accepts the connection.
class SessionsTest < HyperionTest::TlsCase
  serve BASIC, *LOCAL.flags

  VERSIONS = %i[TLS1_2 TLS1_3].freeze

  VERSIONS.each do |version|
    define_method("test_a_session_of_#{version}_is_resumed") do
      assert_equal [false, *[true] * 5], visits(6, version: version).map(&:first)
    end

    %w[reuseport share].each do |model|
      define_method("test_W14_a_session_of_#{version}_is_resumed_by_all_workers_with_#{model}") do
        cluster = boot(BASIC, *LOCAL.flags, "-w", "2", "--worker-model", model)
        resumed, pids = visits(40, to: cluster, version: version).transpose
        assert_equal [false, *[true] * 39], resumed
        assert_equal 2, pids.uniq.size, "both workers were asked"
      end
    end
  end

  def test_a_session_outlives_the_worker
    cluster = boot(BASIC, *LOCAL.flags, "-w", "2")
    visitor = Visitor.new
    first = visit(visitor, to: cluster).last
    Process.kill(:KILL, first)
    eventually { !cluster.pids.include?(first) && cluster.worker_pids.size == 2 }
    assert_equal [true] * 10, Array.new(10) { visit(visitor, to: cluster).first }
  end

  def test_no_other_server_resumes_it
    other = boot(BASIC, *LOCAL.flags)
    visitor = Visitor.new
    assert_equal [false, false, true], [server, other, other].map { |to| visit(visitor, to: to).first }
  end

  def test_openssl_resumes
    out, = run_program("openssl", "s_client", "-connect", "127.0.0.1:#{server.port}", "-tls1_2", "-reconnect", "-CAfile", CA.root_path)
    assert_equal [1, 5], [out.scan(/^New, TLSv1\.2/).size, out.scan(/^Reused, TLSv1\.2/).size], out
  end

  # Remembers the newest session.
  class Visitor
    attr_accessor :session
  end

  private

  def visits(count, **options) = Visitor.new.then { |visitor| Array.new(count) { visit(visitor, **options) } }

  # @return [Array(Boolean, Integer)] whether the session was resumed, and who has answered
  def visit(visitor, to: server, version: nil)
    remembering = context(version: version) do |context|
      context.session_cache_mode = OpenSSL::SSL::SSLContext::SESSION_CACHE_CLIENT | OpenSSL::SSL::SSLContext::SESSION_CACHE_NO_INTERNAL_STORE
      context.session_new_cb = ->((_, session)) { visitor.session = session }
    end
    client = secure_client(to: to, context: remembering, session: visitor.session)
    answer = Integer(client.get("/pid").body)
    # With TLS 1.2 the library tells nobody of a ticket that came in a resumed session.
    visitor.session = client.socket.ssl.session if client.socket.ssl.ssl_version == "TLSv1.2"
    [client.socket.ssl.session_reused?, answer]
  end
end
