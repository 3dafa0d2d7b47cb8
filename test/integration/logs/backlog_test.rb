# frozen_string_literal: true

require_relative "lines_case"

# Whoever reads the log may be slow, stop or go; no request waits for that, what is missing is told, and
# lines of several processes stay apart.
class BacklogTest < HyperionTest::LinesCase
  # A few hundred of these are more than a pipe and the buffer hold together.
  LONG = "z" * 3000
  # Looks like fields where a line begins with a part of it.
  FORGED = "'level=error'source=server'message=forged'" * 150

  { "one_process" => [], "a_cluster" => %w[-w 2], "io_uring" => %w[--io io_uring] }.each do |name, flags|
    define_method("test_a_reader_that_does_not_read_holds_up_no_request_of_#{name}") do
      held = boot_unread(*flags)
      flood(held)
      text = read_all
      lines = text.lines.map { |line| JSON.parse(line) }
      told = lines.select { |line| line["message"] == "lines were lost" }
      refute_empty told
      told.each { |line| assert_equal %w[warn log], line.values_at("level", "source") }
      missing = @asked - lines.count { |line| line["source"] == "access" }
      # A worker adds what it has lost to the numbers of all when it has something to do.
      eventually("#{missing} lines are missing and #{dropped(held)} counted") { dropped(held) == missing }
      assert_equal missing, told.sum { |line| Integer(line["lines"]) }
    end

    define_method("test_W19_B5_long_lines_of_#{name}_do_not_mix_in_a_pipe") do
      { "text" => /\Ats=[^ ]+ level=info source=access message=request method=GET path=\/static query=.* http_version=1\.1\n\z/,
        "json" => /\A\{"ts":"[^"]+","level":"info","source":"access","message":"request",.*"http_version":"1\.1"\}\n\z/ }.each do |format, shape|
        mixed = boot_unread(*flags, format: format)
        clients = Array.new(8) { connect(mixed) }
        reading = start_reading(1500)
        # Together less than the buffer holds, however slowly they are read.
        20.times do
          clients.each { |client| client.request("GET", "/static?#{FORGED}") }
          clients.each { |client| assert_equal 200, client.response.status }
        end
        text = eventually("lines are missing", timeout: 10) { reading.text.then { |so_far| so_far if so_far.count("\n") >= 160 } }
        text.lines.each { |line| assert_match(shape, line) }
        assert_equal 160, text.lines.size
      end
    end
  end

  def test_a_reader_that_has_gone_holds_up_nothing_either
    left = boot_unread
    @reader.close
    client = connect(left)
    50.times { assert_equal 200, client.get("/static").status }
    eventually { dropped(left) >= 50 }
    assert_equal 0, left.stop.exitstatus
  end

  def test_a_full_disk_holds_up_nothing_either
    full = boot(APP, "--log-file", "/dev/full", "--admin-token", TOKEN)
    client = connect(full)
    50.times { assert_equal 200, client.get("/static").status }
    eventually { dropped(full) >= 50 }
    assert_equal 0, full.stop.exitstatus
  end

  def test_I8_each_line_that_a_full_disk_has_cost_is_told_of_when_there_is_room_again
    path = File.join(dir, "log")
    File.symlink("/dev/full", path)
    full = boot(APP, "--log-file", path, "--admin-token", TOKEN)
    client = connect(full)
    3.times do |round|
      40.times { assert_equal 200, client.get("/static").status }
      eventually { dropped(full) >= 40 * (round + 1) }
      sleep 1.1 # So often the loss is told at most, and each time in vain.
    end
    File.unlink(path)
    full.signal(:HUP)
    told = -> { File.exist?(path) ? File.readlines(path).grep(/lines were lost/).sum { |line| Integer(JSON.parse(line)["lines"]) } : 0 }
    eventually("#{told.call} lines are told of", timeout: 10) { told.call == dropped(full) }
    assert_equal 0, full.stop.exitstatus
  end

  def test_a_reader_that_does_not_read_does_not_hold_up_the_end
    held = boot_unread
    flood(held)
    assert_equal 0, held.stop(timeout: 10).exitstatus
  end

  private

  # What has been read so far.
  Reading = Struct.new(:thread, :bytes) do
    def text = bytes.dup.force_encoding("UTF-8")
  end

  # A server that logs to a pipe whose reader is this test.
  def boot_unread(*flags, format: "json")
    pipe = "#{dir}/log#{@pipes = (@pipes || 0) + 1}"
    File.mkfifo(pipe)
    @reader = File.open(pipe, File::RDONLY | File::NONBLOCK)
    ending { @reader.close unless @reader.closed? }
    boot(APP, *flags, "--log-file", pipe, "--log-format", format, "--admin-token", TOKEN)
  end

  # Asks until lines are missing.
  def flood(server)
    @asked = 0
    clients = Array.new(4) { connect(server) }
    until dropped(server).positive?
      clients.each { |client| 25.times { assert_equal 200, client.get("/static?#{LONG}").status } }
      @asked += 100
    end
  end

  # Of all processes. The page has a line itself.
  def dropped(server)
    page = get("/-/metrics", to: server, "x-hyperion-admin-token" => TOKEN).body
    @asked += 1 if @asked
    Integer(page[/^hyperion_log_lines_dropped_total (\d+)/, 1])
  end

  def start_reading(piece)
    reader = @reader
    Reading.new(nil, +"".b).tap do |reading|
      reading.thread = Thread.new { loop { reading.bytes << reader.readpartial(piece) } rescue nil }
      ending { reading.thread.kill.join }
    end
  end

  # Everything up to the word about what is missing, and until nothing more comes.
  def read_all
    reading = start_reading(65_536)
    before = 0
    eventually("the writer does not go on", timeout: 15) do
      before = reading.bytes.size
      sleep 0.3
      reading.text.include?("lines were lost") && reading.bytes.size == before
    end
    reading.text
  end
end
