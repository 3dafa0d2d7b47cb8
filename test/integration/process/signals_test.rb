# frozen_string_literal: true

require_relative "process_case"

# HUP, storms of signals, and signals in unlucky moments.
class SignalsTest < HyperionTest::ProcessCase
  # Descriptors of any process that are open on the file.
  def holders(path)
    Dir["/proc/[0-9]*/fd/*"].select do |link|
      File.readlink(link) == path
    rescue SystemCallError
      false
    end
  end

  def test_hup_reopens_the_log_file
    [[], %w[-w 2]].each_with_index do |flags, i|
      path = "#{dir}/access#{i}.log"
      logging = boot_with("log_file #{path.inspect}\n", *flags)
      get("/before", to: logging)
      eventually { File.exist?(path) && File.read(path).include?("/before") }
      File.rename(path, "#{path}.1")
      logging.signal(:HUP)
      eventually("the file is not there again") { File.exist?(path) && holders("#{path}.1").empty? }
      12.times { |n| get("/after#{n}", to: logging) }
      eventually { (0..11).all? { |n| File.read(path).include?("/after#{n}") } }
      refute_includes File.read("#{path}.1"), "/after"
      assert_equal 0, logging.stop.exitstatus
    end
  end

  def test_hup_without_a_log_file_changes_nothing
    server.signal(:HUP)
    assert_equal server.pid.to_s, body("/pid")
    assert server.alive?
  end

  def test_G4_storms_of_hup_leave_a_serving_server
    [[], %w[-w 2]].each do |flags|
      stormy = boot(BASIC, *flags)
      pids = stormy.pids.sort
      200.times { stormy.signal(:HUP) }
      20.times { assert_match(/\d+/, body("/pid", to: stormy)) }
      assert_equal pids, stormy.pids.sort
      assert_equal 0, stormy.stop.exitstatus
    end
  end

  def test_quit_is_a_clean_end
    [[], %w[-w 2]].each do |flags|
      ended = boot(BASIC, *flags)
      assert_equal 0, ended.stop(:QUIT).exitstatus
      assert_empty ended.pids
    end
  end

  def test_G4_storms_of_term_end_cleanly
    [[], %w[-w 2]].each do |flags|
      stormy = boot(BASIC, *flags)
      20.times do
        stormy.signal(:TERM)
      rescue Errno::ESRCH
        break
      end
      assert_includes [0, nil], stormy.wait.exitstatus
      assert_empty stormy.pids
    end
  end

  def test_G4_term_and_hup_together
    stormy = boot(BASIC, "-w", "2")
    %i[HUP TERM HUP].each { |name| stormy.alive? && stormy.signal(name) }
    assert_equal 0, stormy.wait.exitstatus
    assert_empty stormy.pids
  end

  def test_G4_term_while_booting
    [0.05, 0.15, 0.3, 0.5].each do |moment|
      [[], %w[-w 2]].each do |flags|
        young = HyperionTest::TestServer.new(BASIC, *flags)
        ending { young.destroy }
        sleep moment
        young.signal(:TERM) if young.alive?
        status = young.wait(timeout: 5)
        ended = status.success? || status.termsig == Signal.list["TERM"] || status.exitstatus == 143
        # A silent end with status 1 is Ruby's own: the signal came before it ran the first line of the executable.
        assert ended || young.log.empty?, "after #{moment} s: #{status.inspect} #{young.log}"
        assert_empty young.pids
      end
    end
  end

  def test_G4_term_while_a_worker_is_replaced
    cluster = boot(BASIC, "-w", "2")
    Process.kill(:KILL, cluster.worker_pids.first)
    # One that is seen to die behind the request to stop makes the status 1.
    cluster.wait_for_log(/ended: killed by SIGKILL/)
    cluster.signal(:TERM)
    assert_equal 0, cluster.wait.exitstatus
    assert_empty cluster.pids
  end

  def test_G4_a_signal_to_the_whole_group_is_a_clean_end
    cluster = boot(BASIC, "-w", "2")
    Process.kill(:INT, -cluster.pid)
    assert_equal 0, cluster.wait.exitstatus
    assert_empty cluster.pids
  end
end
