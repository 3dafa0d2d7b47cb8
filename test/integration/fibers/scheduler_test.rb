# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../../lib", __dir__))

require "minitest/autorun"
require "hyperion"
require "net/http"
require "open3"
require "openssl"
require "resolv"
require "socket"
require "tempfile"
require "timeout"
require "tmpdir"

# What fibers of a thread wait for, each beside another that goes on meanwhile.
class SchedulerTest < Minitest::Test
  MOMENT_S = 0.01

  # What a scheduled thread gives; it ends when all its fibers have.
  def scheduled(&block)
    thread = Thread.new do
      Thread.current.report_on_exception = false
      Fiber.set_scheduler(Hyperion::Scheduler.new)
      instance_exec(&block)
    end
    assert thread.join(20), "fibers hang: #{thread.backtrace&.first(5)}"
    thread.value
  end

  # Runs the block in a fiber, beside one that takes notes of whether it is let go on; gives what it gives.
  def waits_alone(&block)
    result = nil
    turns = 0
    scheduled do
      done = false
      Fiber.schedule do
        result = instance_exec(&block)
      ensure
        done = true
      end
      Fiber.schedule do
        until done
          turns += 1
          sleep(0.001)
        end
      end
    end
    assert_operator turns, :>, 2, "the other fiber did not go on"
    result
  end

  def test_sleep
    assert_equal 0, waits_alone { sleep(MOMENT_S) }
    assert_raises(ArgumentError) { waits_alone { sleep(-1) } }
  end

  def test_many_sleepers_wake_in_the_order_of_their_times
    woken = []
    scheduled { [3, 1, 2].each { |n| Fiber.schedule { sleep(n * MOMENT_S) && woken << n } } }
    assert_equal [1, 2, 3], woken
  end

  def test_a_queue_and_a_thread_that_fills_it
    assert_equal :work, waits_alone {
      queue = Thread::Queue.new
      Thread.new { sleep(MOMENT_S) && queue << :work }
      queue.pop
    }
  end

  def test_a_sized_queue_that_is_full
    assert_equal [1, 2, 3], waits_alone {
      queue = Thread::SizedQueue.new(1)
      Fiber.schedule { 3.times { |n| queue << n + 1 } }
      Array.new(3) { sleep(MOMENT_S) && queue.pop }
    }
  end

  def test_a_mutex_that_a_thread_holds
    assert_equal :mine, waits_alone {
      mutex = Thread::Mutex.new
      held = Thread::Queue.new
      Thread.new { mutex.synchronize { held << true && sleep(MOMENT_S) } }
      held.pop
      mutex.synchronize { :mine }
    }
  end

  def test_a_condition_variable
    assert_equal :told, waits_alone {
      mutex, changed, told = Thread::Mutex.new, Thread::ConditionVariable.new, false
      Thread.new { sleep(MOMENT_S) && mutex.synchronize { (told = true) && changed.signal } }
      mutex.synchronize { changed.wait(mutex) until told }
      :told
    }
  end

  def test_a_condition_variable_that_nobody_signals_in_time
    scheduled do
      Fiber.schedule do
        mutex = Thread::Mutex.new
        mutex.synchronize do
          Thread::ConditionVariable.new.wait(mutex, MOMENT_S)
          assert_predicate mutex, :owned?
        end
      end
    end
  end

  def test_the_end_and_the_value_of_a_thread
    assert_equal 42, waits_alone { Thread.new { sleep(MOMENT_S) && 42 }.value }
    assert_raises(KeyError) { waits_alone { Thread.new { raise KeyError }.tap { |thread| thread.report_on_exception = false }.join } }
    assert_nil waits_alone { Thread.new { sleep }.join(MOMENT_S) } if RUBY_VERSION >= "3.2" # Older ones join for ever.
  end

  def test_pipes
    assert_equal "all of it", waits_alone {
      reader, writer = IO.pipe
      Fiber.schedule { %w[all of it].each { |word| sleep(MOMENT_S) && writer.write(word, word == "it" ? "" : " ") } && writer.close }
      reader.read
    }
  end

  def test_a_pipe_that_is_full
    bytes = "x" * 1_000_000
    read = waits_alone do
      reader, writer = IO.pipe
      Fiber.schedule { writer.write(bytes) && writer.close }
      sleep(MOMENT_S)
      reader.read
    end
    assert_equal bytes, read
  end

  def test_tcp_and_unix_sockets
    [-> { TCPServer.new("127.0.0.1", 0) }, -> { UNIXServer.new("#{Dir.mktmpdir}/socket") }].each do |listen|
      answer = waits_alone do
        server = listen.call
        Fiber.schedule do
          client = server.accept
          line = client.gets
          sleep(MOMENT_S)
          client.write("you said #{line}")
          client.close
        end
        client = server.is_a?(UNIXServer) ? UNIXSocket.new(server.path) : TCPSocket.new("127.0.0.1", server.addr[1])
        client.puts("hello")
        client.read
      end
      assert_equal "you said hello\n", answer
    end
  end

  def test_a_socket_that_one_fiber_reads_and_another_writes
    assert_equal 200, waits_alone {
      one, other = UNIXSocket.pair
      Fiber.schedule { 200.times { |n| other.puts(other.gets.to_i == n) } }
      lines = Thread::Queue.new
      Fiber.schedule { 200.times { lines << one.gets } }
      200.times { |n| one.puts(n) }
      sleep(MOMENT_S)
      Array.new(200) { lines.pop }.count("true\n")
    }
  end

  def test_wait_readable_in_time_or_not
    assert_equal [nil, true], waits_alone {
      reader, writer = IO.pipe
      early = reader.wait_readable(MOMENT_S)
      writer.write("x")
      [early, reader.wait_readable(1) == reader]
    }
  end

  def test_net_http_and_openssl
    key = OpenSSL::PKey::EC.generate("prime256v1")
    certificate = OpenSSL::X509::Certificate.new
    certificate.public_key = key
    certificate.not_before, certificate.not_after = Time.now - 60, Time.now + 60
    certificate.sign(key, "SHA256")
    body = waits_alone do
      tcp = TCPServer.new("127.0.0.1", 0)
      context = OpenSSL::SSL::SSLContext.new
      context.add_certificate(certificate, key)
      Fiber.schedule do
        client = OpenSSL::SSL::SSLServer.new(tcp, context).accept
        nil until client.gets == "\r\n"
        sleep(MOMENT_S)
        client.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret")
        client.close
      end
      Net::HTTP.start("127.0.0.1", tcp.addr[1], use_ssl: true, verify_mode: OpenSSL::SSL::VERIFY_NONE) { |http| http.get("/").body }
    end
    assert_equal "secret", body
  end

  def test_names
    scheduled do
      Fiber.schedule { assert_includes Addrinfo.getaddrinfo("localhost", 80, nil, :STREAM).map(&:ip_address), "127.0.0.1" }
      Fiber.schedule { assert_includes Resolv.getaddresses("localhost"), "127.0.0.1" }
      Fiber.schedule { assert_raises(SocketError) { Addrinfo.getaddrinfo("nowhere.invalid", 80) } }
    end
  end

  def test_time_outs
    assert_equal :late, waits_alone {
      begin
        Timeout.timeout(MOMENT_S) { sleep }
      rescue Timeout::Error
        :late
      end
    }
    assert_equal [:late, :in_time], waits_alone {
      [begin
        Timeout.timeout(MOMENT_S, KeyError) { Thread::Queue.new.pop }
      rescue KeyError
        :late
      end, Timeout.timeout(5) { sleep(MOMENT_S) && :in_time }]
    }
  end

  def test_a_time_out_of_a_fiber_whose_wait_is_over_already
    ended = []
    scheduled do
      100.times do |n|
        Fiber.schedule do
          Timeout.timeout(MOMENT_S) { sleep(MOMENT_S) }
          ended << n
        rescue Timeout::Error
          ended << n
        end
      end
      Fiber.schedule { sleep(MOMENT_S * 3) }
    end
    assert_equal (0..99).to_a, ended.sort
  end

  def test_processes
    assert_equal ["out\n", 3], waits_alone { [`sleep 0.02; echo out`, Process.wait2(spawn("sleep 0.02; exit 3")).last.exitstatus] }
    assert_equal ["up\n", "", 0], waits_alone { Open3.capture3("tr a-z A-Z | tr A-Z a-z", stdin_data: "up\n").then { |out, error, status| [out, error, status.exitstatus] } }
    assert_equal true, waits_alone { system("sleep 0.02") }
  end

  def test_io_select
    skip "IO.select calls no hook before Ruby 3.2, and blocks its thread" if RUBY_VERSION < "3.2"
    assert_equal 1, waits_alone {
      reader, writer = IO.pipe
      Fiber.schedule { sleep(MOMENT_S) && writer.write("x") }
      IO.select([reader]).first.size
    }
  end

  def test_files
    Tempfile.create("scheduler") do |file|
      bytes = "0123456789" * 300_000
      scheduled do
        Fiber.schedule do
          File.write(file.path, bytes)
          assert_equal bytes, File.read(file.path)
          assert_equal "456", File.open(file.path) { |io| io.pread(3, 4) }
          File.open(file.path, "r+") { |io| io.pwrite("abc", 2) }
          assert_equal "01abc5", File.open(file.path) { |io| io.read(6) }
          assert_equal bytes.bytesize, File.size(file.path)
          assert_equal 300_000, File.open(file.path, &:read).count("9")
        end
      end
    end
  end

  def test_a_stream_that_is_closed_while_a_fiber_reads
    skip "Ruby tells of it since 3.2" if RUBY_VERSION < "3.3"
    scheduled do
      reader, = IO.pipe
      Fiber.schedule { assert_raises(IOError) { reader.read(1) } }
      Fiber.schedule { sleep(MOMENT_S) && reader.close }
    end
  end

  def test_enumerators_within_fibers
    skip "the fiber of an enumerator blocks its thread in this Ruby" if Enumerator.new { |yielder| yielder << Fiber.current.blocking? }.next
    assert_equal [[1, 2], 3], waits_alone {
      numbers = Enumerator.new { |yielder| 3.times { |n| sleep(MOMENT_S) && yielder << n + 1 } }
      [[numbers.next, numbers.next], numbers.next]
    }
  end

  def test_exceptions_and_throws_stay_in_their_fiber
    assert_equal :caught, waits_alone {
      begin
        sleep(MOMENT_S)
        raise KeyError
      rescue KeyError
        :caught
      end
    }
    assert_equal :thrown, waits_alone {
      catch(:out) do
        sleep(MOMENT_S)
        throw :out, :thrown
      end
    }
  end

  def test_what_a_fiber_raises_and_nobody_rescues_ends_the_thread
    assert_raises(KeyError) { scheduled { Fiber.schedule { sleep(MOMENT_S) && raise(KeyError) } } }
  end

  def test_fibers_that_begin_fibers
    order = []
    scheduled do
      Fiber.schedule do
        order << 1
        Fiber.schedule { order << 2 && sleep(MOMENT_S) && order << 4 }
        order << 3
      end
    end
    assert_equal [1, 2, 3, 4], order
  end

  def test_fork_inside
    assert_equal [true, "child"], waits_alone {
      reader, writer = IO.pipe
      pid = fork do
        writer.write("child")
        sleep(MOMENT_S)
        exit!(0)
      end
      writer.close
      [Process.wait2(pid).last.success?, reader.read]
    }
  end

  def test_fibers_survive_the_collector
    skip "compaction is not for this machine" unless GC.respond_to?(:compact)
    woken = 0
    scheduled do
      200.times { Fiber.schedule { Object.new.then { sleep(MOMENT_S * 5) } && woken += 1 } }
      Fiber.schedule { 3.times { GC.start && GC.compact && sleep(0.001) } }
    end
    assert_equal 200, woken
  end

  def test_ten_thousand_asleep_wake_all
    woken = 0
    scheduled { 10_000.times { Fiber.schedule { sleep(0.1) && woken += 1 } } }
    assert_equal 10_000, woken
  end

  # What is popped by a fiber was pushed by a thread that runs at the same time.
  def test_no_wake_up_from_other_threads_is_lost
    received = []
    scheduled do
      queue = Thread::Queue.new
      4.times { |n| Thread.new { 500.times { |m| queue << n * 500 + m } } }
      20.times { Fiber.schedule { 100.times { received << queue.pop } } }
    end
    assert_equal (0...2000).to_a, received.sort
  end

  def test_what_waits_for_itself_is_an_error
    scheduler = Hyperion::Scheduler.new
    assert_raises(Hyperion::Error) { scheduler.kernel_sleep(1) }
    scheduler.close
    assert_raises(Hyperion::Error) { scheduler.fiber { nil } }
  end

  def test_the_pool_makes_no_more_threads_than_it_may_and_hands_on_what_is_raised
    pool = Hyperion::Scheduler::Pool.new(2)
    running = most = 0
    lock = Mutex.new
    threads = Array.new(8) do
      Thread.new do
        pool.run do
          lock.synchronize { most = [most, running += 1].max }
          sleep(MOMENT_S)
          lock.synchronize { running -= 1 }
        end
      end
    end
    threads.each(&:join)
    assert_equal 2, most
    assert_raises(KeyError) { pool.run { raise KeyError } }
  end
end
