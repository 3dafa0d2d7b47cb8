# frozen_string_literal: true

require_relative "grpc_case"

# What clients of others call.
class GrpcCallsTest < HyperionTest::GrpcCase
  def test_unary
    everywhere("unary") { |answer, where| assert_equal ["hello", "", 2560], answer, where }
  end

  def test_errors_with_details
    everywhere("errors") do |answer, where|
      failure = answer["fail"]
      assert_equal ["NOT_FOUND", "café is 100% gone\n"], [failure["code"], failure["details"].dup.force_encoding("UTF-8")], where
      assert_equal Base64.strict_encode64("\x08\x05\x12\xff\x00".b), failure["trailers"]["grpc-status-details-bin"], where
      assert_equal Base64.strict_encode64("\x00\xfe".b), failure["trailers"]["why-bin"], where
      assert_equal ["FAILED_PRECONDITION", "after two", %w[one more]], [*answer["late"].values_at("code", "details"), answer["seen"]], where
    end
  end

  def test_trailers_only
    everywhere("trailers_only") { |answer, where| assert_equal ["UNIMPLEMENTED", "no Missing"], answer.values_at("code", "details"), where }
  end

  def test_an_app_that_raises_never_looks_like_success
    everywhere("raised") { |answer, where| assert_includes %w[INTERNAL UNKNOWN], answer["code"], where }
  end

  def test_binary_metadata
    sent = Base64.strict_encode64("\x00\xff\xfe".b * 20)
    everywhere("metadata", clients: %w[python]) do |answer, where|
      assert_includes answer["initial"], ["initial-bin", sent], where
      assert_equal [%w[got one], %w[got two], ["got-bin", sent]], answer["trailing"].select { |name, _| name.start_with?("got") }, where
    end
  end

  def test_env
    everywhere("environment") do |env, where|
      assert_equal ["trailers", "POST", "HTTP/2", "application/grpc"], env.values_at("HTTP_TE", "REQUEST_METHOD", "SERVER_PROTOCOL", "CONTENT_TYPE"), where
      assert_match(/\A\d+[numSMH]\z/, env["HTTP_GRPC_TIMEOUT"], where)
    end
  end

  def test_four_megabytes_both_ways
    everywhere("large") { |answer, where| assert_equal [4_194_304, true, 4_194_304], answer, where }
  end

  # The second message is made once the client, which has the first, says so by another call.
  def test_each_message_leaves_at_once
    everywhere("server_stream") { |answer, where| assert_equal %w[first second], answer, where }
  end

  def test_a_thousand_messages
    everywhere("many_messages") { |answer, where| assert_equal 1000, answer, where }
  end

  def test_client_streaming
    everywhere("client_stream") { |answer, where| assert_equal "a,,ccc", answer, where }
  end

  def test_bidirectional_ping_pong
    everywhere("bidi") { |answer, where| assert_equal ["re: 0", "re: 49", 50, []], answer, where }
  end

  def test_the_server_may_speak_first
    everywhere("quiz", clients: %w[python]) { |answer, where| assert_equal %w[0? 1? 2? OK], answer, where }
  end

  def test_a_thousand_calls_at_once
    everywhere("thousand") { |answer, where| assert_equal 1000, answer, where }
  end
end
