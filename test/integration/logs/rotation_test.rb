# frozen_string_literal: true

require_relative "lines_case"

# HUP behind a file that was moved, as logrotate does.
class RotationTest < HyperionTest::LinesCase
  MODES = { "one_process" => [], "a_cluster" => %w[-w 2] }.freeze

  MODES.each do |name, flags|
    define_method("test_no_line_of_#{name}_is_lost_or_torn_while_files_are_moved_under_load") do
      path = "#{dir}/access.log"
      busy = boot(APP, *flags, "--log-file", path, "--log-format", "json", "--pid-file", "#{dir}/pid")
      asked = Queue.new
      clients = Array.new(4) { |number| Thread.new { ask(busy, number, asked) } }
      moved = Array.new(6) do |index|
        eventually("nothing is written", timeout: 10) { File.exist?(path) && File.size(path) > 20_000 }
        File.rename(path, "#{path}.#{index}")
        Process.kill(:HUP, Integer(File.read("#{dir}/pid")))
        "#{path}.#{index}"
      end
      @enough = true
      clients.each(&:join)
      assert_equal 0, busy.stop.exitstatus
      lines = [*moved, path].flat_map { |file| File.readlines(file) }.map { |line| JSON.parse(line) }
      queries = lines.filter_map { |line| line["query"] if line["path"] == "/static" }
      assert_equal Array.new(asked.size) { asked.pop }.sort, queries.sort
      refute_includes File.read(path, encoding: "UTF-8"), "cannot be opened"
    end

    define_method("test_#{name}_keeps_its_file_where_the_new_one_cannot_be_made") do
      FileUtils.mkdir_p("#{dir}/logs")
      path = "#{dir}/logs/access.log"
      kept = boot(APP, *flags, "--log-file", path, "--log-format", "json")
      File.rename("#{dir}/logs", "#{dir}/old")
      former = "#{dir}/old/access.log"
      kept.signal(:HUP)
      writers = kept.worker_pids.size + 1
      eventually { File.read(former).scan(/cannot be opened(?: again)?[^}]*No such file/).size >= writers }
      12.times { |index| assert_equal 200, get("/static?kept#{index}", to: kept).status }
      eventually { File.read(former).scan("kept").size == 12 }
      FileUtils.mkdir_p("#{dir}/logs")
      kept.signal(:HUP)
      eventually { File.exist?(path) && holders(former).empty? }
      12.times { |index| get("/static?anew#{index}", to: kept) }
      eventually { File.read(path).scan("anew").size == 12 }
      refute_includes File.read(former), "anew"
      assert_equal 0, kept.stop.exitstatus
    end
  end

  def test_a_file_that_cannot_be_made_is_told_at_boot
    assert_match(%r{the log file /nowhere/at/all\.log cannot be opened}, refuse("--log-file", "/nowhere/at/all.log", APP))
  end

  private

  def ask(server, number, asked)
    client = server.connect
    index = 0
    until @enough
      query = "q#{number}x#{index += 1}"
      client.get("/static?#{query}")
      asked << query
    end
  ensure
    client&.close
  end

  # Descriptors of any process that are open on the file.
  def holders(path)
    Dir["/proc/[0-9]*/fd/*"].select do |link|
      File.readlink(link) == path
    rescue SystemCallError
      false
    end
  end
end
