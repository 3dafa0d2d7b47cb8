# frozen_string_literal: true

require "timeout"
require_relative "files_case"

# Nothing outside of a mount, nothing but regular files, and nothing that blocks.
class SafetyTest < HyperionTest::FilesCase
  serve app("files"), "-t", "2"

  # Answered by the app, or not at all: in no case with a file.
  def assert_not_served(path)
    response = connect.write("GET #{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".b).response
    assert [400, 404].include?(response.status) || response.body.start_with?("rack GET /"), "#{path}: #{response.status} #{response.body[0, 100]}"
  end

  ESCAPES = %w[.. %2e%2e .%2e %2E. ..%2f %2e%2e%2f ..%5c ..\\ ..%00 ..; %252e%252e %c0%ae%c0%ae %u002e%u002e].freeze

  def test_F7_paths_that_lead_out
    %w[assets strict forever site].each do |mount|
      ESCAPES.each { |up| ["outside.txt", "private/report.pdf"].each { |name| assert_not_served("/#{mount}/#{up}/#{name}") } }
      ["/#{mount}/sub/../../outside.txt", "/#{mount}//outside.txt", "/#{mount}//#{tree}/outside.txt", "/#{mount}/%2f#{tree}/outside.txt", "/#{mount}/#{"../" * 20}etc/passwd",
       "/#{mount}/ten.txt%00", "/#{mount}/ten.txt/", "/#{mount}/ten.txt/..", "/#{mount}/./ten.txt", "/#{mount}/ten%2etxt%2f", "/#{mount}/%zz", "/#{mount}/%", "/#{mount}/.hidden",
       "/#{mount}/#{"a" * 300}", "/#{mount}/#{"a/" * 3000}x"].each { |path| assert_not_served(path) }
    end
    assert_equal 404, get("/strict/../outside.txt").status
  end

  def test_F7_no_nul_in_a_request_line
    assert_equal 400, connect.write("GET /assets/ten.txt\0 HTTP/1.1\r\nHost: a\r\n\r\n").response.status
  end

  def link(name, target)
    File.symlink(target, "#{tree}/#{name}")
    ending { File.unlink("#{tree}/#{name}") }
  end

  def test_F7_links_that_lead_out_and_those_that_stay
    link("assets/out.txt", "../outside.txt")
    link("assets/absolute.txt", "#{tree}/outside.txt")
    link("assets/up", "..")
    link("assets/loop", "loop")
    link("assets/chain", "out.txt")
    link("assets/proc", "/proc/self/root")
    link("assets/stays.txt", "sub/../ten.txt")
    link("assets/into", "sub")
    %w[out.txt absolute.txt up/outside.txt loop chain proc/etc/passwd up/private/report.pdf].each { |name| assert_not_served("/assets/#{name}") }
    assert_equal [TEN, "css"], [get("/assets/stays.txt").body, get("/assets/into/deep.css").body]
  end

  def test_F7_pipes_devices_sockets_and_directories
    File.mkfifo("#{tree}/assets/pipe")
    UNIXServer.new("#{tree}/assets/socket").close
    ending { FileUtils.rm_f(["#{tree}/assets/pipe", "#{tree}/assets/socket"]) }
    %w[pipe socket sub].each do |name|
      assert_equal "rack GET /assets/#{name}", get("/assets/#{name}").body
      assert_equal 404, get("/strict/#{name}").status
      assert_equal "what each gives", get("/to_path?#{name}").body, "a body of the app with that path"
    end
    assert_equal "what each gives", get("/absolute?/dev/zero").body
    assert_equal "what each gives", get("/absolute?/dev/tty").body
  end

  def test_F7_a_device_below_a_mount
    made = system("mknod", "#{tree}/assets/zero", "c", "1", "5", err: File::NULL)
    skip "devices cannot be made here" unless made
    ending { FileUtils.rm_f("#{tree}/assets/zero") }
    assert_equal 404, get("/strict/zero").status
  end

  # Without these even root must ask for permission.
  RESTRICTED = %w[setpriv --bounding-set=-dac_override,-dac_read_search].freeze

  def test_a_file_that_may_not_be_read
    skip "setpriv cannot be used here" unless Process.uid.positive? || system(*RESTRICTED, "true", err: File::NULL)
    File.chmod(0, plant("assets/closed.txt", "x"))
    command = Process.uid.zero? ? [*RESTRICTED, *HyperionTest::TestServer.command] : nil
    restricted = boot_files("-t", "1", command: command)
    assert_equal ["rack GET /assets/closed.txt", 403], [get("/assets/closed.txt", to: restricted).body, get("/strict/closed.txt", to: restricted).status]
  end

  def test_the_files_of_an_internal_mount_are_not_served
    ["/private/report.pdf", "/private/", "/private/./report.pdf"].each { |path| assert_not_served(path) }
  end

  def test_F7_a_file_that_becomes_shorter_while_it_is_sent
    ["/assets/short.bin", "/to_path?short.bin"].each do |path|
      file = plant("assets/short.bin", LARGE)
      client = connect(receive_buffer: 8192).write(head("GET #{path}") + head("GET /assets/ten.txt"))
      response = client.response_head
      assert_equal LARGE.bytesize.to_s, response["content-length"]
      first = client.read_some
      File.truncate(file, 1_000_000)
      rest = first + client.read_to_end
      assert_operator rest.bytesize, :<, LARGE.bytesize, path
      assert_equal LARGE[0, 1_000_000], rest[0, 1_000_000]
      # What the kernel had queued by then it may have cleared, for these pages are those of the file.
      assert rest[1_000_000..].each_byte.with_index(1_000_000).all? { |byte, index| byte.zero? || byte == LARGE.getbyte(index) }
      assert_equal TEN, get("/assets/ten.txt").body
    end
  end

  def test_a_file_that_is_replaced_while_it_is_sent
    file = plant("assets/swap.bin", LARGE)
    client = connect(receive_buffer: 8192).write(head("GET /assets/swap.bin", "Connection: close"))
    client.response_head
    first = client.read_some
    File.binwrite("#{file}.new", "new")
    File.rename("#{file}.new", file)
    assert_equal LARGE, first + client.read_to_end
    assert_equal "new", get("/assets/swap.bin").body
  end

  def test_many_readers_that_leave_cost_no_descriptors
    get("/assets/large.bin")
    before = server.descriptor_count
    20.times do
      client = connect(receive_buffer: 4096).write(head("GET /assets/large.bin"))
      client.response_head
      client.abort
    end
    eventually("descriptors are left open") { server.descriptor_count <= before }
  end

  def test_with_no_descriptors_left_it_says_so_and_recovers
    small = boot_files("-t", "1", rlimit_nofile: 80)
    room = 80 - small.descriptor_count - 5
    clients = Array.new(room) { connect(small, receive_buffer: 4096) }
    statuses = clients.map { |client| client.write(head("GET /strict/large.bin")).response_head.status }
    assert_equal [200, 503], statuses.uniq
    clients.each(&:abort)
    eventually { (get("/strict/large.bin", to: small).status == 200 rescue false) }
  end
end
