# frozen_string_literal: true

require_relative "rack_case"

# `close` of the body exactly once in every ending, and rack.response_finished behind it.
class ClosingTest < HyperionTest::RackCase
  serve app("events"), "-t", "4"

  # What the body and the callbacks saw, in order, once the last callback has run.
  def events(key)
    finished, log = nil
    eventually { (finished, log = unmarshal(get("/log?#{key}"))) && finished }
    log
  rescue Minitest::Assertion
    flunk "rack.response_finished never ran; so far: #{log.inspect}"
  end

  def finished(status, error = nil, seen: true) = ["finished", true, status, seen, error]

  def assert_closed_once(key, last)
    log = events(key)
    assert_equal ["close"], log.grep("close"), "closed once: #{log.inspect}"
    assert_operator log.index("close"), :<, log.index("second"), "closed before the callbacks: #{log.inspect}"
    assert_equal last, log.grep(Array).first
  end

  def test_G1_normal_end
    assert_equal "hello", get("/normal?normal").body
    assert_closed_once "normal", finished(200)
  end

  def test_G1_known_length
    assert_equal "hello", get("/known?known").body
    assert_closed_once "known", finished(200)
  end

  def test_G1_head
    response = fetch("HEAD", "/normal?head")
    assert_equal [200, ""], [response.status, response.body]
    assert_closed_once "head", finished(200)
  end

  def test_G1_no_content
    assert_equal "", get("/204?204").body
    assert_closed_once "204", finished(204)
  end

  def test_G1_not_modified
    assert_equal "", get("/304?304").body
    assert_closed_once "304", finished(304)
  end

  def test_G1_http_1_0
    assert_match(/hello\z/, connect.write("GET /normal?old HTTP/1.0\r\n\r\n").read_to_end)
    assert_closed_once "old", finished(200)
  end

  def test_G1_client_leaves_in_the_middle
    client = connect.request("GET", "/endless?left")
    read_until(client, /begun/)
    client.abort
    get("/open?left")
    log = events("left")
    assert_equal ["close"], log.grep("close")
    assert_equal 200, log.grep(Array).first[2]
  end

  def test_G1_client_leaves_while_the_app_waits
    client = connect.request("GET", "/gated?gone")
    read_until(client, /a/)
    client.abort
    get("/open?gone")
    assert_equal ["close"], events("gone").grep("close")
  end

  def test_G1_exception_in_each
    answer = connect.request("GET", "/broken?broken").read_to_end
    assert_includes answer, "partial"
    refute_match(/\r\n0\r\n\r\n\z/, answer, "no clean end")
    refute_includes answer, "secret"
    assert_closed_once "broken", finished(200, "RuntimeError")
  end

  def test_G1_exception_at_the_first_step_of_each
    answer = connect.request("GET", "/broken-first?first").read_to_end
    refute_match(/\r\n0\r\n\r\n\z/, answer, "no clean end") unless answer.start_with?("HTTP/1.1 500")
    log = events("first")
    assert_equal ["close"], log.grep("close")
    assert_equal "RuntimeError", log.grep(Array).first.last
  end

  def test_G1_a_file
    assert_includes get("/file?file").body, "WatchedFile"
    assert_closed_once "file", finished(200)
  end

  def test_G1_head_of_a_file
    assert_equal "", fetch("HEAD", "/file?head-file").body
    assert_closed_once "head-file", finished(200)
  end

  def test_G1_a_stream
    assert_equal "streamed", get("/stream?stream").body
    assert_closed_once "stream", finished(200)
  end

  def test_G1_a_partial_hijack
    assert_equal "mine", get("/partial?partial").body
    assert_closed_once "partial", finished(200)
  end

  def test_G1_a_header_that_cannot_be_sent
    answer = connect.request("GET", "/bad-header?header").response
    assert_equal [500, nil], [answer.status, answer["evil"]]
    assert_equal ["close"], events("header").grep("close")
  end

  def test_G1_a_status_that_cannot_be_sent
    assert_equal 500, get("/bad-status?status").status
    assert_equal ["close"], events("status").grep("close")
  end

  def test_G1_a_piece_that_is_no_string
    answer = connect.request("GET", "/bad-chunk?chunk").read_to_end
    refute_match(/\r\n0\r\n\r\n\z/, answer, "no clean end") unless answer.start_with?("HTTP/1.1 500")
    assert_equal ["close"], events("chunk").grep("close")
  end

  def test_G1_body_shorter_than_its_length
    answer = connect.request("GET", "/short?short").read_to_end
    assert_match(/\r\n\r\nhello\z/, answer)
    assert_equal ["close"], events("short").grep("close")
  end

  def test_G1_body_longer_than_its_length
    client = connect.request("GET", "/long?long")
    assert_equal "he", client.response.body
    assert_ended client
    assert_equal ["close"], events("long").grep("close")
  end

  def test_G1_exit_in_each
    connect.request("GET", "/exit?exit").read_to_end
    assert_equal ["close"], events("exit").grep("close")
    assert_equal "hello", get("/normal?after-exit").body
  end

  def test_G1_thread_killed_in_each
    connect.request("GET", "/killed?killed").read_to_end
    assert_equal ["close"], events("killed").grep("close")
    assert_equal "hello", get("/normal?after-kill").body
  end

  def test_G1_close_that_raises
    assert_equal "hello", get("/broken-close?close").body
    assert_equal ["close"], events("close").grep("close")
    assert_equal "hello", get("/normal?after-close").body
  end

  def test_callbacks_run_in_reverse_order_and_survive_each_other
    get("/normal?order")
    log = events("order")
    assert_equal ["close", "second", finished(200)], log - ["reply"]
    assert_equal ["reply"], log.grep("reply")
  end

  def test_callbacks_of_a_request_that_raised
    assert_equal 500, get("/raise?raise").status
    log = events("raise")
    ended = log.grep(Array).first
    assert_equal ["finished", true, "ArgumentError"], ended.values_at(0, 1, 4)
  end

  def test_callbacks_run_when_the_response_has_been_sent
    client = connect.request("GET", "/gated?sent")
    read_until(client, /a/)
    assert_equal [false, []], unmarshal(get("/log?sent")), "nothing is finished while the body is still open"
    get("/open?sent")
    assert_closed_once "sent", finished(200)
  end
end
