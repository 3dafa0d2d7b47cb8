# frozen_string_literal: true

require_relative "../support/unit"
require "json"
require "timeout"

class LogTest < UnitCase
  def test_a_text_line
    line = lines(format: :text) { |log| log.warn("two words", slot: 3) }.first
    assert_match(/\Ats=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=warn source=server message="two words" slot=3\n\z/, line)
  end

  def test_a_json_line
    line = JSON.parse(lines(format: :json) { |log| log.error("it \"failed\"\n", slot: 3, why: :odd) }.first)
    assert_equal ["error", "server", "it \"failed\"\n", 3, "odd"], line.values_at("level", "source", "message", "slot", "why")
  end

  def test_W19_nothing_forges_a_line
    hostile = "a=b \"x\"\r\nts=now \e[31m \xff \\ é"
    text = lines(format: :text) { |log| log.info(hostile, path: hostile) }
    assert_equal 1, text.size
    refute_match(/[^ -~\n]/, text.first)
    assert_includes text.first, '\"x\"\r\nts=now \x1b[31m'
    json = lines(format: :json) { |log| log.info(hostile, path: hostile) }
    assert_equal 1, json.size
    assert_equal hostile.scrub, JSON.parse(json.first)["path"]
  end

  def test_what_is_below_the_level_is_not_written
    assert_empty lines(level: :error) { |log| log.warn("unseen") }
    log = Hyperion::Log.new(level: :warn)
    assert_equal [false, false, true, true], [log.debug?, log.info?, log.warn?, log.error?]
  end

  def test_lines_for_a_terminal
    shown = lines(format: :terminal) { |log| log.warn("two words", slot: 3, backtrace: "a.rb:1\nb.rb:2") }.join
    assert_match(/\A\d\d:\d\d:\d\d warn  two words slot=3\n    a.rb:1\n    b.rb:2\n\z/, shown)
    assert_includes lines(format: :terminal, color: true) { |log| log.info("x") }.first, " \e[32minfo \e[0m x"
    refute_includes lines(color: true) { |log| log.info("x") }.first, "\e"
  end

  def test_a_line_for_later_has_a_place_for_its_time
    assert_equal "ts=@ts@ level=error source=server message=over\n", Hyperion::Log.new.template(:error, "over")
    assert_equal "@time@ error over\n", Hyperion::Log.new(format: :terminal).template(:error, "over")
  end

  def test_a_renamed_file_is_opened_again
    log = Hyperion::Log.new(file: path)
    log.info("before")
    File.rename(path, "#{path}.1")
    log.info("still there")
    log.reopen
    log.info("after")
    assert_equal [2, 1], [File.readlines("#{path}.1").size, File.readlines(path).size]
    assert_equal 0, File.stat(path).mode & 0o007
  end

  def test_a_file_that_cannot_be_opened_again_stays
    log = Hyperion::Log.new(file: file("logs/log", ""))
    reader = File.open("#{dir}/logs/log")
    FileUtils.remove_entry("#{dir}/logs")
    log.try_reopen
    log.info("after")
    assert_equal [true, "after"], reader.readlines.then { |first, last| [first.include?("cannot be opened"), last[/after/]] }
  ensure
    reader&.close
  end

  def test_a_file_that_cannot_be_opened
    assert_includes assert_raises(Hyperion::Error) { Hyperion::Log.new(file: "#{dir}/none/log") }.message, "#{dir}/none/log"
  end

  def test_lines_go_through_the_engine_while_it_runs
    engine = Class.new do
      def lines = @lines ||= []
      def log(*arguments) = lines << arguments
    end.new
    log = Hyperion::Log.new(file: path, level: :info)
    log.engine = engine
    log.info("carried", slot: 3)
    log.debug("unseen")
    assert_equal [[:info, "carried", { "slot" => "3" }]], engine.lines
    assert_empty File.read(path)
  end

  def test_a_log_that_cannot_be_written_harms_nobody
    skip "no /dev/full" unless File.exist?("/dev/full")
    assert_nil Hyperion::Log.new(file: "/dev/full").info("lost")
  end

  def test_B5_a_line_in_a_pipe_is_cut_to_what_arrives_in_one_piece_and_one_in_a_file_is_not
    File.mkfifo(path)
    reader = File.open(path, File::RDONLY | File::NONBLOCK)
    log = Hyperion::Log.new(file: path, format: :json)
    log.error("m" * 3000, backtrace: "\u00e4\n" * 9000, count: 7)
    line = reader.readpartial(65_536)
    assert_operator line.bytesize, :<=, 4096
    found = JSON.parse(line)
    assert_equal ["7", "mmm", "..."], [found["count"].to_s, found["message"][0, 3], found["backtrace"][-3..]]
    File.unlink(path)
    log.reopen
    log.error("m" * 9000)
    assert_equal 9000, JSON.parse(File.read(path))["message"].size
  ensure
    reader&.close
  end

  def test_a_reader_that_takes_nothing_blocks_nobody
    File.mkfifo(path)
    reader = File.open(path, File::RDONLY | File::NONBLOCK)
    log = Hyperion::Log.new(file: path)
    filler = File.open(path, File::WRONLY | File::NONBLOCK)
    nil while filler.write_nonblock("x" * 4096, exception: false) != :wait_writable
    assert_nil Timeout.timeout(5) { log.info("unread") }
    reader.readpartial(1 << 20)
    log.info("read")
    assert_match(/\Ax*ts=[^\n]* message=read\n\z/, reader.readpartial(1 << 20))
  ensure
    [filler, reader].compact.each(&:close)
  end

  private

  def path = "#{dir}/log"

  def lines(**options)
    yield Hyperion::Log.new(file: path, **options)
    File.readlines(path).tap { File.unlink(path) }
  end
end
