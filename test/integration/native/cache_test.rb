# frozen_string_literal: true

require "zlib"
require_relative "files_case"

# What is kept of files, what is said of encodings, and what the app can have sent.
class CacheTest < HyperionTest::FilesCase
  serve app("files"), "-t", "2"

  def test_F7_W30_a_file_that_is_replaced_is_sent_anew
    file = plant("assets/page.txt", "one", time: nil)
    client = connect
    20.times do |index|
      text = "text #{index} #{"x" * index}"
      index.even? ? File.binwrite(file, text) : File.binwrite("#{file}.new", text) && File.rename("#{file}.new", file)
      assert_equal text, client.get("/assets/page.txt").body
      etag = client.get("/assets/page.txt")["etag"]
      assert_equal 304, client.get("/assets/page.txt", "if-none-match" => etag).status
      File.binwrite(file, "#{text}!")
      assert_equal "#{text}!", client.get("/assets/page.txt", "if-none-match" => etag).body
    end
    File.unlink(file)
    assert_equal "rack GET /assets/page.txt", client.get("/assets/page.txt").body
  end

  def test_W30_what_has_the_same_size_and_time_is_noticed
    file = plant("assets/same.txt", "aaaa")
    assert_equal "aaaa", get("/assets/same.txt").body
    sleep 0.05 # The kernel counts changes of a file in ticks, and what is told of here is the next one.
    assert_equal "aaaa", get("/assets/same.txt").body
    File.binwrite(file, "bbbb")
    File.utime(PAST, PAST, file)
    assert_equal "bbbb", get("/assets/same.txt").body
  end

  def test_W30_it_is_keyed_by_path_and_method
    plant("inner/ten.txt", "inner ten")
    assert_equal [TEN, "inner ten", TEN], %w[/assets/ten.txt /assets/inner/ten.txt /plain/ten.txt].map { |path| get(path).body }
    assert_equal "", fetch("HEAD", "/assets/page.html").body
    assert_equal "<p>", get("/assets/page.html").body
    assert_equal "rack POST /assets/page.html", post("/assets/page.html", "").body
    assert_equal [404, "<p>", 200], [get("/missing?page.html").status, get("/missing?page.html").body, get("/assets/page.html").status]
  end

  def test_W30_memory_is_bounded
    1000.times { |index| plant("assets/many/#{index}.bin", "x" * 60_000) }
    { "1m" => 20_000, "0" => 20_000 }.each do |bytes, allowed_kb|
      small = boot_files("-t", "1", "--static-cache-bytes", bytes, "--no-log-requests")
      client = connect(small)
      50.times { |index| client.get("/assets/many/#{index}.bin") }
      before = small.rss_kb
      1000.times { |index| assert_equal 60_000, client.get("/assets/many/#{index}.bin").body.bytesize }
      assert_operator small.rss_kb - before, :<, allowed_kb, "with #{bytes}"
    end
  end

  def test_immutable_files_are_not_looked_at_again
    plant("assets/fixed.txt", "first")
    fixed = boot_files("-t", "1")
    plant("assets/fixed.txt", "second")
    plant("assets/later.txt", "later")
    assert_equal %w[first second later], %w[/forever/fixed.txt /assets/fixed.txt /forever/later.txt].map { |path| get(path, to: fixed).body }
    assert_equal "public, max-age=31536000, immutable", get("/forever/fixed.txt", to: fixed)["cache-control"]
    File.unlink("#{tree}/assets/fixed.txt")
    assert_equal "first", get("/forever/fixed.txt", to: fixed).body
  end

  def test_preload_static
    plant("assets/kept.txt", "kept")
    preloading = boot_files("-t", "1", "--preload-static", "#{tree}/assets", "--preload-static", "#{tree}/inner")
    plant("assets/kept.txt", "changed")
    assert_equal %w[kept inner], %w[/kept.txt /x.txt].map { |path| get(path, to: preloading).body }
    assert_equal ["public, max-age=31536000, immutable", PAST_DATE], get("/kept.txt", to: preloading).then { |response| [response["cache-control"], response["last-modified"]] }
    assert_equal ["rack GET /none", "rack GET /"], %w[/none /].map { |path| get(path, to: preloading).body }
    assert_match(/^  Routes +1 native, 9 mounts \(/, preloading.log)
    assert_match(%r{preload_static.*nowhere" is not a directory that is there}, refuse("-p", "0", "--preload-static", "nowhere", "#{ROOT}/#{BASIC}"))
  end

  def test_preload_static_in_a_cluster_and_from_the_file
    text = "workers 2\npreload_static [\"#{tree}/inner\"]\n"
    assert_equal "inner", body("/x.txt", to: boot_with(text))
    assert_equal "inner", body("/x.txt", to: boot(BASIC, env: { "HYPERION_PRELOAD_STATIC" => "#{tree}/inner" }))
  end

  # A file with its encodings; what each holds says which it is.
  def encodings(name, *suffixes)
    plant(name, "plain")
    suffixes.each { |suffix| plant("#{name}.#{suffix}", suffix) }
  end

  def test_encodings_are_chosen_by_accept_encoding
    encodings("assets/app.js", "br", "gz", "zst")
    { nil => "plain", "" => "plain", "gzip" => "gz", "br" => "br", "zstd" => "zst", "gzip, deflate, br, zstd" => "br", "gzip, zstd" => "zst", "deflate" => "plain",
      "br;q=0.5, gzip;q=0.8" => "gz", "br;q=0, gzip" => "gz", "*" => "br", "*;q=0" => "plain", "identity, gzip;q=0.5" => "plain", "identity;q=0.1, gzip" => "gz",
      "br;q=2" => "plain", "GZIP" => "gz", "x-gzip" => "gz", ["gzip;q=0.1", "br"] => "br" }.each do |accepted, expected|
      response = get("/assets/app.js", "accept-encoding" => accepted)
      coding = { "gz" => "gzip", "zst" => "zstd", "plain" => nil }.fetch(expected, expected)
      assert_equal [expected, coding, "accept-encoding", "text/javascript; charset=utf-8"], [response.body, response["content-encoding"], response["vary"], response["content-type"]], accepted.inspect
    end
  end

  def test_encodings_have_tags_and_ranges_of_their_own
    encodings("assets/tags.css", "gz")
    plain, encoded = get("/assets/tags.css"), get("/assets/tags.css", "accept-encoding" => "gzip")
    refute_equal plain["etag"], encoded["etag"]
    assert_equal [200, 304], [plain, encoded].map { |response| get("/assets/tags.css", "accept-encoding" => "gzip", "if-none-match" => response["etag"]).status }
    assert_equal [206, "g", "gzip"], get("/assets/tags.css", "accept-encoding" => "gzip", "range" => "bytes=0-0").then { |response| [response.status, response.body, response["content-encoding"]] }
    not_modified = get("/assets/tags.css", "accept-encoding" => "gzip", "if-none-match" => "*")
    assert_equal [304, "accept-encoding", []], [not_modified.status, not_modified["vary"], not_modified.values("content-encoding")]
    assert_equal ["", "2", "gzip"], fetch("HEAD", "/assets/tags.css", "accept-encoding" => "gzip").then { |response| [response.body, response["content-length"], response["content-encoding"]] }
  end

  def test_encodings_that_are_none
    encodings("assets/alone.js")
    assert_empty get("/assets/alone.js", "accept-encoding" => "br").values("vary")
    plant("assets/old.js", "fresh")
    plant("assets/old.js.gz", "stale", time: PAST - 60)
    assert_equal "fresh", get("/assets/old.js", "accept-encoding" => "gzip").body
    encodings("assets/app.js", "gz")
    assert_equal ["plain", []], get("/plain/app.js", "accept-encoding" => "gzip").then { |response| [response.body, response.values("content-encoding")] }
    assert_equal ["gz", "application/gzip", []], get("/assets/app.js.gz").then { |response| [response.body, response["content-type"], response.values("content-encoding")] }
    plant("assets/only.js.gz", "gz")
    assert_equal "rack GET /assets/only.js", get("/assets/only.js", "accept-encoding" => "gzip").body
  end

  def test_encodings_that_come_and_go_and_change
    plant("assets/come.js", "plain")
    assert_equal "plain", get("/assets/come.js", "accept-encoding" => "gzip").body
    plant("assets/come.js.gz", "gz")
    eventually { get("/assets/come.js", "accept-encoding" => "gzip").body == "gz" }
    File.binwrite("#{tree}/assets/come.js.gz", "other")
    assert_equal "other", get("/assets/come.js", "accept-encoding" => "gzip").body
    File.unlink("#{tree}/assets/come.js.gz")
    assert_equal "plain", get("/assets/come.js", "accept-encoding" => "gzip").body
    plant("assets/come.js", "newer", time: Time.now)
    assert_equal "newer", get("/assets/come.js", "accept-encoding" => "gzip").body
  end

  def test_a_real_gzip_file_with_curl
    skip "curl is not installed" unless system("command -v curl >/dev/null")
    plant("assets/real.txt", LARGE)
    plant("assets/real.txt.gz", Zlib.gzip(LARGE))
    assert_equal LARGE, IO.popen(["curl", "-s", "--compressed", server.url("/assets/real.txt")], &:read)
  end

  def sendfile(name, path, to:, **rest) = get("/sendfile", to: to, "x-name" => name, "x-file" => path, **rest)

  def test_headers_that_name_a_file_are_the_clients_by_default
    { "x-sendfile" => "#{tree}/assets/ten.txt", "x-accel-redirect" => "/private/report.pdf" }.each do |name, path|
      response = sendfile(name, path, to: server)
      assert_equal ["app", path], [response.body, response[name]]
    end
  end

  def test_x_sendfile
    with = boot_files("-t", "1", "--sendfile-header", "x-sendfile")
    response = sendfile("X-Sendfile", "#{tree}/assets/ten.txt", to: with)
    assert_equal [200, TEN, "10", "1", "text/plain; charset=utf-8", []], [response.status, response.body, response["content-length"], response["x-app"], response["content-type"], response.values("x-sendfile")]
    assert_equal "text/plain", sendfile("X-Sendfile", "#{tree}/assets/page.html", to: with, "x-typed" => "1")["content-type"]
    assert_equal [206, "23"], sendfile("x-sendfile", "#{tree}/assets/ten.txt", to: with, "range" => "bytes=2-3").then { |part| [part.status, part.body] }
    assert_equal 304, sendfile("x-sendfile", "#{tree}/assets/ten.txt", to: with, "if-none-match" => "*").status
    ["#{tree}/none", "assets/ten.txt", "#{tree}/assets", "/dev/zero"].each { |path| assert_equal 404, sendfile("x-sendfile", path, to: with).status, path }
    with.wait_for_log(/the file that the application named is not sent/)
    assert_equal "app", sendfile("x-accel-redirect", "/private/report.pdf", to: with).body
  end

  def test_x_accel_redirect
    with = boot_files("-t", "1", "--sendfile-header", "x-accel-redirect")
    response = sendfile("X-Accel-Redirect", "/private/report.pdf?x=y", to: with)
    assert_equal [200, "private", "application/pdf", "1", []], [response.status, response.body, response["content-type"], response["x-app"], response.values("x-accel-redirect")]
    assert_equal "odd", sendfile("x-accel-redirect", "/assets/a%20b%25.txt", to: with).body
    ["/private/none", "/private/../outside.txt", "/private/%2e%2e/outside.txt", "/elsewhere/x", "private/report.pdf", "#{tree}/outside.txt", "/private/"].each do |path|
      assert_equal 404, sendfile("x-accel-redirect", path, to: with).status, path
    end
    assert_equal "rack GET /private/report.pdf", get("/private/report.pdf", to: with).body
    assert_equal "app", sendfile("x-sendfile", "#{tree}/assets/ten.txt", to: with).body
  end

  def test_through_ruby_it_is_the_same
    through = boot_files("-t", "1", "--no-native-routes", "--sendfile-header", "x-accel-redirect")
    assert_equal "private", sendfile("x-accel-redirect", "/private/report.pdf", to: through).body
    [["/assets/ten.txt", { "range" => "bytes=0-1" }], ["/strict/none", {}], ["/site/docs", {}], ["/assets/large.bin", {}], ["/assets/empty.txt", {}], ["/assets/ten.txt", { "if-match" => "\"x\"" }]].each do |path, fields|
      one, other = [server, through].map { |each| get(path, to: each, **fields) }
      assert_equal [one.status, one.body.hash, one.headers.sort - [["date", one["date"]]]], [other.status, other.body.hash, other.headers.sort - [["date", other["date"]]]], path
    end
  end
end
