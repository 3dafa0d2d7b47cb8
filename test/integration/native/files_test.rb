# frozen_string_literal: true

require "digest"
require "open3"
require "time"
require_relative "files_case"

# Files of mounts, and of bodies that have a path.
class FilesTest < HyperionTest::FilesCase
  serve app("files"), "-t", "2", "--admin-token", TOKEN

  def test_a_file_has_its_headers
    response = get("/assets/ten.txt?v=1")
    assert_equal [200, TEN], [response.status, response.body]
    assert_equal ["text/plain; charset=utf-8", PAST_DATE, "bytes", "max-age=60", "assets", "10"],
      %w[content-type last-modified accept-ranges cache-control x-mount content-length].map { |name| response[name] }
    assert_match(/\A"\h{16}"\z/, response["etag"])
    assert_in_delta Time.now, Time.httpdate(response["date"]), 2
  end

  def test_types
    { "x.html" => "text/html; charset=utf-8", "x.css" => "text/css; charset=utf-8", "x.js" => "text/javascript; charset=utf-8", "x.mjs" => "text/javascript; charset=utf-8",
      "x.json" => "application/json", "x.svg" => "image/svg+xml", "x.PNG" => "image/png", "x.jpg" => "image/jpeg", "x.webp" => "image/webp", "x.avif" => "image/avif",
      "x.woff2" => "font/woff2", "x.wasm" => "application/wasm", "x.mp4" => "video/mp4", "x.pdf" => "application/pdf", "x.xml" => "text/xml; charset=utf-8",
      "x.tar.gz" => "application/gzip", "x" => "application/octet-stream", "x.unknown" => "application/octet-stream" }.each do |name, type|
      plant("assets/types/#{name}", "x")
      assert_equal type, get("/assets/types/#{name}")["content-type"], name
    end
  end

  def test_names_are_unescaped_once
    { "a%20b%25.txt" => "odd", "%C3%A9.txt" => "accent", "sub/deep.css" => "css", "%74en.txt" => TEN }.each do |name, text|
      assert_equal text, get("/assets/#{name}").body.force_encoding("UTF-8"), name
    end
    assert_match(/\Arack/, get("/assets/%2574en.txt").body)
  end

  def test_head_and_other_methods
    full, bare = get("/assets/large.bin"), fetch("HEAD", "/assets/large.bin")
    assert_equal [200, "", full.headers.sort.reject { |name, _| name == "date" }], [bare.status, bare.body, bare.headers.sort.reject { |name, _| name == "date" }]
    assert_equal "rack POST /assets/ten.txt", post("/assets/ten.txt", "x").body
    refused = post("/strict/ten.txt", "x")
    assert_equal [405, "GET, HEAD"], [refused.status, refused["allow"]]
  end

  def test_misses
    assert_equal "rack GET /assets/none", get("/assets/none").body
    assert_equal [404, "Not Found\n"], get("/strict/none").then { |response| [response.status, response.body] }
    assert_equal "rack GET /assetsx", get("/assetsx").body
    assert_equal "rack GET /assets", get("/assets").body
  end

  def test_routes_come_first_and_the_longest_prefix_wins
    assert_equal ["a route, not a file\n", "inner"], [get("/assets/static.txt").body, get("/assets/inner/x.txt").body]
    assert_equal "rack POST /assets/static.txt", post("/assets/static.txt", "").body
  end

  def test_what_one_mount_has_not_another_may_have
    plant("assets/inner/only.txt", "below the outer one")
    assert_equal "below the outer one", get("/assets/inner/only.txt").body
  end

  def test_names_with_a_dot
    plant("assets/.well-known/security.txt", "call us")
    assert_equal ["call us", "rack GET /assets/.hidden"], %w[.well-known/security.txt .hidden].map { |name| get("/assets/#{name}").body }
  end

  def test_a_mount_holds_the_directory_whatever_its_name_becomes
    FileUtils.mkdir_p(%W[#{dir}/one #{dir}/two])
    %w[one two].each { |name| File.write("#{dir}/#{name}/which", name) }
    File.symlink("one", "#{dir}/current")
    booted = boot_text("Hyperion::Server.mount_static(\"/\", \"#{dir}/current\")\nrun ->(_) { [200, {}, [\"rack\"]] }\n")
    assert_equal "one", body("/which", to: booted)
    File.symlink("two", "#{dir}/next")
    File.rename("#{dir}/next", "#{dir}/current")
    assert_equal "one", body("/which", to: booted)
    File.write("#{dir}/one/later", "later")
    assert_equal "later", body("/later", to: booted)
  end

  def test_index
    assert_equal %w[home docs], [get("/site/").body, get("/site/docs/").body]
    { "/site" => "/site/", "/site/docs" => "/site/docs/", "/site/docs?a=b" => "/site/docs/?a=b" }.each do |path, location|
      assert_equal [301, location], get(path).then { |response| [response.status, response["location"]] }, path
    end
    ["/site/none", "/site/none/", "/assets/sub", "/assets/sub/", "/assets/"].each { |path| assert_equal "rack GET #{path}", get(path).body }
    assert_equal "text/html; charset=utf-8", get("/site/docs/")["content-type"]
  end

  def test_conditional_requests
    etag = get("/assets/ten.txt")["etag"]
    [etag, "W/#{etag}", "*", "\"x\", #{etag}"].each do |value|
      response = get("/assets/ten.txt", "if-none-match" => value)
      assert_equal [304, "", etag, "max-age=60", []], [response.status, response.body, response["etag"], response["cache-control"], response.values("content-type")], value
    end
    later, earlier = (PAST + 60).httpdate, (PAST - 60).httpdate
    { { "if-none-match" => "\"x\"" } => 200, { "if-modified-since" => PAST_DATE } => 304, { "if-modified-since" => later } => 304, { "if-modified-since" => earlier } => 200,
      { "if-modified-since" => "nonsense" } => 200, { "if-none-match" => "\"x\"", "if-modified-since" => later } => 200, { "if-unmodified-since" => PAST_DATE } => 200,
      { "if-unmodified-since" => earlier } => 412, { "if-match" => etag } => 200, { "if-match" => "W/#{etag}" } => 412, { "if-match" => "*" } => 200,
      { "if-match" => etag, "if-unmodified-since" => earlier } => 200, { "if-match" => "\"x\"", "if-none-match" => etag } => 412 }.each do |fields, status|
      ["/assets/ten.txt", "/to_path?ten.txt"].each { |path| assert_equal status, get(path, **conditions(fields, path)).status, [path, fields] }
    end
  end

  # A file has one tag below a mount and as a body.
  def conditions(fields, path) = fields.transform_values { |value| value.include?("\"x\"") ? value : value.sub(/"\h{16}"/) { get(path)["etag"] } }

  def test_F7_a_huge_if_none_match
    list = Array.new(4000) { |index| "\"#{index}\"" }.join(",")
    assert_equal [200, 304], ["", ",#{get("/assets/ten.txt")["etag"]}"].map { |rest| get("/assets/ten.txt", "if-none-match" => list + rest).status }
  end

  TARGETS = ["/assets/ten.txt", "/to_path?ten.txt"].freeze

  def test_one_range
    { "bytes=2-5" => [206, "2345", "bytes 2-5/10"], "bytes=7-" => [206, "789", "bytes 7-9/10"], "bytes=-3" => [206, "789", "bytes 7-9/10"],
      "bytes=0-99" => [206, TEN, "bytes 0-9/10"], "bytes=0-0" => [206, "0", "bytes 0-0/10"], "bytes=-99" => [206, TEN, "bytes 0-9/10"],
      "bytes=10-" => [416, "Range Not Satisfiable\n", "bytes */10"], "bytes=-0" => [416, "Range Not Satisfiable\n", "bytes */10"] }.each do |range, expected|
      TARGETS.each do |path|
        response = get(path, "range" => range)
        assert_equal expected, [response.status, response.body, response["content-range"]], [path, range]
      end
    end
  end

  def test_C10_ranges_that_are_no_ranges_give_everything
    many = Array.new(1000) { |index| "#{index % 10}-#{index % 10}" }.join(",")
    ["bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=", "bytes=0-5,3-9", "bytes=#{many}", "bytes=#{(["0-"] * 500).join(",")}", ["bytes=0-1", "bytes=2-3"]].each do |range|
      TARGETS.each { |path| assert_equal [200, TEN, []], get(path, "range" => range).then { |response| [response.status, response.body, response.values("content-range")] }, [path, range] }
    end
  end

  def test_several_ranges
    ["/assets/ten.txt", "/to_path?ten.txt"].each do |path|
      response = get(path, "range" => "bytes=0-1, -2,4-4")
      assert_equal 206, response.status
      assert_equal [["bytes 0-1/10", "01"], ["bytes 8-9/10", "89"], ["bytes 4-4/10", "4"]], parts_of(response), path
    end
    ranges = Array.new(16) { |index| (index * 600_001)...(index * 600_001 + 100_000) }
    response = get("/assets/large.bin", "range" => "bytes=#{ranges.map { |range| "#{range.begin}-#{range.end - 1}" }.join(",")}")
    assert_equal ranges.map { |range| Digest::SHA256.hexdigest(LARGE[range]) }, parts_of(response).map { |_, bytes| Digest::SHA256.hexdigest(bytes) }
    assert_equal 200, get("/assets/large.bin", "range" => "bytes=#{Array.new(17) { |index| "#{index * 2}-#{index * 2}" }.join(",")}").status
  end

  def test_ranges_of_others
    assert_equal [200, "10", "", []], fetch("HEAD", "/assets/ten.txt", "range" => "bytes=0-1").then { |response| [response.status, response["content-length"], response.body, response.values("content-range")] }
    assert_equal 200, get("/encoded?ten.txt", "range" => "bytes=0-1").status
    assert_equal 404, get("/missing?ten.txt", "range" => "bytes=0-1").status
  end

  def test_if_range
    TARGETS.each do |path|
      etag = get(path)["etag"]
      { etag => 206, "W/#{etag}" => 200, "\"x\"" => 200, PAST_DATE => 206, (PAST + 1).httpdate => 200, "nonsense" => 200 }.each do |value, status|
        assert_equal status, get(path, "range" => "bytes=0-1", "if-range" => value).status, [path, value]
      end
    end
  end

  def test_W7_a_body_with_a_path_keeps_status_and_headers
    missing = get("/missing?page.html", "if-none-match" => "*")
    assert_equal [404, "<p>", "text/html", "1", "3"], [missing.status, missing.body, missing["content-type"], missing["x-app"], missing["content-length"]]
    own = get("/own?ten.txt")
    assert_equal [TEN, '"own"', "Mon, 01 Jan 2024 00:00:00 GMT"], [own.body, own["etag"], own["last-modified"]]
    assert_equal 304, get("/own?ten.txt", "if-none-match" => '"own"').status
    assert_equal ["", "10", "1"], fetch("HEAD", "/to_path?ten.txt").then { |response| [response.body, response["content-length"], response["x-app"]] }
    assert_equal "what each gives", get("/to_path?none").body
  end

  def test_empty_files
    ["/assets/empty.txt", "/to_path?empty.txt"].each do |path|
      assert_equal [200, "", "0"], get(path).then { |response| [response.status, response.body, response["content-length"]] }
      assert_equal 416, get(path, "range" => "bytes=0-").status
    end
  end

  def test_ten_megabytes_to_a_slow_reader
    ["/assets/large.bin", "/to_path?large.bin", "/forever/large.bin"].each do |path|
      client = connect(receive_buffer: 8192).write(head("GET #{path}", "Connection: close"))
      received = client.read_slowly(30_000, interval: 0.005, times: 40) + client.read_to_end
      assert_equal Digest::SHA256.hexdigest(LARGE), Digest::SHA256.hexdigest(received.split("\r\n\r\n", 2).last), path
    end
  end

  def test_files_static_responses_and_the_app_in_one_write
    kinds = { "/assets/ten.txt" => TEN, "/assets/large.bin" => LARGE, "/rack" => "rack GET /rack", "/to_path?page.html" => "<p>", "/assets/static.txt" => "a route, not a file\n" }
    paths = Array.new(15) { |index| kinds.keys[index * 7 % 5] }
    assert_equal kinds.values_at(*paths).map(&:hash), exchange(*paths.map { |path| head("GET #{path}") }).map { |response| response.body.force_encoding("UTF-8").hash }
  end

  def test_curl
    skip "curl is not installed" unless system("command -v curl >/dev/null")
    url = server.url("/assets/large.bin")
    copy = "#{dir}/copy"
    curl("-o", copy, url)
    assert_equal LARGE, File.binread(copy)
    File.truncate(copy, 1_234_567)
    curl("-C", "-", "-o", copy, url)
    assert_equal Digest::SHA256.hexdigest(LARGE), Digest::SHA256.file(copy).hexdigest
    curl("-R", "-o", copy, url)
    assert_equal PAST, File.mtime(copy)
    assert_equal "304", curl("-z", copy, "-o", "#{dir}/none", "-w", "%{http_code}", url)
    assert_match(%r{\AHTTP/1\.1 200 OK\r\n}, curl("-I", url))
    curl("--etag-save", "#{dir}/etag", "-o", copy, url)
    assert_equal "304", curl("--etag-compare", "#{dir}/etag", "-o", "#{dir}/none", "-w", "%{http_code}", url)
  end

  def curl(*arguments)
    output, errors, status = Open3.capture3("curl", "-sS", "--max-time", "20", *arguments, binmode: true)
    assert_predicate status, :success?, "curl #{arguments.join(" ")}: #{errors}"
    output
  end

  def test_modes_and_series
    before = modes
    get("/assets/ten.txt")
    get("/strict/none")
    get("/assets/none")
    after = modes
    assert_equal({ "file" => 2, "rack" => 1 }, %w[file rack].to_h { |mode| [mode, after[mode].to_i - before[mode].to_i] })
    paths = get("/-/metrics", "x-hyperion-admin-token" => TOKEN).body.scan(/duration_seconds_count\{method="GET",path="([^"]*)"/).flatten
    assert_includes paths, "/assets/*"
    refute_includes paths, "/assets/ten.txt"
  end
end
